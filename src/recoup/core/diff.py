"""
The difference between what is and what should be: the only code that sees both.

Equal accounts give `()`; that is what makes a repeated recompute free. The order is a promise:
cases before what hangs on them, access before mail, so that no mail tells of a state that is not
yet true.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recoup.core.account import Account, Case, Restriction
from recoup.core.account.access import given_back
from recoup.core.changes import (
    AttemptIntended,
    AttemptWithdrawn,
    CaseEnded,
    CaseMoved,
    CaseOpened,
    CaseSettled,
    Change,
    DebtEntered,
    DebtLeft,
    EndRequested,
    GateChanged,
    InvoiceTaken,
    LateDealtWith,
    Lifted,
    NoticeDropped,
    NoticePlaced,
    Restricted,
    StandingChanged,
    SubscriptionMoved,
    TaskClosed,
    TaskOpened,
    UpgradeWithdrawn,
    WakeChanged,
)


def diff(observed: Account, desired: Account) -> tuple[Change, ...]:
    """Return the changes that turn `observed` into `desired`, in order of effect."""
    if observed is desired or observed == desired:
        return ()
    return tuple(_changes(observed, desired))


def _changes(observed: Account, desired: Account) -> Iterator[Change]:
    yield from _gates(observed, desired)
    yield from _cases(observed, desired)
    yield from _invoices(observed, desired)
    yield from _debts(observed, desired)
    yield from _attempts(observed, desired)
    yield from _access(observed, desired)
    if observed.standing != desired.standing:
        yield StandingChanged(observed.standing, desired.standing)
    yield from _notices(observed, desired)
    had, have = set(observed.tasks), set(desired.tasks)
    yield from (TaskClosed(task) for task in sorted(had - have))
    yield from (TaskOpened(task) for task in sorted(have - had))
    if observed.next_wake_at != desired.next_wake_at:
        yield WakeChanged(observed.next_wake_at, desired.next_wake_at)


def _gates(observed: Account, desired: Account) -> Iterator[Change]:
    for gate, after in zip(observed.gates, desired.gates, strict=True):
        if gate != after:
            yield GateChanged(gate, after)
    for late, dealt in zip(observed.late, desired.late, strict=True):
        if late != dealt:
            yield LateDealtWith(late, dealt)
    for upgrade, left in zip(observed.upgrades, desired.upgrades, strict=True):
        if upgrade != left:
            yield UpgradeWithdrawn(upgrade, left)


def _cases(observed: Account, desired: Account) -> Iterator[Change]:
    before = {case.id: case for case in observed.cases}
    for case in desired.cases:
        known = before.get(case.id)
        if known is None:
            yield CaseOpened(case)
        elif known != case:
            yield _case_change(known, case)


def _case_change(before: Case, after: Case) -> Change:
    if before.end != after.end:
        return CaseEnded(before, after)
    if before.settled_at != after.settled_at:
        return CaseSettled(before, after)
    return CaseMoved(before, after)


def _invoices(observed: Account, desired: Account) -> Iterator[Change]:
    before = {invoice.id: invoice.case_id for invoice in observed.invoices}
    for invoice in desired.invoices:
        if invoice.case_id is not None and invoice.case_id != before[invoice.id]:
            yield InvoiceTaken(invoice, before[invoice.id], invoice.case_id)


def _debts(observed: Account, desired: Account) -> Iterator[Change]:
    before = {debt.id: debt for debt in observed.debts if debt.id is not None}
    for debt in desired.debts:
        known = before.get(debt.id) if debt.id is not None else None
        if known is not None and known != debt:
            yield DebtLeft(known, debt)
        elif known is None and debt not in observed.debts:
            yield DebtEntered(debt)


def _attempts(observed: Account, desired: Account) -> Iterator[Change]:
    before = {attempt.key: attempt for attempt in observed.attempts}
    invoices = {invoice.id: invoice for invoice in desired.invoices}
    for attempt in desired.attempts:
        known = before.get(attempt.key)
        if known is None:
            yield AttemptIntended(attempt, invoices[attempt.invoice_id])
        elif known != attempt:
            yield AttemptWithdrawn(known, attempt)


def _access(observed: Account, desired: Account) -> Iterator[Change]:
    had, have = _by_key(observed.restrictions), _by_key(desired.restrictions)
    # Restoring comes first and fast.
    waits = {restriction.key for restriction in given_back(observed, desired)}
    yield from (
        Lifted(restriction, undone=key not in waits)
        for key, restriction in had.items()
        if key not in have
    )
    yield from (Restricted(restriction) for key, restriction in have.items() if key not in had)
    before = {subscription.id: subscription for subscription in observed.subscriptions}
    for subscription in desired.subscriptions:
        known = before[subscription.id]
        if subscription == known:
            continue
        asked = subscription.end_requested_at != known.end_requested_at
        if asked and subscription.status == known.status:
            yield EndRequested(known, subscription)
        else:
            yield SubscriptionMoved(known, subscription)


def _notices(observed: Account, desired: Account) -> Iterator[Change]:
    before = {notice.key: notice for notice in observed.notices}
    for notice in desired.notices:
        known = before.get(notice.key)
        if known is None:
            yield NoticePlaced(notice)
        elif known != notice:
            yield NoticeDropped(known, notice)


def _by_key(items: Iterable[Restriction]) -> dict[tuple[str, str], Restriction]:
    return {item.key: item for item in items}
