"""
From the rows of mails to their stories, for a batch: a fixed number of queries, in two journeys.

What a mail names is found first, then all that belongs to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.account import DebtExit, Signal, scopes
from recoup.core.money import Money
from recoup.core.occasions.story import (
    Awaited,
    Bill,
    Bought,
    Closed,
    Discount,
    Dunned,
    GivenBack,
    Owed,
    Payment,
    Story,
    Way,
)
from recoup.core.states import (
    AttemptState,
    CaseEnd,
    GateStatus,
    InvoiceStatus,
    LateState,
    SubscriptionStatus,
)
from recoup.store import batch
from recoup.store.mails.used import PAID_WITH, USED
from recoup.store.records.mails import Mail

_DEAD: Final = ", ".join(f"'{status}'" for status in GateStatus if states.is_dead(status))

#: By the argument that names it: what it belongs to. Invoice, subscription, case, payment.
_ROOTS: Final[Mapping[str, str]] = {
    "gate_id": "SELECT id, invoice_id, subscription_id, NULL::bigint, NULL::bigint FROM gates",
    "attempt_id": "SELECT id, invoice_id, NULL::bigint, NULL::bigint, id FROM attempts",
    "refund_id": "SELECT r.id, a.invoice_id, NULL::bigint, NULL::bigint, a.id FROM refunds r "
    "JOIN attempts a ON a.id = r.attempt_id",
    "debt_id": "SELECT id, invoice_id, NULL::bigint, case_id, NULL::bigint FROM debts",
    "invoice_id": "SELECT id, id, subscription_id, NULL::bigint, NULL::bigint FROM invoices",
    "subscription_id": "SELECT id, NULL::bigint, id, NULL::bigint, NULL::bigint "
    "FROM subscriptions",
    "case_id": "SELECT id, NULL::bigint, NULL::bigint, id, NULL::bigint FROM cases",
    "method_id": f"""SELECT m.id, NULL::bigint, (
            SELECT s.id FROM subscriptions s JOIN customers c ON c.id = s.customer_id
            WHERE {PAID_WITH} ORDER BY s.period_end, s.id LIMIT 1), NULL::bigint, NULL::bigint
        FROM payment_methods m""",
    "upgrade_of": "SELECT id, NULL::bigint, id, NULL::bigint, NULL::bigint FROM subscriptions",
}  # fmt: skip
#: Mail -> the bill of a change that was withdrawn at its instant; of two nobody knows which.
_WITHDRAWN: Final = f"""
    SELECT given.id, min(bill.id) FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])
        AS given (id, subscription, at)
    CROSS JOIN LATERAL (
        SELECT invoice_id AS id FROM gates
        WHERE subscription_id = given.subscription AND purpose = 'change' AND status IN ({_DEAD})
          AND ended_at >= given.at AND ended_at < given.at + interval '1 second'
        UNION
        SELECT i.id FROM invoices i JOIN commands c ON c.subject = 'invoice:' || i.id
        WHERE i.subscription_id = given.subscription AND i.withdrawn_at IS NOT NULL
          AND c.kind = 'invoices.withdraw' AND c.state = 'done'
          AND c.ended_at >= given.at AND c.ended_at < given.at + interval '1 second'
    ) AS bill GROUP BY given.id HAVING count(*) = 1"""
#: A mail that names several of these is about the first of them that it names.
_FIRST: Final = tuple(_ROOTS)

_BILLS: Final = """
    SELECT id, subscription_id, case_id, number, status, currency, amount_due, amount_paid,
           amount_remaining, prices, due_at, finalized_at, closed_at, resolved_as, next_try_at,
           collection_method = 'charge_automatically', gate_id IS NOT NULL,
           withdrawn_at IS NOT NULL
    FROM invoices WHERE id = ANY(%s) OR case_id = ANY(%s) ORDER BY created_at, id"""
_PAYMENTS: Final = """
    SELECT a.id, a.invoice_id, a.state, a.amount, a.currency,
           coalesce(a.ended_at, a.happened_at), coalesce(m.kind, 'card'),
           coalesce(a.brand, m.brand), m.last4, m.exp_year, m.exp_month, a.decline_code,
           a.advice_code, a.network_decline_code, a.network_advice_code, a.unowed_at
    FROM attempts a
    LEFT JOIN payment_methods m ON m.customer_id = a.customer_id AND m.processor_id = a.method
    WHERE a.invoice_id IN (SELECT id FROM invoices WHERE id = ANY(%s) OR case_id = ANY(%s))
    ORDER BY a.happened_at, a.id"""
_GATES: Final = """
    SELECT g.id, g.status, g.invoice_id, g.reason, g.late, g.expires_at, l.state
    FROM gates g LEFT JOIN LATERAL (
        SELECT state FROM late_payments WHERE gate_id = g.id
        ORDER BY found_at DESC, id DESC LIMIT 1) l ON true
    WHERE g.id = ANY(%s) OR g.invoice_id = ANY(%s) ORDER BY g.id"""
_CASES: Final = """
    SELECT id, scope, policy, opened_at, ending, ended_at,
           EXISTS (SELECT FROM notices WHERE case_id = c.id AND state = 'sent')
           OR EXISTS (SELECT FROM restrictions WHERE case_id = c.id)
           OR EXISTS (SELECT FROM mails m JOIN attempts a ON a.customer_id = m.customer_id
                           AND a.id = (m.args ->> 'attempt_id')::bigint
                      JOIN invoices i ON i.id = a.invoice_id AND i.case_id = c.id
                      WHERE m.customer_id = c.customer_id AND m.state = 'sent'
                        AND m.args ? 'attempt_id')
    FROM cases c
    WHERE id = ANY(%s) OR id IN (SELECT case_id FROM invoices WHERE id = ANY(%s))
       OR (ending IS NULL AND customer_id = ANY(%s))
    ORDER BY id"""
_BOUGHT: Final = """
    SELECT s.id, s.status, s.plan, s.activated_at, s.ended_at, s.end_reason, s.cancel_at,
           s.trial_end, s.pause_behavior IS NOT NULL, s.resumes_at, s.period_end, s.coupon,
           ARRAY(SELECT args ->> 'ends_at' FROM mails t
                 WHERE t.customer_id = s.customer_id AND t.type = 'subscription_canceled'
                   AND t.state = 'sent' AND (t.args ->> 'subscription_id')::bigint = s.id
                   AND t.args ? 'ends_at'),
           m.kind, m.brand, m.last4, m.exp_year, m.exp_month, m.id IS NOT NULL,
           o.name, o.percent_off::text, o.amount_off, o.currency, o.months,
           o.duration = 'forever', o.id IS NOT NULL
    FROM subscriptions s JOIN customers c ON c.id = s.customer_id
    LEFT JOIN payment_methods m ON m.customer_id = s.customer_id AND NOT m.detached
         AND m.processor_id = coalesce(s.default_method, c.default_method)
    LEFT JOIN coupons o ON o.processor = s.processor AND o.processor_id = s.coupon
    WHERE s.customer_id = ANY(%s)"""
_CLOSED: Final = """
    SELECT case_id, scope, consequence, since, lifted_at FROM restrictions
    WHERE customer_id = ANY(%s) ORDER BY id"""
_DEBTS: Final = """
    SELECT id, invoice_id, case_id, exited_as, exited_at FROM debts
    WHERE id = ANY(%s) OR invoice_id = ANY(%s) OR case_id = ANY(%s) ORDER BY entered_at, id"""
_REFUNDS: Final = (
    "SELECT id, attempt_id, amount, currency, status, happened_at FROM refunds WHERE id = ANY(%s)"
)
_WAYS: Final = f"""
    SELECT m.id, m.kind, m.brand, m.last4, m.exp_year, m.exp_month, {USED}
    FROM payment_methods m WHERE m.id = ANY(%s)"""


@dataclass(slots=True)
class _Roots:
    """What mails name, and what that belongs to: all there is to look for."""

    of: dict[int, tuple[int | None, ...]] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)

    def column(self, place: int) -> list[int]:
        return sorted({id for row in self.of.values() if (id := row[place]) is not None})


@dataclass(frozen=True, slots=True)
class _Rows:
    """Everything read for a batch, by id."""

    bills: Mapping[int, Bill]
    payments: Mapping[int, Payment]
    gates: Mapping[int, Awaited]
    cases: Mapping[int, Dunned]
    bought: Mapping[int, tuple[Bought, Discount | None]]
    closed: tuple[Closed, ...]
    debts: Mapping[int, Owed]
    refunds: Mapping[int, GivenBack]
    ways: Mapping[int, Way]


def stories(connection: Connection, mails: Iterable[Mail]) -> dict[int, Story]:
    """Return, by the mail's id, what each is about as it stands now."""
    given = tuple(mails)
    if not given:
        return {}
    roots = _roots(connection, given)
    rows = _read(connection, given, roots)
    return {mail.id: _story(mail, roots, rows) for mail in given}


def _root(mail: Mail) -> tuple[str, int]:
    """Return what a mail is about; of one that names nothing, its customer."""
    for name in _FIRST:
        id = mail.args.get(name)
        if type(id) is int:
            return name, id
    return "customer_id", mail.customer_id


def _roots(connection: Connection, mails: Sequence[Mail]) -> _Roots:
    named: dict[str, set[int]] = {}
    for mail in mails:
        name, id = _root(mail)
        if name in _ROOTS:
            named.setdefault(name, set()).add(id)
    found = batch.fetch_each(
        connection, [(f"{_ROOTS[n]} {_where(n)}", (sorted(ids),)) for n, ids in named.items()]
    )
    of = {
        (name, id): tuple(rest)
        for name, rows in zip(named, found, strict=True)
        for id, *rest in rows
    }
    made = _Roots()
    for mail in mails:
        root = _root(mail)
        if root in of:
            made.of[mail.id] = of[root]
        elif root[0] in _ROOTS:
            made.gone.add(mail.id)
    for id, invoice in _withdrawn(connection, mails):
        if id in made.of:
            made.of[id] = (invoice, *made.of[id][1:])
    return made


def _withdrawn(connection: Connection, mails: Sequence[Mail]) -> Sequence[Any]:
    """Return, for each mail of a change that was withdrawn, its id and that of the bill."""
    asked = [mail for mail in mails if "upgrade_of" in mail.args and "at" in mail.args]
    if not asked:
        return ()
    given = ([mail.args[name] for mail in asked] for name in ("upgrade_of", "at"))
    return batch.fetch(connection, _WITHDRAWN, ([mail.id for mail in asked], *given))


def _where(name: str) -> str:
    alias = {"refund_id": "r.", "method_id": "m."}.get(name, "")
    return f"WHERE {alias}id = ANY(%s)"


def _read(connection: Connection, mails: Sequence[Mail], roots: _Roots) -> _Rows:
    invoices, cases = roots.column(0), roots.column(2)
    customers = sorted({mail.customer_id for mail in mails})

    def named(name: str) -> list[int]:
        return sorted({id for mail in mails for n, id in (_root(mail),) if n == name})

    found = batch.fetch_each(
        connection,
        [
            (_BILLS, (invoices, cases)),
            (_PAYMENTS, (invoices, cases)),
            (_GATES, (named("gate_id"), invoices)),
            (_CASES, (cases, invoices, customers)),
            (_BOUGHT, (customers,)),
            (_CLOSED, (customers,)),
            (_DEBTS, (named("debt_id"), invoices, cases)),
            (_REFUNDS, (named("refund_id"),)),
            (_WAYS, (named("method_id"),)),
        ],
    )
    bills, payments, gates, dunned, bought, closed, debts, refunds, ways = found
    return _Rows(
        bills={row[0]: _bill(row) for row in bills},
        payments={row[0]: _payment(row) for row in payments},
        gates={row[0]: _gate(row) for row in gates},
        cases={row[0]: _case(row) for row in dunned},
        bought={row[0]: (_bought(row), _discount(row)) for row in bought},
        closed=tuple(Closed(*row) for row in closed),
        debts={row[0]: _debt(row) for row in debts},
        refunds={
            row[0]: GivenBack(row[1], Money(row[2], row[3]), row[4], row[5]) for row in refunds
        },
        ways={row[0]: _way(row[1:]) for row in ways},
    )


def _story(mail: Mail, roots: _Roots, rows: _Rows) -> Story:
    kind, id = _root(mail)
    found = mail.id not in roots.gone
    invoice, subscription, case_id, payment = roots.of.get(mail.id, (None,) * 4)
    bill = rows.bills.get(invoice or 0)
    case = rows.cases.get(case_id or (bill.case_id if bill is not None else None) or 0)
    if subscription is None and bill is not None:
        subscription = bill.subscription_id
    if subscription is None and case is not None:
        subscription = scopes.subscription_id(case.scope)
    if case is None:
        case = _open_case(rows, subscription)
    bought, coupon = rows.bought.get(subscription or 0, (None, None))
    bills = tuple(b for b in rows.bills.values() if case is not None and b.case_id == case.id)
    mine = {one.id for one in bills} | {invoice}
    debt = rows.debts.get(id) if kind == "debt_id" else _debt_of(rows, invoice, case_id)
    gate = rows.gates.get(id) if kind == "gate_id" else _gate_of(rows, invoice)
    return Story(
        mail=mail.type,
        args=mail.args,
        queued_at=mail.queued_at,
        found=found,
        bought=bought,
        bill=bill,
        bills=bills,
        payments=tuple(p for p in rows.payments.values() if p.invoice_id in mine),
        payment=rows.payments.get(payment or 0),
        gate=gate,
        case=case,
        closed=_closed(rows, subscription, case),
        debt=debt,
        refund=rows.refunds.get(id) if kind == "refund_id" else None,
        coupon=coupon,
        way=rows.ways.get(id) if kind == "method_id" else None,
    )


def _open_case(rows: _Rows, subscription: int | None) -> Dunned | None:
    """Return the open case of a subscription, for mails that name neither case nor invoice."""
    if subscription is None:
        return None
    scope = scopes.of_subscription(subscription)
    mine = (one for one in rows.cases.values() if one.end is None and one.scope == scope)
    return next(mine, None)


def _debt_of(rows: _Rows, invoice: int | None, case: int | None) -> Owed | None:
    """Return the newest bad debt of an invoice, or of a case."""
    debts = (d for d in rows.debts.values() if invoice == d.invoice_id or case == d.case_id)
    return max(debts, key=lambda debt: debt.id, default=None)


def _gate_of(rows: _Rows, invoice: int | None) -> Awaited | None:
    if invoice is None:
        return None
    return next((g for g in rows.gates.values() if g.invoice_id == invoice), None)


def _closed(rows: _Rows, subscription: int | None, case: Dunned | None) -> tuple[Closed, ...]:
    """Return the restrictions of a case, or of its subscription and all its parts."""

    def mine(one: Closed) -> bool:
        if case is not None and (one.case_id == case.id or one.scope == case.scope):
            return True
        return subscription is not None and scopes.subscription_id(one.scope) == subscription

    return tuple(one for one in rows.closed if mine(one))


def _bill(row: Sequence[Any]) -> Bill:
    id, subscription, case, number, status, currency, due, paid, left, prices, *rest = row
    return Bill(
        id, subscription, case, number, InvoiceStatus(status),
        Money(due, currency), Money(paid, currency), Money(left, currency), tuple(prices), *rest,
    )  # fmt: skip


def _payment(row: Sequence[Any]) -> Payment:
    id, invoice, state, amount, currency, at, kind, brand, last4, year, month, *rest = row
    *codes, unowed = rest
    way = _way((kind, brand, last4, year, month, False))
    return Payment(
        id, invoice, AttemptState(state), Money(amount, currency), at, way, Signal(*codes), unowed
    )


def _way(row: Sequence[Any]) -> Way:
    kind, brand, last4, year, month, used = row
    expires = None if year is None or month is None else (int(year), int(month))
    return Way(kind, brand or None, last4, expires, used)


def _gate(row: Sequence[Any]) -> Awaited:
    id, status, invoice, reason, late, expires_at, state = row
    came = None if state is None else LateState(state)
    return Awaited(id, GateStatus(status), invoice, reason, late, expires_at, came)


def _case(row: Sequence[Any]) -> Dunned:
    id, scope, policy, opened, end, at, told = row
    return Dunned(id, scope, policy, opened, None if end is None else CaseEnd(end), at, told)


def _bought(row: Sequence[Any]) -> Bought:
    id, status, *rest = row[:12]
    told, *way, there = row[12:19]
    made = Bought(id, SubscriptionStatus(status), *rest)
    return replace(made, told_ends=tuple(told), way=_way((*way, True)) if there else None)


def _discount(row: Sequence[Any]) -> Discount | None:
    name, percent, amount, currency, months, forever, there = row[19:]
    if not there:
        return None
    off = None if amount is None else Money(amount, currency)
    whole = None if percent is None else percent.rstrip("0").rstrip(".")
    return Discount(name, whole, off, months, bool(forever))


def _debt(row: Sequence[Any]) -> Owed:
    id, invoice, case, exit, at = row
    return Owed(id, invoice, case, None if exit is None else DebtExit(exit), at)
