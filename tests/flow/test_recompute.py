"""The loop on a real database: repeats, batches, locks, records, and what a rollback leaves."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from recoup.core.changes import CaseOpened
from recoup.recompute import proposed, recompute

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

#: What a state is, without the ids its rows happened to get.
STATE = (
    (
        "SELECT customer_id, scope, anchor, opened_at, policy, rung, rung_since, ending, ended_at "
        "FROM cases ORDER BY 1, 4"
    ),
    "SELECT customer_id, standing, next_wake_at, run_state FROM standings ORDER BY 1",
    (
        "SELECT invoice_id, ordinal, idempotency_key, origin, state, happened_at FROM attempts "
        "ORDER BY 1, 2"
    ),
    "SELECT customer_id, anchor, step, state, reason, placed_at FROM notices ORDER BY 1, 2, 3",
    (
        "SELECT customer_id, scope, consequence, rung, since, lifted_at FROM restrictions "
        "ORDER BY 1, 3, 5"
    ),
    "SELECT customer_id, end_requested_at, end_reason FROM subscriptions ORDER BY 1",
    "SELECT customer_id, type, state, queued_at FROM mails ORDER BY 1, 4, 2, 3",
    "SELECT customer_id, kind, queue, due_at FROM effects ORDER BY 1, 2, 4, id",
    "SELECT customer_id, trigger, at, policy, reasons, changes FROM decisions ORDER BY 1, 3",
    "SELECT customer_id, seq, type, occurred_at, recorded_at FROM ledger_entries ORDER BY 1, 2",
)


@contextmanager
def locked(shop, *ids):
    """Hold the locks of these customers."""
    with shop.engine.begin() as connection:
        sql = text("SELECT id FROM customers WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
        connection.execute(sql, {"ids": list(ids)})
        yield


def words(run):
    return {id: [change.words for change in changes] for id, changes in run.changes.items()}


class TestASecondRun:
    @pytest.mark.parametrize("age", [0, 2, 6, 13, 29])
    def test_writes_nothing_but_that_it_ran(self, shop, age):
        now = shop.noon + age * DAY
        ids = shop.debtors(5)
        first = shop.recompute(ids, now=now)
        assert set(first.changes) == set(ids)
        before, runs = shop.contents(), shop.rows("SELECT count(*) FROM runs")

        again = shop.recompute(ids, now=now, trigger="again")

        assert (again.seen, again.changes, again.failed) == (5, {}, {})
        assert shop.contents() == before
        assert shop.rows("SELECT count(*) FROM runs") == [runs[0] + 1]

    def test_before_the_next_wake_writes_nothing_either(self, shop):
        ids = shop.debtors(5)
        shop.recompute(ids)
        shop.answer(shop.noon)
        shop.recompute(ids)
        before = shop.contents()
        (wake,) = set(shop.rows("SELECT next_wake_at FROM standings"))

        run = shop.recompute(ids, now=wake - timedelta(microseconds=1))

        assert run.changes == {}
        assert shop.contents() == before
        assert set(shop.recompute(ids, now=wake).changes) == set(ids)

    def test_by_the_clock_finds_nobody_due(self, shop):
        shop.debtors(5)
        assert shop.sweep().seen == 5
        before = shop.contents(but=())

        assert shop.sweep().seen == 0
        assert shop.contents(but=()) == before


class TestATrigger:
    def test_decides_nothing(self, shop):
        ids = shop.debtors(3, failed_at=shop.noon - 6 * DAY)
        found = []
        for trigger in ("event", "clock", "operator", "drift", ""):
            with shop.engine.connect() as connection:
                run = recompute(connection, ids, engine=shop.loop, trigger=trigger, now=shop.noon)
                found.append(words(run))
                connection.rollback()

        assert len(found[0]) == 3
        assert found == [found[0]] * 5

    def test_is_recorded_on_the_run_and_on_every_decision(self, shop):
        shop.recompute(shop.debtors(2), trigger="PAYMENT_FAILED")

        assert shop.rows("SELECT trigger FROM runs") == ["PAYMENT_FAILED"]
        assert shop.rows("SELECT trigger FROM decisions") == ["PAYMENT_FAILED"] * 2


class TestADryRun:
    def test_says_what_would_change_and_writes_nothing(self, shop):
        (id,) = shop.debtors(failed_at=shop.noon - 6 * DAY)
        before = shop.contents(but=())

        with shop.engine.begin() as connection:
            made = proposed(connection, id, engine=shop.loop, now=shop.noon)

        assert shop.contents(but=()) == before
        said = [change.words for change in made.changes]
        assert said == words(shop.recompute([id]))[id]
        assert "skip notice reminder: late: a newer notice is due" in said
        assert made.decision.reasons

    def test_does_not_wait_for_a_customer_who_is_locked(self, shop):
        (id,) = shop.debtors()

        with locked(shop, id), shop.engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '1s'"))
            made = proposed(connection, id, engine=shop.loop, now=shop.noon)

        assert any(isinstance(change, CaseOpened) for change in made.changes)

    def test_of_an_unknown_customer_is_nothing(self, shop):
        with shop.engine.begin() as connection:
            assert proposed(connection, 999, engine=shop.loop, now=shop.noon) is None


class TestABatch:
    def test_leads_where_one_by_one_leads(self, new_shop):
        together, apart = new_shop(), new_shop()
        for shop in (together, apart):
            for age in range(30):
                shop.debtors(failed_at=shop.noon - age * DAY)
        ids = list(range(1, 31))

        for later in (0, 1, 4, 8, 12, 15, 20, 25, 30):
            now = together.noon + later * DAY
            together.recompute(ids, now=now)
            for id in ids:
                apart.recompute([id], now=now)
            for shop in (together, apart):
                shop.answer(now)

        for sql in STATE:
            found = together.rows(sql)
            assert found, sql
            assert found == apart.rows(sql)
        kinds = together.rows("SELECT DISTINCT kind FROM effects ORDER BY 1")
        assert kinds == ["collect", "end_subscription", "send_mail", "step"]

    def test_passes_over_unknown_ids_and_takes_each_once(self, shop):
        (id,) = shop.debtors()

        run = shop.recompute([id, 999, id, -1])

        assert (run.seen, set(run.changes), run.failed) == (1, {id}, {})

    @pytest.mark.parametrize("ids", [[], [999]], ids=["empty", "unknown"])
    def test_of_nobody_is_no_run(self, shop, ids):
        assert shop.recompute(ids).seen == 0
        assert shop.rows("SELECT * FROM runs") == []


class TestALockedCustomer:
    def test_is_passed_over_by_the_sweep_and_comes_next_time(self, shop):
        first, second, third = shop.debtors(3)

        with locked(shop, second):
            run = shop.sweep()

        assert set(run.changes) == {first, third}
        assert set(shop.sweep().changes) == {second}

    def test_is_waited_for_by_whoever_means_it(self, shop):
        (id,) = shop.debtors()

        with locked(shop, id), shop.engine.connect() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(psycopg.errors.LockNotAvailable):
                recompute(connection, [id], engine=shop.loop, trigger="test", now=shop.noon)


class TestLocks:
    def test_are_taken_in_the_order_of_ids(self, shop):
        first, *others = shop.debtors(6)

        with ThreadPoolExecutor(1) as pool:
            with locked(shop, first):
                waiting = pool.submit(shop.recompute, [*reversed(others), first])
                self.until_somebody_waits(shop)
                # Who waits for the first holds none of the others yet.
                with shop.engine.begin() as connection:
                    sql = "SELECT id FROM customers WHERE id = ANY(:ids) FOR UPDATE NOWAIT"
                    free = connection.scalars(text(sql), {"ids": others}).all()
            run = waiting.result(timeout=60)

        assert sorted(free) == others
        assert run.seen == 6

    def test_of_opposite_batches_do_not_deadlock(self, shop):
        ids = shop.debtors(30)
        days = [shop.noon + day * DAY for day in range(8)]

        with ThreadPoolExecutor(2) as pool:
            for now in days:
                runs = [pool.submit(shop.recompute, order, now=now) for order in (ids, ids[::-1])]
                changed = [set(run.result(timeout=60).changes) for run in runs]
                # Whoever came second found everything done.
                assert sorted(map(len, changed)) in ([0, 0], [0, 30])
                shop.answer(now)

    def until_somebody_waits(self, shop):
        sql = """SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'"""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if shop.rows(sql) == [1]:
                return
            time.sleep(0.01)
        raise AssertionError("nobody waits for the lock")


class TestTheNextWake:
    def test_is_the_next_instant_at_which_something_is_due(self, shop):
        ids = shop.debtors()
        wakes = []
        now = shop.noon
        while now is not None and now < shop.noon + 40 * DAY:
            shop.recompute(ids, now=now)
            shop.answer(now)
            shop.recompute(ids, now=now)
            (now,) = shop.rows("SELECT next_wake_at FROM standings")
            wakes.append(now)

        spans = [wake - shop.noon for wake in wakes[:-1]]
        assert wakes[-1] is None
        assert spans == sorted(set(spans))
        assert {5 * DAY, 8 * DAY, 12 * DAY, 15 * DAY, 21 * DAY, 24 * DAY, 28 * DAY} <= set(spans)

    def test_is_put_off_while_an_answer_is_awaited(self, shop):
        ids = shop.debtors(failed_at=shop.noon - 2 * DAY)
        shop.recompute(ids)
        assert shop.rows("SELECT state FROM attempts WHERE ordinal = 1") == ["intended"]

        (wake,) = shop.rows("SELECT next_wake_at FROM standings")

        assert wake == shop.noon + 3 * DAY  # the next notice

    def test_of_somebody_who_owes_nothing_is_never(self, shop):
        ids = shop.debtors()
        shop.do("UPDATE invoices SET status = 'void', closed_at = first_failed_at, case_id = NULL")
        shop.recompute(ids)

        assert shop.rows("SELECT standing, next_wake_at FROM standings") == [("current", None)]


class TestTheRecordOfADecision:
    def test_says_why_and_what_changed_in_words(self, shop):
        (id,) = shop.debtors()
        run = shop.recompute([id])

        ((reasons, changes, policy, hashed),) = shop.rows(
            "SELECT reasons, changes, policy, inputs_hash FROM decisions"
        )

        assert changes == words(run)[id]
        assert changes[0] == (
            "open a case for subscription:1, in default since 2026-03-02 12:00 UTC"
        )
        assert "standing current -> reminded" in changes
        assert "send notice reminder" in changes
        assert any("insufficient_funds" in reason for reason in reasons)
        assert any("in default for 0 d 0 h" in reason for reason in reasons)
        assert (policy, len(hashed)) == ("default/1", 64)

    def test_is_not_made_for_a_later_wake_alone(self, shop):
        (id,) = shop.debtors()
        shop.recompute([id])
        shop.answer(shop.noon)
        shop.recompute([id])
        shop.do("UPDATE standings SET next_wake_at = :now", now=shop.noon + HOUR)

        run = shop.recompute([id], now=shop.noon + HOUR)

        assert [type(change).__name__ for change in run.changes[id]] == ["WakeChanged"]
        assert shop.rows("SELECT count(*) FROM decisions") == [1]

    def test_of_a_run_counts_who_was_seen_changed_and_failed(self, shop):
        first, second, third, *_ = shop.debtors(5)
        shop.recompute([first])
        shop.spoil(second)

        shop.recompute([first, second, third], now=shop.noon)

        assert shop.rows("SELECT customers, changed, failed FROM runs ORDER BY id") == [
            (1, 1, 0),
            (3, 1, 1),
        ]
        assert all(took > 0 for took in shop.rows("SELECT duration_us FROM runs"))


class TestAFailureThatIsHeardOfLate:
    def test_opens_its_case_at_the_instant_it_happened(self, shop):
        (id,) = shop.debtors()
        now = shop.noon + 5 * DAY

        shop.recompute([id], now=now)

        assert shop.rows("SELECT anchor, opened_at FROM cases") == [(shop.noon, shop.noon)]
        assert shop.rows("SELECT step, state, due_at, placed_at FROM notices ORDER BY due_at") == [
            ("reminder", "skipped", shop.noon, now),
            ("action_required", "scheduled", now, now),
        ]
        assert shop.rows(
            "SELECT occurred_at, recorded_at FROM ledger_entries WHERE type = 'case.opened'"
        ) == [(shop.noon, now)]

    def test_takes_nothing_away_unannounced_however_late(self, shop):
        (id,) = shop.debtors()

        now = shop.noon + 26 * DAY

        shop.recompute([id], now=now)
        shop.do("UPDATE attempts SET state = 'canceled' WHERE state = 'intended'")
        shop.recompute([id], now=now)

        assert shop.rows("SELECT rung FROM cases") == ["reminded"]
        assert shop.rows("SELECT step FROM notices WHERE state = 'scheduled'") == ["final_notice"]
        assert shop.rows("SELECT * FROM restrictions") == []


class TestARolledBackTransaction:
    def test_leaves_no_row_no_entry_no_effect_and_no_mail(self, shop):
        ids = shop.debtors(4, failed_at=shop.noon - 6 * DAY)
        before, had = shop.contents(but=()), len(shop.rows("SELECT id FROM effects"))

        with shop.engine.connect() as connection:
            run = recompute(connection, ids, engine=shop.loop, trigger="test", now=shop.noon)
            made = connection.scalar(text("SELECT count(*) FROM effects"))
            connection.rollback()

        assert (len(run.changes), made - had) == (4, 12)
        assert shop.contents(but=()) == before

    def test_to_a_savepoint_leaves_what_came_before(self, shop):
        first, second = shop.debtors(2)

        with shop.engine.begin() as connection:
            recompute(connection, [first], engine=shop.loop, trigger="test", now=shop.noon)
            nested = connection.begin_nested()
            recompute(connection, [second], engine=shop.loop, trigger="test", now=shop.noon)
            nested.rollback()

        assert shop.rows("SELECT customer_id FROM cases") == [first]
        noticed = "SELECT customer_id FROM effects WHERE key LIKE 'mail:notice:%'"
        assert set(shop.rows(noticed)) == {first}
        assert set(shop.recompute([first, second]).changes) == {second}

    def test_of_a_lost_connection_leaves_nothing_and_can_be_repeated(self, shop):
        ids = shop.debtors(4)
        before = shop.contents(but=())

        with shop.engine.connect() as connection:
            recompute(connection, ids, engine=shop.loop, trigger="test", now=shop.noon)
            pid = connection.scalar(text("SELECT pg_backend_pid()"))
            shop.do("SELECT pg_terminate_backend(:pid)", pid=pid)
            connection.invalidate()

        assert shop.contents(but=()) == before
        assert set(shop.recompute(ids).changes) == set(ids)
