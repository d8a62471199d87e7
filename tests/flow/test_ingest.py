"""Lines in, rows out: every good one applied, every bad one kept, whatever happens between."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from sqlalchemy import text

from recoup.errors import Unreadable
from recoup.processors.stripe.reader import read
from recoup.store import tables
from recoup.testing import events
from recoup.testing.events import NEW_YEAR
from recoup.webhooks.receive import absorb_stored, ingest, prune, replay

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def nothing(_connection, _ids, _trigger):
    pass


def take(engine, lines, **more):
    return ingest(
        engine,
        "stripe",
        lines,
        **{"read": read, "now": NOW, "on_absorbed": nothing} | more,
    )


def resume(engine, **more):
    return absorb_stored(
        engine, "stripe", **{"read": read, "now": NOW, "on_absorbed": nothing} | more
    )


def life(n):
    """Return one customer's five events, as lines."""
    cus, inv, pi = f"cus_{n}", f"in_{n}", f"pi_{n}"
    owed = events.invoice(inv, cus, payment_intent=pi, attempt_count=1)
    told = [
        ("customer.created", events.customer(cus)),
        ("payment_method.attached", events.payment_method(f"pm_{n}", cus)),
        ("charge.failed", events.charge(f"ch_{n}a", cus, payment_intent=pi, status="failed")),
        ("invoice.payment_failed", owed),
        ("charge.succeeded", events.charge(f"ch_{n}b", cus, payment_intent=pi)),
    ]
    return [
        events.line(events.event(type, object, id=f"evt_{n}_{k}", at=NEW_YEAR + k))
        for k, (type, object) in enumerate(told)
    ]


def lives(count):
    return list(chain.from_iterable(life(n) for n in range(count)))


def dump(engine):
    """Return every row of every table."""
    with engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(table.select())))
            for table in tables.metadata.sorted_tables
        }


def inbox_states(engine):
    sql = "SELECT state, count(*) FROM inbox GROUP BY state"
    with engine.connect() as connection:
        return dict(connection.execute(text(sql)).all())


def poison():
    """Return 100 lines that nothing can be made of, all different."""
    good = life("bad")[3]
    shapes = [
        good[:-1],
        good[: len(good) // 2],
        good + b"}",
        b"\xef\xbb\xbf" + good,
        b"[" + good + b"]",
        b'"text"',
        b"null",
        b"-0",
        good.replace(b'"open"', b'"\\u0000"'),
        good.replace(b'"open"', b'"\\ud800"'),
        good.replace(b'"open"', b'"\xff"'),
        good.replace(b'"eur"', b"NaN"),
        good.replace(b'"eur"', b"1e999"),
        good.replace(b'"eur"', b"9" * 5000),
        good.replace(b'"eur"', b"[" * 100 + b"]" * 100),
        good.replace(b'"eur"', b"[" * 99_999 + b"]" * 99_999),
        good.replace(b'"id":"evt_bad_3"', b'"id":null'),
        good.replace(b'"type":"invoice.payment_failed"', b'"type":7'),
        b"\x00\x01\x02",
        b"x" * (2**20 + 1),
    ]
    return [shape + b" " * n for shape in shapes for n in range(5)]


class TestPoison:
    def test_is_kept_and_counted_and_takes_nothing_good_with_it(self, engine):
        good, bad = lives(20), poison()
        mixed = list(chain.from_iterable(zip(good, bad, strict=True)))

        summary = take(engine, mixed, batch_size=64)

        assert (summary.lines, summary.stored, summary.duplicates) == (200, 200, 0)
        assert (summary.applied, summary.waiting, summary.failed) == (100, 0, 0)
        assert (sum(summary.parked.values()), summary.ignored) == (100, {})
        assert inbox_states(engine) == {"applied": 100, "parked": 100}
        with engine.connect() as connection:
            kept = connection.execute(text("SELECT raw FROM inbox WHERE state = 'parked'"))
            assert {bytes(raw) for (raw,) in kept} == set(bad)

    def test_that_looks_like_an_event_is_parked_by_the_field(self, engine):
        shown = events.invoice("in_1", "cus_1")
        del shown["amount_due"]

        summary = take(engine, [events.line(events.event("invoice.paid", shown, id="evt_1"))])

        assert summary.parked == {
            "invoice.paid: data.object.amount_due is missing": 1,
        }

    def test_of_an_unknown_type_is_ignored_by_name(self, engine):
        lines = [events.line(events.event("a.b", {}, id=f"evt_{n}")) for n in range(3)]

        assert take(engine, lines).ignored == {"a.b is not read": 3}


class TestTheSameFileTwice:
    def test_changes_nothing(self, engine):
        lines = [*lives(5), *poison()[::7], b"", b"  "]
        first = take(engine, lines)
        before = dump(engine)

        again = take(engine, lines, now=NOW + timedelta(days=1))

        assert dump(engine) == before
        assert (again.lines, again.stored, again.duplicates) == (first.lines, 0, first.lines)
        assert again.applied == 0

    def test_told_by_many_at_once_is_stored_and_applied_once(self, engine):
        lines = lives(40)

        with ThreadPoolExecutor(4) as pool:
            sums = list(
                pool.map(
                    lambda turn: take(engine, lines[turn * 50 :] + lines[: turn * 50]), range(4)
                )
            )

        resume(engine)
        assert sum(each.stored for each in sums) == 200
        assert inbox_states(engine) == {"applied": 200}
        with engine.connect() as connection:
            counted = connection.execute(text("SELECT count(*) FROM attempts")).scalar()
        assert counted == 80


class TestACrash:
    def test_between_storing_and_absorbing_leaves_everything_to_the_next_run(
        self, engine, database_url
    ):
        program = f"""
import os, signal
from recoup.store import database
from recoup.webhooks.receive import ingest
from sqlalchemy.engine import make_url
from datetime import UTC, datetime
def read(event):
    os.kill(os.getpid(), signal.SIGKILL)
lines = {lives(4)!r}
url = make_url({database_url!r}).set(drivername="postgresql+psycopg")
ingest(database.connect(url), "stripe", lines, read=read,
       now=datetime(2026, 3, 1, tzinfo=UTC), on_absorbed=lambda *_: None)
"""
        died = subprocess.run([sys.executable, "-c", program], check=False).returncode
        left = inbox_states(engine)

        summary = resume(engine)

        assert (died, left) == (-9, {"received": 20})
        assert (summary.applied, summary.stored) == (20, 0)
        assert inbox_states(engine) == {"applied": 20}


class TestWhatFollows:
    def test_shares_the_transaction_of_the_facts(self, engine):
        seen = []

        def follow(connection, ids, _trigger):
            states = connection.execute(text("SELECT count(*) FROM invoices")).scalar()
            with engine.connect() as outside:
                committed = outside.execute(text("SELECT count(*) FROM invoices")).scalar()
            seen.append((len(ids), states, committed))

        take(engine, life(1), on_absorbed=follow)

        assert seen == [(1, 1, 0)]

    def test_is_not_asked_about_customers_nothing_changed_for(self, engine):
        asked = []
        take(engine, life(1))
        with engine.connect() as connection:
            ids = [id for (id,) in connection.execute(text("SELECT id FROM inbox"))]
        replay(engine, ids)

        summary = resume(engine, on_absorbed=lambda _connection, ids, _trigger: asked.append(ids))

        assert (summary.applied, asked) == (5, [])

    def test_that_fails_for_one_customer_stops_no_other(self, engine):
        def follow(connection, ids, _trigger):
            sql = "SELECT processor_id FROM customers WHERE id = ANY(:ids)"
            named = connection.execute(text(sql), {"ids": list(ids)}).scalars()
            if "cus_3" in set(named):
                raise ValueError("cus_3 is poisoned")

        summary = take(engine, lives(6), on_absorbed=follow)

        assert (summary.applied, summary.failed + summary.waiting) == (25, 5)
        assert resume(engine, now=NOW + timedelta(minutes=1)).applied == 5
        assert inbox_states(engine) == {"applied": 30}


class TestAnEventThatFails:
    def test_is_tried_again_later_and_later_and_parked_in_the_end(self, engine):
        def follow(_connection, _ids, _trigger):
            raise ValueError("broken\0beyond repair")

        line = life(1)[:1]
        first = take(engine, line, on_absorbed=follow)
        early = resume(engine, now=NOW + timedelta(seconds=59), on_absorbed=follow)
        tries = [
            resume(engine, now=NOW + timedelta(days=n), on_absorbed=follow) for n in range(1, 9)
        ]

        assert (first.failed, early.failed) == (1, 0)
        assert [each.failed for each in tries] == [1] * 6 + [0, 0]
        assert tries[6].parked == {"ValueError: brokenbeyond repair": 1}
        assert inbox_states(engine) == {"parked": 1}

    def test_is_applied_when_a_person_replays_it_after_the_repair(self, engine):
        def unreadable(_event):
            raise Unreadable("not yet")

        take(engine, life(1)[:1], read=unreadable)
        with engine.connect() as connection:
            ids = [id for (id,) in connection.execute(text("SELECT id FROM inbox"))]

        assert replay(engine, ids) == 1
        assert resume(engine).applied == 1


class TestAChildBeforeItsParent:
    def test_waits_across_runs_and_is_counted_when_it_is_applied(self, engine):
        lines = life(1)

        early = take(engine, lines[1:])
        late = take(engine, lines[:1])

        assert (early.applied, early.waiting) == (0, 4)
        assert (late.applied, late.waiting) == (5, 0)
        assert inbox_states(engine) == {"applied": 5}

    def test_that_comes_in_a_later_batch_leaves_nothing_waiting(self, engine):
        summary = take(engine, life(1)[::-1], batch_size=1)

        assert (summary.applied, summary.waiting) == (5, 0)

    def test_whose_parent_never_comes_ends_where_a_person_sees_it(self, engine):
        take(engine, life(1)[1:])

        patient = resume(engine, now=NOW + timedelta(days=3))
        ended = resume(engine, now=NOW + timedelta(days=3, microseconds=1))

        assert (patient.parked, sum(ended.parked.values())) == ({}, 4)
        assert inbox_states(engine) == {"parked": 4}


class TestALongRun:
    def test_tells_how_far_it_is_and_reads_no_further_than_a_batch(self, engine):
        told, read_ahead = [], Counter()

        def stream():
            for line in lives(10):
                read_ahead["lines"] += 1
                yield line

        take(
            engine,
            stream(),
            batch_size=20,
            progress=lambda lines: told.append((lines, read_ahead["lines"])),
        )

        assert told == [(20, 20), (40, 40), (50, 50)]

    def test_can_be_forgotten_after_a_while(self, engine):
        take(engine, lives(2))

        assert prune(engine, NOW) == 0
        assert prune(engine, NOW + timedelta(days=90)) == 10

    def test_adds_up_to_its_parts(self, engine):
        whole = take(engine, [*lives(3), b"junk"], batch_size=4)

        assert (whole.lines, whole.stored, whole.applied) == (16, 16, 15)
        assert whole.parked == {"no JSON": 1}


@pytest.mark.long
class TestAMillionBytesOfLines:
    def test_take_no_more_memory_than_one_batch(self, engine):
        import tracemalloc

        peaks = []

        def progress(_lines):
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()

        tracemalloc.start()
        take(engine, (line for n in range(4000) for line in life(n)), progress=progress)
        tracemalloc.stop()

        assert max(peaks[5:]) < 1.5 * peaks[2]
