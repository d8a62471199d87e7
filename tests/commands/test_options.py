from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal

import pytest

from recoup.commands.options import Metadata, verb
from recoup.core.money import Money
from recoup.errors import InvalidValue, UnknownOption
from recoup.store.views.reading import Ref

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Things:
    """A noun with one verb of every type."""

    @verb
    def update(
        self,
        thing: Ref,
        *,
        email: str | None = None,
        seats: int | None = None,
        now: bool = False,
        at: datetime | None = None,
        on: date | None = None,
        amount: Money | None = None,
        labels: Mapping[str, str] | None = None,
        items: Sequence[str] = (),
        pair: tuple[str, int] | None = None,
        proration: Literal["create", "none"] = "create",
        metadata: Metadata | None = None,
        anything: Any = None,
    ) -> str:
        """Change a thing."""
        return f"{thing} {email} {seats} {now} {at} {proration}"

    @verb
    def say(self, **words: str) -> Mapping[str, str]:
        return words


THINGS = Things()


def refused(**options):
    with pytest.raises(UnknownOption) as caught:
        THINGS.update(1, **options)
    return str(caught.value)


class TestAVerb:
    def test_takes_what_it_has(self):
        told = THINGS.update("cus_1", email="a@b.c", seats=3, at=NOON, proration="none")
        assert told.startswith("cus_1 a@b.c 3 False 2026")

    def test_names_the_option_that_was_meant(self):
        assert refused(emial="a@b.c") == (
            "things.update() has no option 'emial'; did you mean 'email'?"
        )

    def test_lists_its_options_when_none_is_near(self):
        assert "things.update() has no option 'zzz'; it has thing, email, " in refused(zzz=1)

    def test_leaves_a_missing_argument_to_python(self):
        with pytest.raises(TypeError, match="missing a required argument: 'thing'"):
            THINGS.update()

    def test_keeps_its_name_its_signature_and_its_words(self):
        assert list(inspect.signature(THINGS.update).parameters)[:2] == ["thing", "email"]
        assert (Things.update.__name__, Things.update.__doc__) == ("update", "Change a thing.")

    def test_may_take_any_word(self):
        assert THINGS.say(hello="world") == {"hello": "world"}

    @pytest.mark.parametrize(
        ("option", "value", "text"),
        [
            ("email", 3, "email: expected text or None, got 3"),
            ("email", b"a@b.c", "email: expected text or None, got bytes"),
            ("seats", "3", "seats: expected a whole number or None, got text"),
            ("seats", True, "seats: expected a whole number or None, got True"),
            ("seats", 2.5, "seats: expected a whole number or None, got 2.5"),
            ("now", 1, "now: expected True or False, got 1"),
            ("now", None, "now: expected True or False, got None"),
            ("at", datetime(2026, 1, 1), "at: expected an instant with a time zone"),  # noqa: DTZ001
            ("at", date(2026, 1, 1), "at: expected an instant with a time zone or None, got date"),
            ("on", NOON, "on: expected a date or None, got datetime"),
            ("amount", 4900, "amount: expected Money or None, got 4900"),
            ("labels", {"a": 1}, "labels: ['a']: expected text, got 1"),
            ("labels", {1: "a"}, "labels: a key: expected text, got 1"),
            ("labels", [("a", "b")], "labels: expected a map or None, got list"),
            ("items", "text", "items: expected a list, got text"),
            ("items", ["a", 3], "items: [1]: expected text, got 3"),
            ("pair", ("a", "b"), "pair: [1]: expected a whole number, got text"),
        ],
    )
    def test_says_what_it_expected(self, option, value, text):
        assert refused(**{option: value}).startswith(f"things.update(): {text}")

    def test_suggests_the_nearest_word(self):
        assert refused(proration="creat") == (
            "things.update(): proration: expected one of 'create', 'none', got another text; "
            "did you mean 'create'?"
        )

    @pytest.mark.parametrize(
        ("option", "value"),
        [("email", None), ("seats", 0), ("now", True), ("at", NOON), ("on", NOON.date()),
         ("amount", Money(1, "EUR")), ("labels", {}), ("labels", {"a": "b"}), ("items", ["a"]),
         ("items", ("a",)), ("pair", ("a", 1)), ("anything", object()), ("metadata", {"a": 1})],
    )  # fmt: skip
    def test_passes_what_fits(self, option, value):
        assert THINGS.update(1, **{option: value})

    @pytest.mark.parametrize("text", ["a\0b", "\ud800"])
    def test_refuses_text_that_nobody_could_keep(self, text):
        for given in ({"email": text}, {"items": ["a", text]}):
            with pytest.raises(InvalidValue, match=r"things\.update\(\): \w+: expected text"):
                THINGS.update(1, **given)

    @pytest.mark.parametrize("secret", ["4242424242424242", 4242424242424242, ["ada@example.com"]])
    def test_never_shows_what_it_was_given(self, secret):
        for option in ("now", "at", "amount", "proration"):
            told = refused(**{option: secret})
            assert "4242" not in told
            assert "ada" not in told
