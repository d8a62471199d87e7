"""
Reading accounts: a batch of customers, each store once, locked first and in id order.

The common customer owes nothing and has no case; for those only the customer, the standing and
what is open are read. Subscriptions, methods, attempts and notices are read for the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.account import (
    CURRENT,
    Account,
    Attempt,
    CustomerId,
)
from recoup.core.rollout import Rollout, flags
from recoup.store import batch, rollouts
from recoup.store.observe import gates as gates_
from recoup.store.observe import rows as rows_
from recoup.store.observe import upgrades
from recoup.store.operators import charging

#: How far back attempts on an instrument are read: the longest rolling window of any network or
#: scheme (180 days, ACH). Refusals are read for ever, because some of them mean for ever.
WINDOW: Final = timedelta(days=181)

_CUSTOMERS: Final = """
    SELECT c.id, c.processor, c.currency, c.country, c.segment,
           c.email IS NOT NULL AND c.email <> '', c.deleted, s.standing, s.next_wake_at,
           s.run_state, s.failures, s.run_error
    FROM customers c JOIN standings s ON s.customer_id = c.id
    WHERE c.id = ANY(%s) ORDER BY c.id"""

_CASES: Final = """
    SELECT customer_id, id, scope, anchor, opened_at, policy, rung, rung_since, ending,
           ended_at, settled_at, engine
    FROM cases
    WHERE customer_id = ANY(%s) AND (ending IS NULL OR (ending = 'exhausted'
          AND settled_at IS NULL)) ORDER BY id"""

_INVOICE_COLUMNS: Final = """customer_id, id, processor_id, subscription_id, status, currency,
           amount_due, amount_remaining, reason, created_at, first_failed_at, closed_at,
           disputed, case_id, next_try_at, tries, resolved_as, prices,
           CASE WHEN charged_back > 0 AND status = 'paid' AND resolved_as IS NULL
                THEN charged_back END,
           CASE WHEN charged_back > 0 AND first_failed_at <= closed_at
                THEN ARRAY(SELECT k.scope FROM cases k WHERE k.customer_id = invoices.customer_id
                           AND k.opened_at <= closed_at AND k.ended_at >= first_failed_at) END,
           coalesce(due_at, finalized_at, created_at),
           (SELECT k.scope FROM cases k WHERE k.id = invoices.case_id),
           (SELECT p.plans FROM subscriptions p WHERE p.id = invoices.subscription_id),
           EXISTS (SELECT FROM disputes d JOIN attempts a ON a.id = d.attempt_id
                   WHERE d.customer_id = invoices.customer_id AND a.invoice_id = invoices.id),
           EXISTS (SELECT FROM commands o WHERE o.subject = 'invoice:' || invoices.id
                   AND o.ended_at IS NULL AND o.kind IN (
                       'invoices.void', 'invoices.forgive', 'invoices.withdraw',
                       'invoices.mark_uncollectible', 'invoices.mark_paid_out_of_band'))"""

#: Which ones first, and each looked at once: what is looked up about it is planned once too.
_INVOICES: Final = f"""
    SELECT {_INVOICE_COLUMNS} FROM invoices
    WHERE id = ANY(ARRAY(
        SELECT id FROM invoices
        WHERE customer_id = ANY(%s)
          AND (status = 'open' OR (first_failed_at IS NOT NULL AND case_id IS NULL))
          AND first_failed_at IS NOT NULL AND gate_id IS NULL
        UNION ALL
        SELECT id FROM invoices
        WHERE customer_id = ANY(%s) AND charged_back > 0 AND status = 'paid'
          AND resolved_as IS NULL AND gate_id IS NULL
        UNION ALL
        SELECT id FROM invoices WHERE case_id = ANY(%s)))
    ORDER BY 2"""

_NAMED: Final = f"SELECT {_INVOICE_COLUMNS} FROM invoices WHERE id = ANY(%s) ORDER BY 2"

_SUBSCRIPTIONS: Final = """
    SELECT customer_id, id, processor_id, status, plan, ended_at, end_reason, end_requested_at,
           processor_status, activated_at
    FROM subscriptions WHERE customer_id = ANY(%s) ORDER BY id"""

_METHODS: Final = """
    SELECT m.customer_id, m.processor_id, m.kind, m.instrument, m.brand, m.country, m.exp_year,
           m.exp_month, m.processor_id = c.default_method, m.changed_at, m.backup, m.consented_at
    FROM payment_methods m JOIN customers c ON c.id = m.customer_id
    WHERE m.customer_id = ANY(%s) AND NOT m.detached ORDER BY m.changed_at, m.id"""

_ATTEMPT_COLUMNS: Final = """id, invoice_id, ordinal, origin, state, amount, currency, method,
           instrument, brand, off_session, happened_at, decline_code, advice_code,
           network_decline_code, network_advice_code"""

_ATTEMPTS: Final = f"""
    SELECT customer_id, {_ATTEMPT_COLUMNS} FROM attempts
    WHERE invoice_id = ANY(%s) ORDER BY happened_at, id"""

_USES: Final = f"""
    SELECT instrument, {_ATTEMPT_COLUMNS} FROM attempts
    WHERE instrument = ANY(%s) AND (happened_at > %s OR state = 'declined')
    ORDER BY happened_at, id"""

_NOTICES: Final = """
    SELECT n.customer_id, n.id, c.scope, n.anchor, n.step, n.mail, n.due_at, n.placed_at,
           n.state, n.reason, n.delivered_at, n.bounced_at
    FROM notices n JOIN cases c ON c.id = n.case_id WHERE n.case_id = ANY(%s) ORDER BY n.id"""

_REQUESTS: Final = """
    SELECT r.customer_id, c.scope, r.anchor, r.step
    FROM step_requests r JOIN cases c ON c.id = r.case_id
    WHERE r.case_id = ANY(%s) ORDER BY r.id"""

_RESTRICTIONS: Final = """
    SELECT customer_id, id, scope, consequence, rung, since FROM restrictions
    WHERE customer_id = ANY(%s) AND lifted_at IS NULL ORDER BY id"""

#: A row if systems of the host's own follow at all; who waits for them, and since when.
_FOLLOWED: Final = """
    SELECT r.customer_id, r.since FROM access_store a LEFT JOIN LATERAL (
        SELECT customer_id, min(lifted_at) AS since FROM restrictions
        WHERE customer_id = ANY(%s) AND undone_at IS NULL AND lifted_at >= a.since
        GROUP BY customer_id) r ON true"""

_HOLDS: Final = """
    SELECT customer_id, id, reason, since, until, kind, actor FROM holds
    WHERE customer_id = ANY(%s) ORDER BY id"""

_DEBTS: Final = """
    SELECT customer_id, id, invoice_id, case_id, amount, currency, entered_at, made_by, age_days,
           reason, decline_class, decline_code, products
    FROM debts WHERE customer_id = ANY(%s) AND exited_at IS NULL ORDER BY id"""

_TASKS: Final = """
    SELECT customer_id, id, key, kind, detail FROM tasks
    WHERE customer_id = ANY(%s) AND closed_at IS NULL ORDER BY key"""


def lock(connection: Connection, ids: Iterable[CustomerId]) -> list[CustomerId]:
    """Lock these customers, in id order, until the transaction ends; return those that exist."""
    sql = "SELECT id FROM customers WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
    return [row[0] for row in batch.fetch(connection, sql, (sorted(set(ids)),))]


def claim_due(connection: Connection, *, now: datetime, limit: int) -> list[CustomerId]:
    """Lock and return customers whose time has come, the longest overdue first."""
    sql = """
        SELECT c.id FROM standings s JOIN customers c ON c.id = s.customer_id
        WHERE s.next_wake_at <= %s AND s.run_state <> 'parked'
        ORDER BY s.next_wake_at LIMIT %s FOR UPDATE OF c SKIP LOCKED"""
    return [row[0] for row in batch.fetch(connection, sql, (now, limit))]


@dataclass(frozen=True, slots=True)
class Trouble:
    """How earlier runs for a customer ended: "ok", "failed" or "parked", and how often."""

    state: str
    failures: int
    error: str | None


@dataclass(slots=True)
class Observation:
    """A batch of accounts, what could not be read, and who was in trouble before."""

    accounts: list[Account] = field(default_factory=list)
    unreadable: dict[CustomerId, Exception] = field(default_factory=dict)
    troubled: dict[CustomerId, Trouble] = field(default_factory=dict)
    rollouts: tuple[Rollout, ...] = ()  #: those that are on, if anybody is observed whole


def observe(
    connection: Connection,
    ids: Sequence[CustomerId],
    *,
    now: datetime,
    idle: bool = True,
    also: Sequence[int] | None = None,
) -> Observation:
    """
    Return the accounts of `ids`, which the caller has locked. One bad row is one failure.

    Without `idle`, those are left out about whom there is nothing to decide. With `also`, even
    if empty, everything is read of everybody, and these invoices of theirs in whatever state.
    """
    seen = Observation()
    if not ids:
        return seen
    customers, reader = _read(connection, list(ids), now, also)
    seen.rollouts = reader.rollouts
    for row in customers:
        id = row[0]
        standing, wake, run_state, failures, error = row[7:]
        if run_state != "ok":
            seen.troubled[id] = Trouble(run_state, failures, error)
        elif not idle and wake is None and standing == CURRENT and id not in reader.busy:
            continue
        try:
            seen.accounts.append(reader.account(row[:9]))
        except Exception as problem:  # noqa: BLE001  whatever it is, it is this customer's
            seen.unreadable[id] = problem
    return seen


def _read(
    connection: Connection, ids: list[CustomerId], now: datetime, also: Sequence[int] | None
) -> tuple[list[Any], _Reader]:
    """Return the rows of the customers, and a reader with everything else, in four round trips."""
    customers, cases, restrictions, tasks, gates, followed, late, refused = batch.fetch_each(
        connection,
        [
            *((sql, (ids,)) for sql in (_CUSTOMERS, _CASES, _RESTRICTIONS, _TASKS, gates_.GATES)),
            (_FOLLOWED, (ids,)),
            (gates_.LATE, (*gates_.LATE_WORDS, ids)),
            (upgrades.UPGRADES, (*upgrades.WORDS, ids)),
        ],
    )
    case_ids = [row[1] for row in cases]
    invoices = batch.fetch(connection, _INVOICES, (ids, ids, case_ids))
    lifting = [row for row in followed if row[0] is not None]
    telling = (cases, invoices, restrictions, tasks, gates, late, lifting, refused)
    busy = sorted({row[0] for rows in telling for row in rows})
    if also is not None:
        known, named = {row[1] for row in invoices}, batch.fetch(connection, _NAMED, (list(also),))
        invoices, busy = [*invoices, *(r for r in named if r[1] not in known)], sorted(ids)
    reader = _Reader(busy, cases, invoices, restrictions, tasks, gates, late)
    reader.follow(followed)
    reader.upgrades = _by_first(refused)
    if busy:
        subscriptions, methods, holds, notices, attempts, debts, pauses, on = batch.fetch_each(
            connection,
            [
                (_SUBSCRIPTIONS, (busy,)),
                (_METHODS, (busy,)),
                (_HOLDS, (busy,)),
                (_NOTICES, (case_ids,)),
                (_ATTEMPTS, ([row[1] for row in invoices],)),
                (_DEBTS, (busy,)),
                (charging.READ, ()),
                rollouts.QUERY,
            ],
        )
        instruments = sorted({row[3] for row in methods})
        uses = batch.fetch(connection, _USES, (instruments, now - WINDOW)) if instruments else []
        reader.add(subscriptions, methods, holds, notices, attempts, uses, debts)
        reader.pause = charging.of(pauses)
        reader.rollouts = tuple(rollouts.made(*row) for row in on)
        if any(row[11] is not None for row in cases):  # an engine outside
            reader.requested(batch.fetch(connection, _REQUESTS, (case_ids,)))
    return customers, reader


Rows = Sequence[Any]


def _by_first(rows: Rows) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return found


class _Reader:
    """The rows of one batch, by customer; uses by instrument."""

    def __init__(
        self, busy: Sequence[CustomerId], cases: Rows, invoices: Rows, restrictions: Rows,
        tasks: Rows, gates: Rows, late: Rows,
    ) -> None:  # fmt: skip
        self._known: dict[int, Attempt] = {}
        self.pause: charging.Pause | None = None  #: of all charging
        self.rollouts: tuple[Rollout, ...] = ()  #: those that are on
        self.upgrades: dict[Any, list[Any]] = {}
        self.busy = frozenset(busy)
        self._cases = _by_first(cases)
        self._invoices = _by_first(invoices)
        self._restrictions = _by_first(restrictions)
        self._tasks = _by_first(tasks)
        self._gates = _by_first(gates)
        self._late = _by_first(late)
        self._requests: dict[Any, list[Any]] = {}
        self.follow(())
        self.add((), (), (), (), (), (), ())

    def follow(self, rows: Rows) -> None:
        """Take whether anybody follows, and who waits for them to undo something."""
        self._followed = bool(rows)
        self._lifting = dict(rows)

    def add(
        self, subscriptions: Rows, methods: Rows, holds: Rows, notices: Rows, attempts: Rows,
        uses: Rows, debts: Rows,
    ) -> None:  # fmt: skip
        """Take what is read only for customers about whom there is something to decide."""
        self._subscriptions = _by_first(subscriptions)
        self._methods = _by_first(methods)
        self._holds = _by_first(holds)
        self._notices = _by_first(notices)
        self._attempts = _by_first(attempts)
        self._uses = _by_first(uses)
        self._debts = _by_first(debts)

    def requested(self, requests: Rows) -> None:
        """Take the steps that engines outside have asked for."""
        self._requests = _by_first(requests)

    def account(self, row: Sequence[Any]) -> Account:
        id, processor, currency, country, segment, reachable, deleted, standing, wake = row
        if id not in self.busy:
            return Account(*row)
        methods = self._made(self._methods, id, rows_.method)
        instruments = dict.fromkeys(method.instrument for method in methods)
        return Account(
            id=id,
            processor=processor,
            currency=currency,
            country=country,
            segment=segment,
            reachable=reachable,
            deleted=deleted,
            standing=standing,
            next_wake_at=wake,
            subscriptions=self._made(self._subscriptions, id, rows_.subscription),
            invoices=self._made(self._invoices, id, rows_.invoice),
            attempts=tuple(map(self._attempt, self._attempts.get(id, ()))),
            methods=methods,
            cases=self._made(self._cases, id, rows_.case),
            notices=self._made(self._notices, id, rows_.notice),
            restrictions=self._made(self._restrictions, id, rows_.restriction),
            holds=self._made(self._holds, id, rows_.hold),
            tasks=self._made(self._tasks, id, rows_.task),
            uses=tuple(
                self._attempt(use) for name in instruments for use in self._uses.get(name, ())
            ),
            gates=self._made(self._gates, id, gates_.gate),
            upgrades=self._made(self.upgrades, id, upgrades.upgrade),
            late=self._made(self._late, id, gates_.late),
            flags=flags(self.rollouts, id),
            followed=self._followed,
            lifting=self._lifting.get(id),
            stopped=None if self.pause is None else self.pause.words,
            requests=self._made(self._requests, id, rows_.request),
            debts=self._made(self._debts, id, rows_.debt),
        )

    def _attempt(self, row: Sequence[Any]) -> Attempt:
        """Return an attempt; most are read twice, for their invoice and their instrument."""
        known = self._known.get(row[1])
        if known is None:
            known = self._known[row[1]] = rows_.attempt(*row)
        return known

    @staticmethod
    def _made(rows: dict[Any, list[Any]], key: Any, make: Callable[..., Any]) -> tuple[Any, ...]:
        mine = rows.get(key)
        return tuple(make(*row) for row in mine) if mine else ()
