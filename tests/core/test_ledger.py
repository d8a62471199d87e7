"""The ledger's arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.ledger import GENESIS, VERSION, fold, link, stamp, upcast
from recoup.errors import StoreError

AT = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
ENTRY = {
    "type": "case.opened",
    "version": 1,
    "subject": "case:7",
    "body": '{"rung":[null,"soft"]}',
    "actor": "engine",
    "cause": "run:12",
    "occurred_at": AT,
    "recorded_at": AT + timedelta(microseconds=1),
}


def linked(previous: bytes = GENESIS, customer: int = 3, seq: int = 1, **other) -> bytes:
    return link(previous, customer, seq, **ENTRY | other)


class TestLink:
    def test_is_the_same_on_every_machine(self):
        digest = "f55b4413bca82be00111d31de9cc01b1d6d17caf589620b7ea0387d8a3ada21a"

        assert linked().hex() == digest

    def test_is_the_same_for_one_instant_in_any_zone(self):
        there = AT.astimezone(timezone(timedelta(hours=9)))

        assert linked(occurred_at=there) == linked()

    @pytest.mark.parametrize(
        "change",
        [
            {"previous": bytes(31) + b"\1"},
            {"customer": 4},
            {"seq": 2},
            {"type": "case.closed"},
            {"version": 2},
            {"subject": "case:8"},
            {"body": '{"rung":[null,"Soft"]}'},
            {"actor": "ann"},
            {"cause": "run:13"},
            {"occurred_at": AT + timedelta(microseconds=1)},
            {"recorded_at": AT},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_depends_on(self, change):
        assert linked(**change) != linked()

    def test_tells_composed_letters_from_decomposed_ones(self):
        assert linked(actor="Ren\u00e9") != linked(actor="Rene\u0301")

    @given(st.text(), st.text(), st.text(), st.text())
    def test_has_no_two_readings_where_one_word_ends(self, type, subject, actor, cause):
        words = {"type": type, "subject": subject, "actor": actor, "cause": cause}
        moved = {"type": type + subject, "subject": "", "actor": actor, "cause": cause}

        assert (linked(**words) == linked(**moved)) == (words == moved)


class TestStamp:
    @pytest.mark.parametrize(
        ("microsecond", "written"),
        [
            pytest.param(0, "2026-01-31T23:59:59.000000Z", id="a whole second"),
            pytest.param(120_000, "2026-01-31T23:59:59.120000Z", id="a fraction"),
            pytest.param(999_999, "2026-01-31T23:59:59.999999Z", id="the last microsecond"),
        ],
    )
    def test_always_has_six_digits_of_a_second(self, microsecond, written):
        assert stamp(AT.replace(microsecond=microsecond)) == written


class TestFold:
    def test_gives_the_last_value_of_every_field(self):
        entries = [
            ("case:7", 1, {"rung": (None, "soft"), "anchor": (None, "a")}),
            ("case:8", 1, {"rung": (None, "soft")}),
            ("case:7", 1, {"rung": ("soft", None)}),
        ]

        state = fold(entries)

        assert state == {"case:7": {"rung": None, "anchor": "a"}, "case:8": {"rung": "soft"}}

    def test_stops_where_an_entry_does_not_start_from_the_state(self):
        entries = [("case:7", 1, {"rung": (None, "soft")}), ("case:7", 1, {"rung": ("x", "y")})]

        with pytest.raises(StoreError, match="rung goes from 'x', but it was 'soft'"):
            fold(entries)

    @pytest.mark.parametrize("version", [0, VERSION + 1])
    def test_stops_at_an_unknown_version(self, version):
        with pytest.raises(StoreError, match=f"version {version} of case:7 is unknown"):
            fold([("case:7", version, {})])

    def test_reads_an_old_version_as_todays(self):
        def renamed(subject, changes):
            return {"rung" if name == "step" else name: change for name, change in changes.items()}

        entries = [("case:7", 1, {"step": (None, "soft")}), ("case:7", 2, {"rung": ("soft", "x")})]

        assert fold(entries, upcasts={1: renamed}) == {"case:7": {"rung": "x"}}


class TestUpcast:
    def test_goes_through_every_version_between(self):
        upcasts = {
            1: lambda _, changes: {**changes, "two": (None, 2)},
            2: lambda _, changes: {**changes, "three": (None, 3)},
        }

        assert set(upcast("case:7", 1, {}, upcasts=upcasts)) == {"two", "three"}
        assert set(upcast("case:7", 2, {}, upcasts=upcasts)) == {"three"}
        assert upcast("case:7", 3, {}, upcasts=upcasts) == {}
