"""Failure is a state: one poisoned customer, its next tries, and the others beside it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from recoup.recompute import proposed, recompute
from recoup.recompute.loop import BACKOFF, PATIENCE
from recoup.store.queries import customers, health

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)

#: How to spoil what is known of a customer; what the reason then names; and how to mend it.
POISONS = {
    "a status nobody knows": (
        (
            "INSERT INTO subscriptions (customer_id, processor, processor_id, status, currency, "
            "collection_method, seen_at, seen_event) "
            "VALUES (:id, 'fake', 'odd', 'odd', 'EUR', 'x', now(), 'evt')"
        ),
        "'odd' is not a valid SubscriptionStatus",
        "DELETE FROM subscriptions WHERE status = 'odd'",
    ),
    "a policy that is gone": (
        "UPDATE cases SET policy = 'gone/9' WHERE customer_id = :id",
        "a running case follows policy gone/9, which is gone",
        "UPDATE cases SET policy = 'default/1' WHERE customer_id = :id",
    ),
    "a rung the policy does not have": (
        "UPDATE cases SET rung = 'moon' WHERE customer_id = :id",
        "policy default/1 has no rung 'moon'",
        "UPDATE cases SET rung = 'reminded' WHERE customer_id = :id",
    ),
    "a scope that names nothing": (
        "UPDATE cases SET scope = 'subscription:moon' WHERE customer_id = :id",
        "invalid literal for int()",
        "UPDATE cases SET scope = 'subscription:' || customer_id WHERE customer_id = :id",
    ),
    "a key that somebody else has": (
        (
            "INSERT INTO attempts (customer_id, invoice_id, ordinal, origin, state, amount, "
            "currency, processor, idempotency_key, off_session, happened_at) "
            "SELECT :id % 50 + 1, :id % 50 + 1, 7, 'retry', 'canceled', 1, 'EUR', 'fake', "
            "format('recoup:%s:in_%s:retry:1', length('in_' || :id), :id), true, now()"
        ),
        "duplicate key value violates unique constraint",
        "DELETE FROM attempts WHERE ordinal = 7",
    ),
    "a word the tables refuse": (
        (
            "ALTER TABLE notices ADD CONSTRAINT wordy "
            "CHECK (customer_id <> 17 OR step <> 'action_required')"
        ),
        "violates check constraint",
        "ALTER TABLE notices DROP CONSTRAINT wordy",
    ),
}


def trouble(shop, id):
    ((state, failures, error, wake),) = shop.rows(
        "SELECT run_state, failures, run_error, next_wake_at FROM standings WHERE customer_id=:id",
        id=id,
    )
    return state, failures, error, wake


def open_debts(shop, number=50):
    """Have customers in dunning, all due for a try and a notice six days after the failure."""
    ids = shop.debtors(number)
    shop.recompute(ids)
    shop.answer(shop.noon)
    return ids, shop.noon + 6 * DAY


class TestAPoisonedCustomer:
    @pytest.mark.parametrize("poison", POISONS)
    def test_in_a_batch_of_fifty_stops_nobody_else(self, shop, poison):
        spoil, reason, mend = POISONS[poison]
        ids, now = open_debts(shop)
        sick = ids[16]
        assert sick == 17
        shop.do(spoil, **({"id": sick} if ":id" in spoil else {}))
        before = shop.contents()

        run = shop.sweep(now)

        assert set(run.failed) == {sick}
        assert set(run.changes) == set(ids) - {sick}
        assert reason in run.failed[sick]
        assert trouble(shop, sick) == ("failed", 1, run.failed[sick], now + BACKOFF)
        assert shop.rows(
            "SELECT customers, changed, failed FROM runs ORDER BY id DESC LIMIT 1"
        ) == [(50, 49, 1)]
        self.assert_nothing_written(shop, before, sick)

        shop.do(mend, **({"id": sick} if ":id" in mend else {}))
        healed = shop.sweep(now + BACKOFF)

        assert set(healed.changes) == {sick}
        assert trouble(shop, sick)[:3] == ("ok", 0, None)
        assert trouble(shop, sick)[3] in shop.rows(
            "SELECT next_wake_at FROM standings WHERE customer_id <> :id", id=sick
        )

    def assert_nothing_written(self, shop, before, id):
        """Of what was decided on the failed customer not a row was kept."""
        after = shop.contents()
        for name, place in {"cases": 1, "notices": 1, "ledger_heads": 0, "effects": 4}.items():
            added = {row for _, row in after[name]} - {row for _, row in before[name]}
            owners = {row.strip("()").split(",")[place] for row in added}
            assert len(owners) == 49 or name == "cases", name
            assert str(id) not in owners, name


class TestAFailedCustomer:
    def test_is_tried_again_after_growing_waits_and_parked_at_last(self, shop):
        well, sick = shop.debtors(2)
        shop.spoil(sick)
        now, waits = shop.noon, []
        while True:
            assert set(shop.sweep(now).failed) == {sick}
            state, failures, error, wake = trouble(shop, sick)
            assert "'odd' is not a valid SubscriptionStatus" in error
            if state == "parked":
                break
            waits.append(wake - now)
            assert sick not in shop.sweep(wake - timedelta(microseconds=1)).failed
            now = wake

        assert waits == [1 * MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 16 * MINUTE,
                         32 * MINUTE, 64 * MINUTE]  # fmt: skip
        assert (failures, wake, PATIENCE) == (8, None, 8)
        assert shop.sweep(now + 300 * DAY).failed == {}
        assert trouble(shop, well)[0] == "ok"

    def test_is_listed(self, shop):
        _, sick, worse = shop.debtors(3)
        shop.spoil(sick)
        shop.spoil(worse)
        shop.sweep()
        for _ in range(PATIENCE):
            shop.recompute([worse])

        with shop.engine.connect() as connection:
            listed = customers.listing(connection, troubled=True)
            backlog = health.backlog(connection, now=shop.noon)

        assert [(row.id, row.run_state) for row in listed.rows] == [
            (sick, "failed"),
            (worse, "parked"),
        ]
        assert all(row.run_error for row in listed.rows)
        assert (backlog.failed_customers, backlog.parked_customers) == (1, 1)

    def test_that_is_parked_is_healed_by_the_next_run_whoever_starts_it(self, shop):
        (sick,) = shop.debtors()
        shop.spoil(sick)
        for _ in range(PATIENCE):
            shop.recompute([sick])
        assert trouble(shop, sick)[0] == "parked"

        shop.mend(sick)
        run = shop.recompute([sick], trigger="operator")

        assert run.changes[sick]
        assert trouble(shop, sick) == ("ok", 0, None, shop.noon + 4 * DAY)

    def test_that_has_nothing_to_change_is_healed_too(self, shop):
        (sick,) = shop.debtors()
        shop.recompute([sick])
        shop.answer(shop.noon)
        shop.recompute([sick])
        wake = trouble(shop, sick)[3]
        shop.spoil(sick)
        shop.recompute([sick], now=shop.noon + MINUTE)
        shop.mend(sick)

        shop.sweep(shop.noon + 2 * MINUTE)

        assert trouble(shop, sick) == ("ok", 0, None, wake)
        assert shop.rows("SELECT count(*) FROM decisions") == [1]

    def test_starts_counting_anew_after_it_was_healed(self, shop):
        (sick,) = shop.debtors()
        for _ in range(2):
            shop.spoil(sick)
            shop.recompute([sick])
            assert trouble(shop, sick)[1] == 1
            shop.mend(sick)
            shop.recompute([sick])

    def test_raises_in_a_dry_run(self, shop):
        (sick,) = shop.debtors()
        shop.spoil(sick)

        with shop.engine.connect() as connection, pytest.raises(ValueError, match="odd"):
            proposed(connection, sick, engine=shop.loop, now=shop.noon)

    def test_is_forgotten_with_the_transaction_that_failed(self, shop):
        (sick,) = shop.debtors()
        shop.spoil(sick)

        with shop.engine.connect() as connection:
            run = recompute(connection, [sick], engine=shop.loop, trigger="test", now=shop.noon)
            connection.rollback()

        assert set(run.failed) == {sick}
        assert trouble(shop, sick) == ("ok", 0, None, shop.noon)

    def test_alone_in_a_batch_is_refused_alone(self, shop):
        (sick,) = shop.debtors()
        shop.recompute([sick])
        shop.answer(shop.noon)
        shop.do("ALTER TABLE attempts ADD CHECK (ordinal IS NULL)")

        run = shop.recompute([sick], now=shop.noon + 4 * DAY)

        assert "violates check constraint" in run.failed[sick]
        assert run.changes == {}


class TestADatabaseThatIsUnwell:
    @pytest.mark.parametrize("code", ["40001", "40P01", "55P03", "57014"])
    def test_is_nobodys_fault_and_fails_the_run_whole(self, shop, code):
        """A lost race is no poison: nobody is marked, and the next run does it all."""
        shop.debtors(3)
        shop.do(
            f"""CREATE FUNCTION hiccup() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'unwell' USING ERRCODE = '{code}'; END $$""",
            "CREATE TRIGGER hiccup BEFORE INSERT ON notices EXECUTE FUNCTION hiccup()",
        )
        before = shop.contents(but=())

        with pytest.raises(Exception, match="unwell"):
            shop.sweep()

        assert shop.contents(but=()) == before
        shop.do("DROP TRIGGER hiccup ON notices")
        assert len(shop.sweep().changes) == 3

    def test_leaves_the_callers_transaction_usable_after_a_refusal(self, shop):
        first, second = shop.debtors(2)
        shop.do(f"ALTER TABLE cases ADD CHECK (customer_id <> {first})")

        with shop.engine.begin() as connection:
            run = recompute(
                connection, [first, second], engine=shop.loop, trigger="test", now=shop.noon
            )
            connection.execute(text("UPDATE customers SET name = 'after'"))

        assert (set(run.failed), set(run.changes)) == ({first}, {second})
        assert shop.rows("SELECT name FROM customers") == ["after"] * 2
        assert shop.rows("SELECT customer_id FROM cases") == [second]
