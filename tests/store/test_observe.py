"""What is read of an account, what is not, and who is locked for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text

from recoup.core.states import AttemptState, CaseEnd, InvoiceStatus
from recoup.store import tables
from recoup.store.observe import WINDOW, claim_due, lock, observe
from recoup.store.writer import Writer

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
#: What a mirrored row needs besides what a test is about.
MIRRORED = {
    "payment_methods": {"kind": "card", "instrument": "fp", "changed_at": NOON},
    "subscriptions": {"status": "active", "currency": "EUR", "collection_method": "x"},
    "invoices": {"status": "open", "currency": "EUR", "amount_due": 4900, "amount_paid": 0,
                 "amount_remaining": 4900, "reason": "subscription_cycle",
                 "collection_method": "x", "created_at": NOON - DAY},
    "attempts": {"origin": "processor", "state": "declined", "amount": 4900, "currency": "EUR",
                 "off_session": True, "happened_at": NOON, "decline_code": "expired_card"},
}  # fmt: skip
OTHERS = {
    "cases": {"scope": "invoice:1", "anchor": NOON, "opened_at": NOON, "policy": "default/1"},
    "notices": {"anchor": NOON, "step": "reminder", "mail": "m", "due_at": NOON,
                "placed_at": NOON, "state": "scheduled"},
    "restrictions": {"scope": "invoice:1", "consequence": "read_only", "rung": "soft",
                     "since": NOON},
    "holds": {"reason": "asked", "actor": "eve", "since": NOON},
    "tasks": {"kind": "k", "detail": "d", "opened_at": NOON},
    "disputes": {"amount": 100, "currency": "EUR", "happened_at": NOON, "lost": False,
                 "processor": "fake", "processor_id": "dp_1", "seen_at": NOON,
                 "seen_event": "evt"},
}  # fmt: skip


class Rows:
    """Puts rows in, by table, as the writer does."""

    def __init__(self, connection):
        self.connection = connection
        self._number = 0

    def add(self, table, **values):
        self._number += 1
        name = f"{table}_{self._number}"
        row = dict(values)
        if table in MIRRORED:
            row = {"processor": "fake", "processor_id": name, "seen_at": NOON,
                   "seen_event": "evt"} | MIRRORED[table] | row  # fmt: skip
        row = OTHERS.get(table, {}) | row
        if table == "tasks":
            row = {"key": name} | row
        writer = Writer(self.connection, now=NOON, actor="test", cause="test")
        id = writer.insert(tables.metadata.tables[table], row)
        writer.flush()
        return id

    def put(self, table, **values):
        """Put in what no writer would."""
        row = {"processor": "fake", "processor_id": "put", "seen_at": NOON, "seen_event": "evt"}
        row |= MIRRORED[table] | values
        self.connection.execute(tables.metadata.tables[table].insert().values(**row))

    def customer(self, *, wake=None, run_state="ok", failures=0, run_error=None, **values):
        self._number += 1
        row = {"processor": "fake", "processor_id": f"cus_{self._number}", "created_at": NOON}
        id = self.add("customers", **row | values)
        self.add("standings", customer_id=id, standing="current", next_wake_at=wake,
                 run_state=run_state, failures=failures, run_error=run_error)  # fmt: skip
        return id

    def owing(self, **values):
        """Add a customer with a failed invoice; return both ids."""
        id = self.customer(**values)
        return id, self.add("invoices", customer_id=id, first_failed_at=NOON)


@pytest.fixture
def rows(engine):
    with engine.begin() as connection:
        yield Rows(connection)


def account(rows, id, *, now=NOON):
    (found,) = observe(rows.connection, [id], now=now).accounts
    return found


class TestACustomerWhoOwesNothing:
    def test_is_read_without_what_hangs_on_it(self, rows):
        id = rows.customer(email="a@example.com", country="DE", currency="EUR", segment="team",
                           default_method="pm", wake=NOON)  # fmt: skip
        rows.add("subscriptions", customer_id=id)
        rows.add("payment_methods", customer_id=id)
        rows.add("holds", customer_id=id)
        rows.add("invoices", customer_id=id)  # open, and nothing has failed

        found = account(rows, id)

        assert found.idle
        assert (found.subscriptions, found.methods, found.holds) == ((), (), ())
        assert (found.country, found.currency, found.segment) == ("DE", "EUR", "team")
        assert (found.reachable, found.standing, found.next_wake_at) == (True, "current", NOON)

    @pytest.mark.parametrize("email", [None, ""])
    def test_and_has_no_address_can_not_be_reached(self, rows, email):
        assert not account(rows, rows.customer(email=email)).reachable

    @pytest.mark.parametrize(
        ("table", "values"),
        [
            ("invoices", {"first_failed_at": NOON}),
            ("cases", {}),
            ("tasks", {}),
        ],
    )
    def test_but_is_in_trouble_is_read_whole(self, rows, table, values):
        id = rows.customer()
        rows.add("subscriptions", customer_id=id)
        rows.add("payment_methods", customer_id=id)
        rows.add("holds", customer_id=id)
        rows.add(table, customer_id=id, **values)

        found = account(rows, id)

        assert [len(x) for x in (found.subscriptions, found.methods, found.holds)] == [1, 1, 1]


class TestInvoices:
    @pytest.mark.parametrize(
        ("values", "read"),
        [
            pytest.param({"first_failed_at": NOON}, True, id="failed and open"),
            pytest.param({}, False, id="open and never failed"),
            pytest.param({"first_failed_at": NOON, "status": "void"}, True, id="never taken up"),
            pytest.param({"status": "void"}, False, id="void and never failed"),
        ],
    )
    def test_are_read_when_they_failed_and_are_open_or_in_no_case(self, rows, values, read):
        id, _ = rows.owing()
        one = rows.add("invoices", customer_id=id, **values)

        assert (one in {invoice.id for invoice in account(rows, id).invoices}) is read

    @pytest.mark.parametrize(
        ("case", "read"),
        [
            pytest.param({}, True, id="open"),
            pytest.param({"ending": "exhausted", "ended_at": NOON}, True, id="bad debt"),
            pytest.param({"ending": "exhausted", "ended_at": NOON, "settled_at": NOON}, False,
                         id="settled"),
            pytest.param({"ending": "recovered", "ended_at": NOON}, False, id="recovered"),
        ],
    )  # fmt: skip
    def test_are_read_with_their_case_and_so_are_its_notices(self, rows, case, read):
        id, owed = rows.owing()
        known = rows.add("cases", customer_id=id, scope="invoice:9", **case)
        paid = rows.add("invoices", customer_id=id, status="paid", amount_remaining=0,
                        first_failed_at=NOON, case_id=known)  # fmt: skip
        rows.add("notices", customer_id=id, case_id=known)

        found = account(rows, id)

        assert [one.id for one in found.invoices] == ([owed, paid] if read else [owed])
        assert len(found.notices) == len(found.cases) == int(read)

    def test_say_what_the_rows_say(self, rows):
        id, owed = rows.owing()
        case = rows.add("cases", customer_id=id, ending="exhausted", ended_at=NOON)
        rows.add("invoices", customer_id=id, status="paid", amount_remaining=0, tries=3,
                 first_failed_at=NOON, closed_at=NOON + DAY, case_id=case,
                 disputed=True)  # fmt: skip

        first, second = account(rows, id).invoices

        assert (first.id, first.owed, first.remaining.minor) == (owed, True, 4900)
        assert (second.status, second.closed_at, second.case_id) == (
            InvoiceStatus.PAID, NOON + DAY, case,
        )  # fmt: skip
        assert (second.disputed, second.processor_gave_up, first.processor_gave_up) == (
            True, True, False,
        )  # fmt: skip
        assert account(rows, id).cases[0].end is CaseEnd.EXHAUSTED

    @pytest.mark.parametrize("running", [None, True, False], ids=["never", "now", "once"])
    def test_say_of_a_debt_whether_a_payment_of_it_was_ever_disputed(self, rows, running):
        id, owed = rows.owing()
        some = rows.add("attempts", customer_id=id, invoice_id=owed, state="succeeded", amount=100)
        if running is not None:
            rows.add("disputes", customer_id=id, attempt_id=some, open=running)

        (debt,) = account(rows, id).invoices

        assert debt.was_disputed is (running is not None)


class TestWhatIsOver:
    def test_is_not_read(self, rows):
        id, _ = rows.owing()
        case = rows.add("cases", customer_id=id)
        rows.add("restrictions", customer_id=id, case_id=case, lifted_at=NOON)
        rows.add("tasks", customer_id=id, closed_at=NOON)
        rows.add("payment_methods", customer_id=id, detached=True)

        found = account(rows, id)

        assert (found.restrictions, found.tasks, found.methods) == ((), (), ())

    def test_is_read_of_holds_because_time_stood_still(self, rows):
        id, _ = rows.owing()
        rows.add("holds", customer_id=id, until=NOON + DAY)

        assert [hold.during.end for hold in account(rows, id).holds] == [NOON + DAY]


class TestMethods:
    def test_are_read_oldest_first_and_the_default_is_marked(self, rows):
        id, _ = rows.owing(default_method="pm_new")
        rows.add("payment_methods", customer_id=id, processor_id="pm_new",
                 exp_year=2030, exp_month=1)  # fmt: skip
        rows.add("payment_methods", customer_id=id, processor_id="pm_old", changed_at=NOON - DAY)

        found = account(rows, id).methods

        assert [(m.processor_id, m.is_default, m.expires) for m in found] == [
            ("pm_old", False, None),
            ("pm_new", True, (2030, 1)),
        ]


class TestAttempts:
    def test_are_read_of_what_is_owed_and_uses_of_the_instrument_whoever_owes(self, rows):
        id, owed = rows.owing()
        rows.add("payment_methods", customer_id=id, instrument="shared")
        other, foreign = rows.owing()
        mine = rows.add("attempts", customer_id=id, invoice_id=owed, instrument="gone")
        theirs = rows.add("attempts", customer_id=other, invoice_id=foreign, instrument="shared")
        rows.add("attempts", customer_id=other, invoice_id=foreign, instrument="another")

        found = account(rows, id)

        assert [attempt.id for attempt in found.attempts] == [mine]
        assert [use.id for use in found.uses] == [theirs]
        assert found.attempts[0].signal.decline_code == "expired_card"

    @pytest.mark.parametrize(
        ("state", "age", "read"),
        [
            ("succeeded", WINDOW - timedelta(seconds=1), True),
            ("succeeded", WINDOW, False),
            ("declined", WINDOW, True),
            ("declined", 2000 * DAY, True),
        ],
    )
    def test_of_long_ago_are_read_when_they_were_refused(self, rows, state, age, read):
        id, _ = rows.owing()
        rows.add("payment_methods", customer_id=id)
        invoice = rows.add("invoices", customer_id=id, status="void")
        rows.add("attempts", customer_id=id, invoice_id=invoice, instrument="fp", state=state,
                 happened_at=NOON - age)  # fmt: skip

        found = account(rows, id)

        assert [use.state for use in found.uses] == ([AttemptState(state)] if read else [])
        assert found.attempts == ()


class TestABatch:
    def test_is_read_in_id_order_each_as_if_alone(self, rows):
        ids = [rows.owing()[0] for _ in range(5)] + [rows.customer() for _ in range(3)]
        for id in ids[:2]:
            rows.add("cases", customer_id=id)
            rows.add("payment_methods", customer_id=id)

        found = observe(rows.connection, ids[::-1], now=NOON).accounts

        assert [one.id for one in found] == ids
        assert found == [account(rows, id) for id in ids]

    def test_read_twice_is_equal(self, rows):
        ids = [rows.owing()[0] for _ in range(3)]

        first, second = (observe(rows.connection, ids, now=NOON) for _ in range(2))

        assert first.accounts == second.accounts

    def test_of_nobody_or_of_strangers_is_empty(self, rows):
        assert observe(rows.connection, [], now=NOON).accounts == []
        assert observe(rows.connection, [404], now=NOON).accounts == []

    def test_with_one_bad_row_has_one_that_can_not_be_read(self, rows):
        ids = [rows.owing()[0] for _ in range(4)]
        rows.put("subscriptions", customer_id=ids[2], status="odd")

        found = observe(rows.connection, ids, now=NOON)

        assert [one.id for one in found.accounts] == [ids[0], ids[1], ids[3]]
        assert set(found.unreadable) == {ids[2]}
        assert "odd" in str(found.unreadable[ids[2]])

    def test_names_those_whose_last_run_failed(self, rows):
        well = rows.customer()
        sick = rows.customer(run_state="failed", failures=3, run_error="it broke")

        found = observe(rows.connection, [well, sick], now=NOON)

        assert len(found.accounts) == 2
        assert {id: (t.state, t.failures, t.error) for id, t in found.troubled.items()} == {
            sick: ("failed", 3, "it broke")
        }


class TestLocking:
    def test_returns_who_exists_once_each_in_id_order(self, rows):
        ids = [rows.customer() for _ in range(4)]

        assert lock(rows.connection, [*reversed(ids), 404, ids[0]]) == ids

    def test_keeps_everybody_else_out_until_the_end(self, engine):
        with engine.begin() as connection:
            id = Rows(connection).customer()
        with engine.begin() as connection:
            lock(connection, [id])
            with engine.connect() as other:
                other.execute(text("SET LOCAL lock_timeout = '20ms'"))
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    lock(other, [id])

        with engine.begin() as connection:
            assert lock(connection, [id]) == [id]


class TestClaimingWhoIsDue:
    def test_takes_the_longest_overdue_first_up_to_a_limit(self, rows):
        late, later, due, never = (
            rows.customer(wake=NOON - 2 * DAY),
            rows.customer(wake=NOON - 3 * DAY),
            rows.customer(wake=NOON),
            rows.customer(),
        )
        rows.customer(wake=NOON + timedelta(microseconds=1))

        assert claim_due(rows.connection, now=NOON, limit=9) == [later, late, due]
        assert claim_due(rows.connection, now=NOON, limit=2) == [later, late]
        assert never not in claim_due(rows.connection, now=NOON + 900 * DAY, limit=9)

    def test_leaves_parked_customers_to_a_person_and_takes_failed_ones(self, rows):
        rows.customer(wake=NOON, run_state="parked", failures=8, run_error="it broke")
        failed = rows.customer(wake=NOON, run_state="failed", failures=1, run_error="it broke")

        assert claim_due(rows.connection, now=NOON, limit=9) == [failed]

    def test_shares_the_due_among_many_without_waiting(self, engine):
        with engine.begin() as connection:
            made = Rows(connection)
            ids = [made.customer(wake=NOON) for _ in range(6)]

        with engine.begin() as first, engine.begin() as second, ThreadPoolExecutor(1) as pool:
            one = claim_due(first, now=NOON, limit=4)
            two = pool.submit(claim_due, second, now=NOON, limit=4).result(timeout=60)

        assert len(one) == 4
        assert sorted(one + two) == ids
