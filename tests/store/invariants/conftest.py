"""A town of customers in every situation, built through the writer, with nothing wrong in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import gated_town
import psycopg
import pytest
from cloning import create_clone
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url

from recoup.core.policy import DEFAULT
from recoup.store import batch, database, tables
from recoup.store.invariants import Verification, check
from recoup.store.writer import Writer

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SOFT = {"decline_code": "insufficient_funds"}
STOP = {"decline_code": "stolen_card"}
_numbers = count(1)


class Town:
    """Makes rows of one database. Ids are given out from 1, so faults can name them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def write(self, at: datetime, *changes: Callable[[Writer], None]) -> None:
        writer = Writer(self.connection, now=at, actor="engine", cause="run:1")
        for change in changes:
            change(writer)
        writer.flush()

    def insert(self, table: Any, at: datetime, **row: Any) -> int:
        made: list[int | None] = []
        self.write(at, lambda w: made.append(w.insert(table, row)))
        return made[0] or 0

    def update(self, table: Any, id: int, at: datetime, **values: Any) -> None:
        key = "customer_id" if table is tables.standings else "id"
        sql = f"SELECT * FROM {table.name} WHERE {key} = %s"
        with batch.driver(self.connection).cursor() as cursor:
            row = cursor.execute(sql, (id,)).fetchone()
            names = [column.name for column in cursor.description]
        before = dict(zip(names, row, strict=True))
        self.write(at, lambda w: w.update(table, before, values))

    def customer(self, *, wake: datetime | None = None, standing: str = "current") -> int:
        n = next(_numbers)
        at = NOW - 200 * DAY
        id = self.insert(
            tables.customers, at, processor="fake", processor_id=f"cus_{n}", email="a@b.example",
            currency="EUR", metadata=Jsonb({}), deleted=False, created_at=at,
            seen_rank=0, seen_at=at, seen_tie=0, seen_event="evt_1",
        )  # fmt: skip
        self.insert(
            tables.standings, at, customer_id=id, standing="current", run_state="ok", failures=0
        )
        self.update(tables.standings, id, NOW - DAY, standing=standing, next_wake_at=wake)
        self.insert(
            tables.payment_methods, at, customer_id=id, processor="fake",
            processor_id=f"pm_{id}", kind="card", instrument=f"fp_{id}", brand="visa",
            detached=False, changed_at=at, **seen(at),
        )  # fmt: skip
        self.insert(
            tables.subscriptions, at, customer_id=id, processor="fake",
            processor_id=f"sub_{n}", status="active", plan="pro", prices=["price_1"], quantity=1,
            currency="EUR", collection_method="charge_automatically", **seen(at),
        )  # fmt: skip
        return id

    def subscription_of(self, customer: int) -> int:
        sql = "SELECT id FROM subscriptions WHERE customer_id = %s"
        return batch.fetch(self.connection, sql, (customer,))[0][0]

    def invoice(self, customer: int, at: datetime, **more: Any) -> int:
        row = {
            "status": "open", "amount_due": 1000, "amount_paid": 0, "amount_remaining": 1000,
            "subscription_id": self.subscription_of(customer),
        } | more  # fmt: skip
        return self.insert(
            tables.invoices, at, customer_id=customer, processor="fake",
            processor_id=f"in_{next(_numbers)}", currency="EUR", reason="subscription_cycle",
            collection_method="charge_automatically", created_at=at, tries=1,
            out_of_band=False, disputed=False, tax=0, credited=0, charged_back=0, **row,
            **seen(at),
        )  # fmt: skip

    def paid(self, invoice: int, at: datetime) -> None:
        self.update(
            tables.invoices, invoice, at,
            status="paid", amount_paid=1000, amount_remaining=0, closed_at=at, seen_at=at,
        )  # fmt: skip

    def attempt(
        self, customer: int, invoice: int, at: datetime, state: str, *, ours: int | None = None,
        **more: Any,
    ) -> int:  # fmt: skip
        own = {
            "ordinal": ours, "idempotency_key": f"{invoice}:{ours}", "origin": "retry",
        } if ours else {"origin": "processor"}  # fmt: skip
        id = self.insert(
            tables.attempts, at, customer_id=customer, invoice_id=invoice,
            state="intended" if ours else "requested", amount=1000, currency="EUR",
            processor="fake", method=f"pm_{customer}", instrument=f"fp_{customer}", brand="visa",
            off_session=True, happened_at=at, lookups=0, seen_rank=0, seen_tie=0, **own,
        )  # fmt: skip
        if state == "intended":
            self.effect("collect", f"collect:{id}")
            return id
        if ours:
            self.update(tables.attempts, id, at, state="requested", requested_at=at)
        self.update(
            tables.attempts, id, at, state=state, processor_id=f"ch_{id}", ended_at=at, **more
        )
        return id

    def case(self, customer: int, invoice: int, anchor: datetime, rung: str | None) -> int:
        case = self.insert(
            tables.cases, anchor, customer_id=customer, anchor=anchor, opened_at=anchor,
            scope=f"subscription:{self.subscription_of(customer)}", policy=DEFAULT.name,
        )  # fmt: skip
        self.update(tables.invoices, invoice, anchor, case_id=case, first_failed_at=anchor)
        if rung:
            since = anchor + DEFAULT.rung(rung).after
            self.update(tables.cases, case, since, rung=rung, rung_since=since)
        return case

    def end(self, case: int, at: datetime, ending: str) -> None:
        end = {"ending": ending, "ended_at": at, "rung": None, "rung_since": None}
        self.update(tables.cases, case, at, **end)

    def notice(self, customer: int, case: int, anchor: datetime, key: str, state: str) -> int:
        step = next(step for step in DEFAULT.steps if step.key == key)
        due = anchor + step.after
        id = self.insert(
            tables.notices, due, customer_id=customer, case_id=case, anchor=anchor,
            step=step.key, mail=step.mail, due_at=due, placed_at=due, state="scheduled",
        )  # fmt: skip
        mail = {"key": f"notice:{id}", "type": step.mail, "args": Jsonb({}), "queued_at": due}
        if state == "scheduled":
            self.insert(tables.mails, due, customer_id=customer, state="queued", **mail)
            self.effect("send_mail", f"mail:notice:{id}")
        elif state == "sent":
            out = due
            self.update(tables.notices, id, out, state="sent", delivered_at=out)
            self.insert(tables.mails, due, customer_id=customer, state="sent", sent_at=out, **mail)
        else:
            self.update(tables.notices, id, due, state=state, reason="late")
        return id

    def restriction(self, customer: int, case: int, rung: str, since: datetime) -> int:
        scope = f"subscription:{self.subscription_of(customer)}"
        return self.insert(
            tables.restrictions, since, customer_id=customer, case_id=case, scope=scope,
            consequence=DEFAULT.rung(rung).consequences[0], rung=rung, since=since,
        )  # fmt: skip

    def command(
        self, customer: int, at: datetime, subject: str, *, state: str, amount: int
    ) -> int:
        """Record that somebody asked for a refund."""
        done = state == "done"
        n = next(_numbers)
        return self.insert(
            tables.commands, at, customer_id=customer, kind="payments.refund", key=f"key_{n}",
            request_hash="x", subject=subject, state=state, processor_key=f"recoup:{n}",
            request=None if done else Jsonb({}), args=Jsonb({}),
            result=Jsonb({}) if done else None, amount=amount, currency="EUR", actor="ann",
            recorded_at=at, ended_at=at if done else None, lookups=0,
        )  # fmt: skip

    def effect(self, kind: str, key: str) -> None:
        sql = "INSERT INTO effects (kind, key, queue, due_at, created_at) VALUES (%s,%s,%s,%s,%s)"
        batch.driver(self.connection).execute(sql, (kind, key, "billing", NOW, NOW))


def seen(at: datetime) -> dict[str, Any]:
    return {"seen_rank": 0, "seen_at": at, "seen_tie": 0, "seen_event": "evt_1"}


def settle_in(town: Town) -> None:
    """Fill the town. The names of the customers' situations are the comments."""
    for _ in range(5):  # pays: last month refunded, this month simply paid
        customer = town.customer()
        for at in (NOW - 61 * DAY, NOW - 31 * DAY):
            invoice = town.invoice(customer, at)
            attempt = town.attempt(customer, invoice, at, "succeeded")
            town.paid(invoice, at)
        town.insert(
            tables.refunds, NOW - DAY, attempt_id=attempt, customer_id=customer, amount=1000,
            processor="fake", processor_id=f"re_{attempt}", currency="EUR", status="succeeded",
            happened_at=NOW - DAY, **seen(NOW - DAY),
        )  # fmt: skip
    for rung, days, steps in (
        ("reminded", 1, ("reminder",)),
        ("soft", 9, ("reminder", "action_required")),
        ("limited", 16, ("reminder", "action_required", "restriction_notice")),
        ("suspended", 25, [step.key for step in DEFAULT.steps]),
    ):  # owes, on each rung
        in_default(town, rung, NOW - days * DAY, steps)
    owes_again(town)
    recovered(town)
    for settled in (False, True):
        exhausted(town, settled=settled)
    on_hold(town)
    failed(town)
    charged_back(town)
    gated_town.settle(town, NOW)
    inbox(town)


def in_default(town: Town, rung: str, anchor: datetime, steps: Any) -> tuple[int, int, int]:
    customer = town.customer(wake=NOW + DAY, standing=rung)
    invoice = town.invoice(customer, anchor)
    town.attempt(customer, invoice, anchor, "declined", ours=1, **SOFT)
    case = town.case(customer, invoice, anchor, rung)
    for step in steps:
        town.notice(customer, case, anchor, step, "sent")
    for lower in DEFAULT.ladder[1 : DEFAULT.place(rung) + 1]:
        since = anchor + lower.after
        held = town.restriction(customer, case, lower.name, since)
        if lower.name != rung:
            until = anchor + DEFAULT.ladder[DEFAULT.place(lower.name) + 1].after
            town.update(tables.restrictions, held, until, lifted_at=until)
    return customer, invoice, case


def owes_again(town: Town) -> None:
    """A second try is about to be asked for; the notice of the day waits for its mail."""
    anchor = NOW - 5 * DAY
    customer, invoice, case = in_default(town, "reminded", anchor, ("reminder",))
    town.attempt(customer, invoice, NOW - DAY, "intended", ours=2)
    town.notice(customer, case, anchor, "action_required", "scheduled")


def recovered(town: Town) -> None:
    """A stolen card was replaced, the debt paid, the end dated back to the payment."""
    anchor = NOW - 20 * DAY
    customer, invoice, case = in_default(town, "reminded", anchor, ("reminder",))
    refused = town.attempt(customer, invoice, anchor + DAY, "declined", ours=2, **STOP)
    assert refused
    town.insert(
        tables.payment_methods, NOW - 2 * DAY, customer_id=customer, processor="fake",
        processor_id=f"pm_{customer}_new", kind="card", instrument=f"fp_{customer}_new",
        brand="visa", detached=False, changed_at=NOW - 2 * DAY, **seen(NOW - 2 * DAY),
    )  # fmt: skip
    town.attempt(
        customer, invoice, NOW - 2 * DAY, "succeeded", ours=3, instrument=f"fp_{customer}_new"
    )
    town.paid(invoice, NOW - 2 * DAY)
    town.end(case, NOW - 2 * DAY, "recovered")
    town.update(tables.standings, customer, NOW, standing="current", next_wake_at=None)


def exhausted(town: Town, *, settled: bool) -> None:
    anchor = NOW - 40 * DAY
    steps = [step.key for step in DEFAULT.steps]
    customer, invoice, case = in_default(town, "suspended", anchor, steps)
    town.end(case, anchor + 28 * DAY, "exhausted")
    debt = town.insert(
        tables.debts, anchor + 28 * DAY, customer_id=customer, case_id=case, invoice_id=invoice,
        amount=1000, currency="EUR", entered_at=anchor + 28 * DAY, made_by="engine", age_days=28,
        reason="subscription_cycle", decline_class="soft", products=["price_1"], **SOFT,
    )  # fmt: skip
    standing = "current" if settled else "bad_debt"
    town.update(tables.standings, customer, NOW, standing=standing, next_wake_at=None)
    if settled:
        given_up = {"status": "uncollectible", "resolved_as": "written_off"}
        town.update(tables.invoices, invoice, NOW - DAY, **given_up)
        town.update(tables.cases, case, NOW - DAY, settled_at=NOW - DAY)
        left = {"exited_at": NOW - DAY, "exited_as": "written_off"}
        town.update(tables.debts, debt, NOW - DAY, **left)
        sql = "SELECT id FROM restrictions WHERE case_id = %s AND lifted_at IS NULL"
        for (held,) in batch.fetch(town.connection, sql, (case,)):
            town.update(tables.restrictions, held, NOW - DAY, lifted_at=NOW - DAY)


def on_hold(town: Town) -> None:
    customer, _, _ = in_default(town, "reminded", NOW - 30 * DAY, ("reminder",))
    town.insert(
        tables.holds, NOW - 29 * DAY, customer_id=customer, reason="promised", actor="ann",
        since=NOW - 29 * DAY, kind="hold",
    )  # fmt: skip
    town.update(tables.standings, customer, NOW, next_wake_at=None)


def failed(town: Town) -> None:
    """Paid while its recompute fails: shown as such, and tried again."""
    customer, invoice, _ = in_default(town, "reminded", NOW - 3 * DAY, ("reminder",))
    town.attempt(customer, invoice, NOW - DAY, "succeeded")
    town.paid(invoice, NOW - DAY)
    trouble = {"run_state": "failed", "failures": 2, "run_error": "boom"}
    town.update(tables.standings, customer, NOW, **trouble)


def charged_back(town: Town) -> None:
    """Paid twice over: with a coupon, half given back on request, the rest lost in a dispute."""
    customer = town.customer()
    invoice = town.invoice(customer, NOW - 61 * DAY)
    attempt = town.attempt(customer, invoice, NOW - 61 * DAY, "succeeded")
    town.paid(invoice, NOW - 61 * DAY)
    at = NOW - 5 * DAY
    of = {"attempt_id": attempt, "customer_id": customer, "processor": "fake", "currency": "EUR"}
    town.insert(
        tables.refunds, at, amount=400, processor_id=f"re_{attempt}", status="succeeded",
        happened_at=at, **of, **seen(at),
    )  # fmt: skip
    town.insert(
        tables.disputes, at, amount=600, processor_id=f"dp_{attempt}", open=False, lost=True,
        happened_at=at, **of, **seen(at),
    )  # fmt: skip
    town.update(tables.invoices, invoice, at, charged_back=600, resolved_as="forgiven")
    done = town.command(customer, at, f"payment:{attempt}", state="done", amount=400)
    under_way = town.command(customer, at, f"payment:{attempt}", state="recorded", amount=600)
    town.effect("ask", f"ask:{under_way}")
    coupon = town.insert(
        tables.coupons, at, processor="fake", processor_id="spring", percent_off=10,
        duration="once", redemptions=1, prices=[], deleted=False, **seen(at),
    )  # fmt: skip
    code = town.insert(
        tables.promotion_codes, at, coupon_id=coupon, processor="fake", processor_id="promo_1",
        code="SPRING", active=True, redemptions=1, first_time=False, **seen(at),
    )  # fmt: skip
    for given_back in (None, at):
        town.insert(
            tables.redemptions, at, customer_id=customer, coupon_id=coupon,
            promotion_code_id=code, command_id=under_way if given_back else done,
            subscription_id=town.subscription_of(customer), redeemed_at=at,
            given_back_at=given_back, reason=given_back and "refused",
        )  # fmt: skip
    for place in (1, 2):
        town.insert(
            tables.payment_methods, at, customer_id=customer, processor="fake",
            processor_id=f"pm_{customer}_{place}", kind="card", instrument=f"fp_{place}",
            brand="visa", detached=False, changed_at=at, backup=place, consented_at=at,
            consented_by="ann", **seen(at),
        )  # fmt: skip


def inbox(town: Town) -> None:
    for state, reason, waiting, ended in (
        ("applied", None, None, NOW),
        ("ignored", "nothing to us", None, NOW),
        ("waiting", "its parent is unknown", "cus_404", None),
        ("parked", "malformed", None, None),
        ("received", None, None, None),
    ):
        batch.driver(town.connection).execute(
            "INSERT INTO inbox (processor, key, raw, state, reason, waiting_for, received_at,"
            " ended_at) VALUES ('fake', %s, '{}', %s, %s, %s, %s, %s)",
            (f"evt_{state}", state, reason, waiting, NOW, ended),
        )


@pytest.fixture(scope="module")
def town_engine(server_url: str, template: str) -> Iterator[Engine]:
    """A database with the town in it, for the module; use it in transactions that roll back."""
    name = f"town_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        create_clone(connection, name, of=template)
    url = make_url(server_url).set(drivername="postgresql+psycopg", database=name)
    engine = database.connect(url)
    with engine.begin() as connection:
        settle_in(Town(connection))
    yield engine
    engine.dispose()
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def town(town_engine: Engine) -> Iterator[Town]:
    """The town in a transaction that is rolled back, without the triggers that guard it."""
    with town_engine.connect() as connection:
        batch.driver(connection).execute("SET LOCAL session_replication_role = replica")
        yield Town(connection)
        connection.rollback()


@pytest.fixture
def checked(town: Town) -> Callable[[], Verification]:
    """Check the town as it is now."""
    return lambda: check(town.connection, now=NOW)
