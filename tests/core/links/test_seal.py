from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recoup.core.links import Claim, Pages, Purpose, Seal
from recoup.errors import InvalidValue

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = "s" * 40
SEAL = Seal((SECRET,))
CLAIM = Claim(Purpose.PAY, 42, "subscription:7", NOON, SEAL.mark(42, "ada@example.com"))
TOKEN = SEAL.token(CLAIM)


class TestAToken:
    def test_says_what_it_was_made_of(self):
        assert SEAL.read(TOKEN) == CLAIM

    def test_is_the_same_each_time(self):
        assert SEAL.token(CLAIM) == TOKEN

    def test_goes_into_an_address_as_it_is(self):
        assert set(TOKEN) <= set(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
        )

    def test_holds_no_address(self):
        assert "ada" not in CLAIM.spelled()
        assert "example" not in CLAIM.spelled()

    def test_is_refused_with_any_bit_of_it_turned(self):
        for place, letter in enumerate(TOKEN):
            for bit in range(8):
                other = TOKEN[:place] + chr(ord(letter) ^ 1 << bit) + TOKEN[place + 1 :]

                assert SEAL.read(other) is None, place

    def test_is_refused_cut_short_or_longer(self):
        for length in range(len(TOKEN)):
            assert SEAL.read(TOKEN[:length]) is None
        for more in ("A", "=", ".", "0", " ", "\n", "\ud800", "é"):
            assert SEAL.read(TOKEN + more) is None
            assert SEAL.read(more + TOKEN) is None

    @pytest.mark.parametrize("text", ["", ".", "..", "v1..", "v1.a.b", "v1." + "A" * 3000 + ".x"])
    def test_is_nothing_else(self, text):
        assert SEAL.read(text) is None

    @pytest.mark.parametrize(
        "other",
        [
            replace(CLAIM, purpose=Purpose.VIEW),
            replace(CLAIM, customer=43),
            replace(CLAIM, scope="subscription:8"),
            replace(CLAIM, scope=""),
            replace(CLAIM, expires=NOON + timedelta(days=1)),
            replace(CLAIM, mark="0" * 12),
        ],
    )
    def test_of_something_else_is_not_made_by_taking_its_seal(self, other):
        body, _, seal = TOKEN.rpartition(".")
        made, _, _ = SEAL.token(other).rpartition(".")

        assert made != body
        assert SEAL.read(f"{made}.{seal}") is None

    def test_of_another_key_is_refused(self):
        assert Seal(("t" * 40,)).read(TOKEN) is None

    def test_of_an_older_key_is_read_as_long_as_that_is_named(self):
        rolled = Seal(("t" * 40, SECRET))

        assert rolled.read(TOKEN) == CLAIM
        assert rolled.still(CLAIM, "ada@example.com")
        assert rolled.token(CLAIM) != TOKEN

    def test_is_not_read_by_what_signs_with_the_same_secret_elsewhere(self):
        import hmac

        body = TOKEN.rpartition(".")[0]
        plain = hmac.new(SECRET.encode(), body.encode(), "sha256").hexdigest()[:40]

        assert SEAL.read(f"{body}.{plain}") is None

    def test_never_shows_its_secret(self):
        assert SECRET not in repr(SEAL)
        assert SECRET not in repr(Pages("https://example.com", SEAL))


class TestTheAddress:
    def test_is_still_the_one(self):
        assert SEAL.still(CLAIM, "ada@example.com")

    @pytest.mark.parametrize("email", ["eve@example.com", None, ""])
    def test_is_another_one(self, email):
        assert not SEAL.still(CLAIM, email)

    def test_that_is_missing_is_one_too(self):
        assert SEAL.still(replace(CLAIM, mark=SEAL.mark(42, None)), None)

    def test_of_two_customers_has_two_marks(self):
        assert SEAL.mark(1, "ada@example.com") != SEAL.mark(2, "ada@example.com")


class TestAForm:
    CHALLENGE = SEAL.challenge(TOKEN, now=NOON)

    def test_answers_for_an_hour(self):
        assert SEAL.answers(TOKEN, self.CHALLENGE, now=NOON)
        assert SEAL.answers(TOKEN, self.CHALLENGE, now=NOON + timedelta(minutes=59))
        assert not SEAL.answers(TOKEN, self.CHALLENGE, now=NOON + timedelta(hours=1))

    def test_from_the_future_answers_nothing(self):
        assert not SEAL.answers(TOKEN, self.CHALLENGE, now=NOON - timedelta(seconds=1))

    def test_of_another_link_answers_nothing(self):
        other = SEAL.token(replace(CLAIM, customer=43))

        assert not SEAL.answers(other, self.CHALLENGE, now=NOON)

    @pytest.mark.parametrize("given", ["", ".", "1", "x.y", "9" * 40 + ".", "²."])
    def test_without_what_the_page_knew_answers_nothing(self, given):
        assert not SEAL.answers(TOKEN, given, now=NOON)

    def test_is_no_token(self):
        assert self.CHALLENGE.rpartition(".")[2] not in TOKEN


class TestAClaim:
    def test_holds_up_to_its_last_instant_and_not_at_it(self):
        assert CLAIM.holds(NOON - timedelta(microseconds=1))
        assert not CLAIM.holds(NOON)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"customer": 0},
            {"customer": 10**18},
            {"scope": "x" * 501},
            {"scope": "a\nb"},
            {"mark": "nothing"},
            {"expires": NOON.replace(microsecond=1)},
            {"purpose": Purpose.UPDATE},
        ],
    )
    def test_that_can_not_be_is_refused(self, wrong):
        with pytest.raises(InvalidValue):
            replace(CLAIM, **wrong)

    def test_may_be_about_anything_that_is_printed(self):
        claim = replace(CLAIM, scope="prices:7:price_a,price|b%2Cc é")

        assert SEAL.read(SEAL.token(claim)) == claim


class TestPages:
    PAGES = Pages("https://pay.example.com/x", SEAL, timedelta(days=30))

    def test_are_below_the_place_of_the_settings(self):
        assert self.PAGES.url("t") == "https://pay.example.com/x/links/t"

    def test_hold_for_as_long_as_is_said(self):
        claim = self.PAGES.claim(Purpose.VIEW, 1, None, now=NOON + timedelta(microseconds=5))

        assert claim.expires == NOON + timedelta(days=30)

    @pytest.mark.parametrize("lasts", [timedelta(0), timedelta(days=365, seconds=1)])
    def test_hold_neither_for_no_time_nor_for_ever(self, lasts):
        with pytest.raises(InvalidValue):
            self.PAGES.claim(Purpose.VIEW, 1, None, now=NOON, lasts=lasts)

    def test_make_a_link_that_is_read_again(self):
        link = self.PAGES.link(Purpose.PAY, 42, "ada@example.com", now=NOON, scope="invoice:3")

        claim = SEAL.read(link.rpartition("/")[2])
        assert claim is not None
        assert (claim.customer, claim.scope, claim.purpose) == (42, "invoice:3", Purpose.PAY)
