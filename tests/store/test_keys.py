from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from recoup.errors import InvalidValue, NotFound, NotPossible, RecoupError
from recoup.store import keys
from recoup.store.keys import Holder, NoKey

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.fixture
def do(engine):
    """Runs a function of `recoup.store.keys` in a transaction of its own."""

    def run(function, *given, now=NOON, **more):
        with engine.begin() as connection:
            return function(connection, *given, now=now, **more)

    return run


@pytest.fixture
def made(do):
    return do(keys.create, "shop", ["payments:read", "customers:read"], actor="cli:ann")


class TestAKey:
    def test_is_an_id_and_a_secret_of_which_a_hash_is_kept(self, engine, made):
        prefix, id, secret = made.text.split("_")

        with engine.connect() as connection:
            ((kept,),) = connection.execute(text("SELECT secret_hash FROM api_keys")).all()

        assert (prefix, int(id), len(secret)) == ("rk", made.key.id, 32)
        assert secret.isalnum()
        assert bytes(kept) == hashlib.sha256(secret.encode()).digest()
        assert secret not in repr(made)

    def test_is_known_by_its_whole_text_only(self, do, made):
        assert do(keys.holder, made.text) == Holder(
            made.key.id, "shop", frozenset({"customers:read", "payments:read"})
        )
        other = "b" if made.text[-1] == "a" else "a"
        for wrong, reason in (
            (None, "missing"),
            ("", "malformed"),
            (made.text[:-1], "malformed"),
            (made.text + "a", "malformed"),
            (made.text[:-1] + other, "unknown"),
            (made.text.replace(f"rk_{made.key.id}_", "rk_99_"), "unknown"),
        ):
            assert do(keys.holder, wrong) == NoKey(reason)

    def test_is_never_the_same_as_another(self, do):
        texts = {
            do(keys.create, f"k{n}", ["payments:read"], actor="a").text.split("_")[2]
            for n in range(50)
        }

        assert len(texts) == 50

    @pytest.mark.parametrize("name", ["", "A", "a b", "-a", "a" * 64, "a\n", "ä"])
    def test_has_a_name_that_a_ledger_can_keep(self, do, name):
        with pytest.raises(InvalidValue, match="name"):
            do(keys.create, name, ["payments:read"], actor="a")

    def test_may_have_a_name_of_sixty_three_characters(self, do):
        assert do(keys.create, "a" * 63, ["payments:read"], actor="a").key.name == "a" * 63

    @pytest.mark.parametrize(
        ("scopes", "words"),
        [([], "at least one"), (["payment:read"], "did you mean 'payments:read'")],
    )
    def test_opens_something_that_there_is(self, do, scopes, words):
        with pytest.raises(InvalidValue, match=words):
            do(keys.create, "shop", scopes, actor="a")

    def test_ends_in_what_is_to_come(self, do):
        do(keys.create, "later", ["payments:read"], actor="a", expires_at=NOON + TICK)
        with pytest.raises(InvalidValue, match="expires_at"):
            do(keys.create, "now", ["payments:read"], actor="a", expires_at=NOON)

    def test_shares_its_name_with_no_other_that_is_in_use(self, do, made):
        with pytest.raises(NotPossible, match="in use"):
            do(keys.create, "shop", ["payments:read"], actor="a")
        do(keys.revoke, "shop", actor="a")

        assert do(keys.create, "shop", ["payments:read"], actor="a").key.id != made.key.id

    def test_is_made_once_when_two_make_it_at_once(self, do):
        def make(_):
            try:
                return do(keys.create, "twin", ["payments:read"], actor="a")
            except RecoupError:
                return None

        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(make, range(8)))

        assert len([one for one in results if one]) == 1


class TestRevoking:
    def test_ends_it_for_good_and_keeps_who_did_it_first(self, do, made):
        first = do(keys.revoke, "shop", actor="cli:ann")
        again = do(keys.revoke, str(made.key.id), actor="cli:bob", now=NOON + TICK)

        assert (again.revoked_at, again.revoked_by) == (NOON, "cli:ann")
        assert first == again
        assert do(keys.holder, made.text) == NoKey("revoked", made.key.id)

    @pytest.mark.parametrize("key", ["gone", "99", "9" * 40])
    def test_what_is_not_there_is_not_found(self, do, made, key):
        with pytest.raises(NotFound):
            do(keys.revoke, key, actor="a")


class TestRolling:
    def test_makes_another_and_lets_the_old_one_go_on_for_its_grace(self, do, made):
        new = do(keys.roll, "shop", actor="cli:bob", grace=timedelta(hours=1))

        assert (new.key.name, new.key.scopes) == (made.key.name, made.key.scopes)
        assert new.key.created_by == "cli:bob"
        last = NOON + timedelta(hours=1)
        for text_, now, valid in (
            (made.text, last - TICK, True),
            (made.text, last, False),
            (new.text, last, True),
        ):
            assert isinstance(do(keys.holder, text_, now=now), Holder) is valid

    def test_never_lets_one_live_longer_than_it_would_have(self, do):
        ends = NOON + timedelta(minutes=5)
        old = do(keys.create, "brief", ["payments:read"], actor="a", expires_at=ends)
        new = do(keys.roll, "brief", actor="a")

        assert new.key.expires_at == ends
        assert do(keys.holder, old.text, now=ends) == NoKey("expired", old.key.id)

    def test_means_the_one_in_use_by_its_name(self, do, made):
        second = do(keys.roll, "shop", actor="a")
        third = do(keys.roll, "shop", actor="a")

        listed = {one.id: one.successor for one in do(keys.listing)}
        assert listed == {
            made.key.id: second.key.id, second.key.id: third.key.id, third.key.id: None,
        }  # fmt: skip

    def test_what_is_over_or_rolled_is_refused(self, do, made):
        do(keys.roll, "shop", actor="a")
        with pytest.raises(NotPossible):
            do(keys.roll, str(made.key.id), actor="a")
        do(keys.revoke, "shop", actor="a")
        with pytest.raises(NotPossible):
            do(keys.roll, "shop", actor="a")

    def test_backwards_is_refused(self, do, made):
        with pytest.raises(InvalidValue, match="grace"):
            do(keys.roll, "shop", actor="a", grace=-TICK)


class TestListing:
    def test_shows_what_holds_and_all_on_request(self, do, made):
        do(keys.create, "gone", ["payments:read"], actor="a")
        do(keys.revoke, "gone", actor="a")

        assert [one.name for one in do(keys.listing)] == ["shop"]
        assert [one.name for one in do(keys.listing, over=True)] == ["shop", "gone"]
