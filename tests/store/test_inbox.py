"""Lines are kept as they came, known by what they are, and every one ends."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from recoup.store import inbox
from recoup.store.inbox import Outcome
from recoup.testing import events

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GOOD = events.line(events.event("customer.created", events.customer("cus_1"), id="evt_1"))
NESTED = b'{"id":"evt_1","type":"t","x":' + b"[" * 63 + b"]" * 63 + b"}"


@pytest.fixture
def connection(engine):
    with engine.begin() as connection:
        yield connection


def store(connection, *lines):
    return inbox.store(connection, "stripe", lines, now=NOW)


def rows(connection, columns):
    return connection.execute(text(f"SELECT {columns} FROM inbox ORDER BY id")).all()


class TestAnEnvelope:
    def test_is_known_by_its_events_id(self):
        envelope = inbox.opened(GOOD)

        assert (envelope.key, envelope.type, envelope.fault) == ("evt_1", "customer.created", None)
        assert envelope.created == events.NEW_YEAR

    @pytest.mark.parametrize(
        ("raw", "fault"),
        [
            (b"", "no JSON"),
            (b"{", "no JSON"),
            (b'{"id": "a"} x', "no JSON"),
            (b'\xef\xbb\xbf{"id":"a","type":"t"}', "no JSON"),
            (b'{"id":"a","type":"t","x":"\xff"}', "no JSON"),
            (b'{"id":"a","type":"t","x":NaN}', "no JSON"),
            (b'{"id":"a","type":"t","x":1e400}', "no JSON"),
            (b'{"id":"a","type":"t","x":' + b"9" * 5000 + b"}", "no JSON"),
            (b'{"id":"a","type":"t","x":"\\ud800"}', "no JSON, or a lone surrogate"),
            (b'{"id":"a","type":"t","x":"\\udc00"}', "no JSON, or a lone surrogate"),
            (b'{"id":"a","type":"t","x":"\\u0000"}', "a NUL character"),
            (b'{"id":"a","type":"t","\\u0000":1}', "a NUL character"),
            (b"[1]", "the root is no object"),
            (b'"evt_1"', "the root is no object"),
            (b'{"type":"t"}', "no id"),
            (b'{"id":"","type":"t"}', "no id"),
            (b'{"id":7,"type":"t"}', "no id"),
            (b'{"id":"a"}', "no type"),
            (b'{"id":"' + b"a" * 256 + b'","type":"t"}', "an id longer than 255 characters"),
            (b"[" * 200_000 + b"]" * 200_000, "nested deeper than 64"),
            (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested deeper than 64"),
            (NESTED.replace(b"[]", b"[[]]"), "nested deeper than 64"),
            (b'{"id":"a","type":"' + b"t" * 2**20 + b'"}', "larger than 1 MiB"),
        ],
    )
    def test_with_a_fault_says_which_and_is_known_by_its_bytes(self, raw, fault):
        envelope = inbox.opened(raw)

        assert envelope.fault == fault
        assert envelope.key == f"sha256:{hashlib.sha256(raw).hexdigest()}"

    @pytest.mark.parametrize(
        "raw",
        [
            pytest.param(NESTED, id="64 levels deep"),
            pytest.param(
                b'{"id":"evt_1","type":"t","x":"' + b"[{" * 999 + b'"}', id="brackets in a text"
            ),
            pytest.param(b'{"id":"evt_1","type":"t","x":"\\\\u0000"}', id="an escaped backslash"),
            pytest.param(b'{"id":"evt_1","type":"t","x":"\\ud83d\\ude00"}', id="a pair"),
            pytest.param(b'{"id":"evt_1","type":"t","created":-1}', id="an impossible time"),
            pytest.param(b'{"type":"t","id":"evt_0","id":"evt_1"}', id="a name twice"),
        ],
    )
    def test_that_only_looks_suspicious_is_an_event(self, raw):
        assert inbox.opened(raw).key == "evt_1"


class TestStoring:
    def test_keeps_the_bytes_as_they_came(self, connection):
        spaced = b' {"id":"evt_1", "type" : "t", "created":1767225600} '

        store(connection, spaced, b"\xff\x00junk")

        assert {bytes(raw) for (raw,) in rows(connection, "raw")} == {spaced, b"\xff\x00junk"}

    def test_keeps_each_lines_bytes_under_its_own_name(self, connection):
        lines = {
            f"evt_{n}": f'{{"id":"evt_{n}","type":"t","x":"{"ü" * n}"}}'.encode()
            for n in (12, 0, 700, 3)
        }
        junk = b"\x00"

        letters = store(connection, *lines.values(), junk).letters

        kept = {key: bytes(raw) for key, raw in rows(connection, "key, raw")}
        assert kept == lines | {f"sha256:{hashlib.sha256(junk).hexdigest()}": junk}
        assert {letter.raw for letter in letters} == set(kept.values())

    def test_knows_type_and_time_before_anything_is_understood(self, connection):
        store(connection, GOOD)

        assert rows(connection, "state, type, extract(epoch FROM happened_at)::bigint") == [
            ("received", "customer.created", events.NEW_YEAR)
        ]

    def test_keeps_one_of_twins_within_a_batch_and_across_batches(self, connection):
        first = store(connection, GOOD, GOOD, b"junk")
        again = store(connection, b"junk", GOOD)

        assert (len(first.letters), first.duplicates) == (2, 1)
        assert (len(again.letters), again.duplicates) == (0, 2)

    def test_never_takes_a_damaged_copy_for_the_sound_one(self, connection):
        damaged = GOOD.replace(b"Ada", b"\\u0000")

        assert len(store(connection, damaged, GOOD).letters) == 2

    def test_parks_what_is_too_large_at_once(self, connection):
        fits = b'{"id":"evt_2","type":"' + b"t" * (2**20 - 24) + b'"}'

        stored = store(connection, b"x" * (2**20 + 1), fits)

        assert (stored.oversize, len(stored.letters), len(fits)) == (1, 1, 2**20)
        assert ("parked", "larger than 1 MiB") in rows(connection, "state, reason")

    def test_of_nothing_stores_nothing(self, connection):
        assert store(connection).letters == ()


class TestClaiming:
    def test_gives_what_was_received_or_is_due_again(self, connection):
        ids = [letter.id for letter in store(connection, b"1", b"2", b"3", b"4").letters]
        inbox.mark(
            connection,
            [
                Outcome(ids[0], "applied"),
                Outcome(ids[1], "failed", "why", failures=1, next_try_at=NOW),
                Outcome(
                    ids[2],
                    "failed",
                    "why",
                    failures=1,
                    next_try_at=NOW + timedelta(microseconds=1),
                ),
            ],
            now=NOW,
        )

        found = inbox.due(connection, "stripe", now=NOW, after=0, limit=10)

        assert [(letter.id, letter.failures) for letter in found] == [(ids[1], 1), (ids[3], 0)]
        assert inbox.due(connection, "other", now=NOW, after=0, limit=10) == []

    def test_leaves_what_another_holds(self, engine):
        with engine.begin() as first:
            ids = [letter.id for letter in store(first, b"1", b"2").letters]
        with engine.begin() as first, engine.begin() as second:
            mine = inbox.claimed(first, ids[:1])
            theirs = inbox.claimed(second, ids)

        assert (mine, theirs) == (frozenset(ids[:1]), frozenset(ids[1:]))


class TestWaiting:
    def waiting(self, connection, *parents):
        letters = store(connection, *(parent.encode() for parent in parents)).letters
        names = {letter.raw.decode(): letter.id for letter in letters}
        inbox.mark(
            connection,
            [Outcome(names[parent], "waiting", "why", parent) for parent in parents],
            now=NOW,
        )
        return names

    def test_ends_for_those_whose_parent_arrives(self, connection):
        names = self.waiting(connection, "customer:cus_1", "customer:cus_2")

        freed = inbox.release(connection, "stripe", {"customer:cus_1"}, but=(), limit=9)

        assert [letter.id for letter in freed] == [names["customer:cus_1"]]

    def test_ends_for_those_whose_parent_came_unnoticed(self, connection):
        self.waiting(connection, "customer:cus_1", "customer:cus_2", "invoice:in_1", "charge:ch_1")
        connection.execute(
            text(
                "INSERT INTO customers (processor, processor_id, created_at) "
                "VALUES ('stripe', 'cus_1', now()), ('other', 'cus_2', now())"
            )
        )

        assert inbox.revive(connection, "stripe") == 1
        assert rows(connection, "raw, state").count((b"customer:cus_1", "received")) == 1

    def test_does_not_last_for_ever(self, connection):
        self.waiting(connection, "invoice:in_1", "payment_intent:pi_1")

        early = inbox.give_up(connection, "stripe", before=NOW, now=NOW)
        late = inbox.give_up(connection, "stripe", before=NOW + timedelta(seconds=1), now=NOW)

        assert (early, late) == ({}, {"parked": 1, "ignored": 1})
        assert set(rows(connection, "state, reason")) == {
            ("parked", "no invoice:in_1 came"),
            ("ignored", "no payment_intent:pi_1 came"),
        }


class TestPruning:
    def test_removes_old_ends_and_nothing_unfinished(self, connection):
        letters = store(connection, b"1", b"2", b"3", b"4", b"5", b"6").letters
        ids = [letter.id for letter in letters]
        inbox.mark(
            connection,
            [
                Outcome(ids[0], "applied"),
                Outcome(ids[1], "ignored", "why"),
                Outcome(ids[2], "parked", "why"),
                Outcome(ids[3], "waiting", "why", "customer:cus_1"),
                Outcome(ids[4], "failed", "why", failures=1, next_try_at=NOW),
            ],
            now=NOW,
        )

        kept = inbox.prune(connection, NOW, limit=10)
        removed = inbox.prune(connection, NOW + timedelta(microseconds=1), limit=10)

        assert (kept, removed) == (0, 2)
        assert [state for (state,) in rows(connection, "state")] == [
            "parked",
            "waiting",
            "failed",
            "received",
        ]
