"""
When a case opens, what belongs to it, and how it ends. Every case ends exactly once.

A case is an interval of debt of one scope: from the first off-session failure to the instant the
last obligation in it was closed. It is worked out from the instants of the facts, not from when
they were heard of, so news in any order makes the same cases.
Source: docs/dunning.md, "Cases".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import count

from recoup.core import states
from recoup.core.account import Account, Case, Invoice
from recoup.core.policy import Policies
from recoup.core.states import CaseEnd


def with_cases(account: Account, *, policies: Policies) -> Account:
    """Return the account with every failed invoice taken up by a case."""
    free = [
        invoice
        for invoice in account.invoices
        if invoice.first_failed_at is not None and _needs_case(invoice, account)
    ]
    if not free:
        return account
    cases = list(account.cases)
    taken: dict[int, int] = {}
    numbers = count(-1, -1)
    for scope in sorted({invoice.scope for invoice in free}):
        running = _running(account, scope)
        for group, until in _episodes(i for i in free if i.scope == scope):
            if running is not None and (until is None or until >= running.opened_at):
                case = running
            else:
                case = _opened(account, scope, group, policies, next(numbers))
                cases.append(case)
            taken.update({invoice.id: case.id for invoice in group})
    return replace(account, cases=tuple(cases), invoices=tuple(_assigned(account, taken)))


def settled(account: Account, case: Case, *, now: datetime) -> Case:
    """
    Return `case` ended or accounted for, if its obligations say so, else unchanged.

    An open case with nothing owed ends by what became of its invoices; one whose subscription
    ended without our asking ends with it. Bad debt with nothing owed any more is settled.
    """
    mine = account.invoices_of(case)
    if any(invoice.in_default for invoice in mine):
        return _ended_with_subscription(account, case, now)
    at = max((i.closed_at for i in mine if i.closed_at is not None), default=now)
    if case.open:
        return ended(case, _end_by(mine), at=max(at, case.opened_at))
    return replace(case, settled_at=at) if case.unsettled else case


def ended(case: Case, how: CaseEnd, *, at: datetime) -> Case:
    """Return `case` ended. It stands on no rung any more; the ledger remembers which it was."""
    return replace(case, end=how, ended_at=at, rung=None, rung_since=None)


def anchored(account: Account, case: Case) -> Case:
    """Return `case` anchored at the first failure of its oldest unpaid obligation."""
    failures = [i.first_failed_at for i in account.invoices_of(case) if i.in_default]
    anchor = min((at for at in failures if at is not None), default=case.anchor)
    return replace(case, anchor=anchor, opened_at=min(case.opened_at, anchor))


def _needs_case(invoice: Invoice, account: Account) -> bool:
    """
    Return whether no case holds it: never taken up, or owed again after its case ended.

    While a first payment is awaited nothing is open yet, and nothing is owed.
    """
    if _awaited(account, invoice):
        return False
    if invoice.case_id is None:
        return not (account.deleted and invoice.owed)
    case = next((case for case in account.cases if case.id == invoice.case_id), None)
    if case is not None and (case.open or case.unsettled):
        return False
    return invoice.owed and not account.deleted and not _left(account, invoice)


def _awaited(account: Account, invoice: Invoice) -> bool:
    subscription = account.subscription_of(invoice.scope)
    return subscription is not None and states.is_incomplete(subscription.status)


def _left(account: Account, invoice: Invoice) -> bool:
    """Return whether the subscription is over, so that what is left of it starts no new case."""
    subscription = account.subscription_of(invoice.scope)
    return subscription is not None and states.has_ended(subscription.status)


def _running(account: Account, scope: str) -> Case | None:
    """
    Return the case that a debt of `scope` belongs to: the open one, or its bad debt.

    A subscription that we ask to be ended may be billed once more before it is. That is more of
    the same bad debt; a new case would only remind its customer of what is over.
    """
    subscription = account.subscription_of(scope)
    ending = subscription is not None and subscription.end_requested_at is not None
    mine = (case for case in account.cases if case.scope == scope)
    return next((case for case in mine if case.open or (case.unsettled and ending)), None)


def _episodes(free: Iterable[Invoice]) -> Iterator[tuple[list[Invoice], datetime | None]]:
    """Yield groups of debts that overlap in time, each with its end; None while it is owed."""
    group: list[Invoice] = []
    until: datetime | None = None
    for invoice in sorted(free, key=lambda i: (_failed(i), i.id)):
        closed = None if invoice.owed else (invoice.closed_at or _failed(invoice))
        if group and until is not None and _failed(invoice) > until:
            yield group, until
            group = []
        if not group or closed is None:
            until = closed
        elif until is not None:
            until = max(until, closed)
        group.append(invoice)
    if group:
        yield group, until


def _failed(invoice: Invoice) -> datetime:
    return invoice.first_failed_at or invoice.created_at


def _opened(
    account: Account, scope: str, episode: list[Invoice], policies: Policies, number: int
) -> Case:
    anchor = min(_failed(invoice) for invoice in episode)
    subscription = account.subscription_of(scope)
    policy = policies.choose(
        plan=subscription.plan if subscription else None,
        segment=account.segment,
        currency=episode[0].due.currency,
        country=account.country,
    )
    return Case(number, scope, anchor, anchor, policy.name, None, None)


def _assigned(account: Account, taken: Mapping[int, int]) -> Iterator[Invoice]:
    for invoice in account.invoices:
        number = taken.get(invoice.id)
        yield invoice if number is None else replace(invoice, case_id=number)


def _end_by(invoices: tuple[Invoice, ...]) -> CaseEnd:
    if any(states.is_paid(invoice.status) for invoice in invoices):
        return CaseEnd.RECOVERED
    if any(states.is_written_off(invoice.status) for invoice in invoices):
        return CaseEnd.WRITTEN_OFF
    return CaseEnd.SUPERSEDED


def _ended_with_subscription(account: Account, case: Case, now: datetime) -> Case:
    if not case.open:
        return case
    if account.deleted:
        return ended(case, CaseEnd.VOLUNTARY, at=now)
    subscription = account.subscription_of(case.scope)
    if subscription is None or not states.has_ended(subscription.status):
        return case
    at = max(subscription.ended_at or now, case.opened_at)
    failed = subscription.end_reason in {"payment_failed", "dunning_exhausted"}
    return ended(case, CaseEnd.EXHAUSTED if failed else CaseEnd.VOLUNTARY, at=at)
