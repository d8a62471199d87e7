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
from typing import Final

from recoup.core import periods, states
from recoup.core.account import Account, Case, Invoice, Subscription
from recoup.core.billing.outcomes import DECIDED
from recoup.core.periods import Period
from recoup.core.policy import Policies, Policy
from recoup.core.states import CaseEnd


def with_cases(account: Account, *, policies: Policies) -> Account:
    """Return the account with every failed invoice taken up by a case."""
    free = [
        invoice
        for invoice in account.invoices
        if invoice.first_failed_at is not None and _needs_case(invoice, account)
    ]
    numbers = count(-1, -1)
    cases = [*account.cases, *_recovered(account, policies, numbers)]
    if not free and len(cases) == len(account.cases):
        return account
    taken: dict[int, int] = {}
    for scope in sorted({invoice.scope for invoice in free}):
        running = _running(account, scope)
        for group, until in _episodes(i for i in free if i.scope == scope):
            if running is not None and (until is None or until >= running.opened_at):
                case = running
            else:
                first = group[0]  # they are in the order of their failures
                case = _opened(
                    account, scope, policies, next(numbers),
                    at=_failed(first), currency=first.due.currency,
                )  # fmt: skip
                cases.append(case)
            taken.update({invoice.id: case.id for invoice in group})
    return replace(account, cases=tuple(cases), invoices=tuple(_assigned(account, taken)))


def _recovered(account: Account, policies: Policies, numbers: Iterator[int]) -> Iterator[Case]:
    """
    Yield cases of debts that had been paid, and were charged back before their failure was heard.

    Where another debt of the scope overlaps, there was one case, and it has not ended by that.
    """
    again = [i for i in account.invoices if i.recovered is not None and not _awaited(account, i)]
    for scope in sorted({invoice.scope for invoice in again}):
        mine = [(i.recovered, i.due.currency) for i in again if i.scope == scope and i.recovered]
        others = [i for i in account.invoices if i.scope == scope and not i.charged_back]
        for period in periods.merged(spell for spell, _ in mine):
            if not any(_overlaps(other, period) for other in others):
                at = period.start
                currency = next(currency for spell, currency in mine if spell.start == at)
                case = _opened(account, scope, policies, next(numbers), at=at, currency=currency)
                yield ended(case, CaseEnd.RECOVERED, at=period.end or at)


def settled(account: Account, case: Case, *, now: datetime) -> Case:
    """
    Return `case` ended or accounted for, if its obligations say so, else unchanged.

    An open case with nothing owed ends by what became of its invoices; one whose subscription
    ended without our asking ends with it. Bad debt with nothing owed any more is settled.
    """
    mine = account.invoices_of(case)
    if any(invoice.in_default for invoice in mine):
        return _ended_with_subscription(account, case, now)
    at = max((at for i in mine if (at := _closed(i, now)) is not None), default=now)
    if case.open:
        return ended(case, _end_by(mine), at=max(at, case.opened_at))
    return replace(case, settled_at=at) if case.unsettled else case


def given_up(account: Account, case: Case, *, now: datetime) -> Case:
    """
    Return `case` exhausted where the processor, which collects, has come to its own end.

    That is when it calls the subscription unpaid, or has tried every debt in it again and
    announces no further try. What it never tries again, a one-off for instance, is left to the
    ladder. Nothing ends while a payment is in flight, disputed or held, or a debt is being closed.
    """
    owed = account.obligations(case.scope)
    waits = account.moving or account.held(now) or any(i.disputed or i.closing for i in owed)
    if not case.open or not owed or waits:
        return case
    tries = [[a for a in account.tries(i.id) if a.origin in _BY_ITSELF] for i in owed]
    over = all(i.processor_gave_up and len(made) > 1 for i, made in zip(owed, tries, strict=True))
    whole = account.whole(case.scope)
    if not over and (whole is None or not states.is_given_up(whole.status)):
        return case
    last = max((attempt.at for made in tries for attempt in made), default=now)
    return ended(case, CaseEnd.EXHAUSTED, at=max(last, case.opened_at))


#: Origins of tries that a processor makes without being asked.
_BY_ITSELF: Final = frozenset({"renewal", "processor"})


def ended(case: Case, how: CaseEnd, *, at: datetime) -> Case:
    """Return `case` ended. It stands on no rung any more; the ledger remembers which it was."""
    return replace(case, end=how, ended_at=at, rung=None, rung_since=None)


def anchored(account: Account, case: Case) -> Case:
    """Return `case` anchored at the first failure of its oldest unpaid obligation."""
    failures = [i.first_failed_at for i in account.invoices_of(case) if i.in_default]
    anchor = min((at for at in failures if at is not None), default=case.anchor)
    return replace(case, anchor=anchor, opened_at=min(case.opened_at, anchor))


def chosen(account: Account, scope: str, *, currency: str | None, policies: Policies) -> Policy:
    """Return the policy that a new case of `scope` follows."""
    subscription = account.subscription_of(scope)
    return policies.choose(
        account.flags,
        plan=subscription.plan if subscription else None,
        segment=account.segment,
        currency=currency,
        country=account.country,
    )


def _needs_case(invoice: Invoice, account: Account) -> bool:
    """
    Return whether no case holds it: never taken up, or owed again after its case ended.

    While a first payment is awaited nothing is open yet, and nothing is owed.
    """
    if _awaited(account, invoice):
        return False
    if invoice.case_id is None:
        return True
    case = next((case for case in account.cases if case.id == invoice.case_id), None)
    if case is not None and (case.open or case.unsettled):
        return False
    if not invoice.owed or account.deleted:
        return False
    return not _left(account, invoice) or _lost_again(account, invoice)


def _awaited(account: Account, invoice: Invoice) -> bool:
    subscription = account.subscription_of(invoice.scope)
    return subscription is not None and states.is_incomplete(subscription.status)


def _left(account: Account, invoice: Invoice) -> bool:
    """Return whether the subscription is over, so that what is left of it starts no new case."""
    subscription = account.subscription_of(invoice.scope)
    return subscription is not None and states.has_ended(subscription.status)


def _lost_again(account: Account, invoice: Invoice) -> bool:
    """Return whether a dispute took back what had paid a debt that ended its subscription."""
    subscription = account.subscription_of(invoice.scope)
    return invoice.charged_back and subscription is not None and _failed_to_pay(subscription)


def _failed_to_pay(subscription: Subscription) -> bool:
    return subscription.end_reason in {"payment_failed", "dunning_exhausted"}


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
        closed = _until(invoice)
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


def _overlaps(invoice: Invoice, period: Period) -> bool:
    """Return whether a debt that failed was owed at any time in `period`."""
    if invoice.first_failed_at is None:
        return False
    closed = _until(invoice)
    begins_before = period.end is None or _failed(invoice) <= period.end
    return begins_before and (closed is None or closed >= period.start)


def _until(invoice: Invoice) -> datetime | None:
    return None if invoice.owed else (invoice.closed_at or _failed(invoice))


def _failed(invoice: Invoice) -> datetime:
    return invoice.first_failed_at or invoice.created_at


def _opened(
    account: Account, scope: str, policies: Policies, number: int, *, at: datetime, currency: str
) -> Case:
    policy = chosen(account, scope, currency=currency, policies=policies)
    return Case(number, scope, at, at, policy.name, None, None, engine=policies.engine)


def _assigned(account: Account, taken: Mapping[int, int]) -> Iterator[Invoice]:
    for invoice in account.invoices:
        number = taken.get(invoice.id)
        yield invoice if number is None else replace(invoice, case_id=number)


def _end_by(invoices: tuple[Invoice, ...]) -> CaseEnd:
    if any(map(_brought_money, invoices)):
        return CaseEnd.RECOVERED
    if any(states.is_written_off(i.status) or i.resolved_as == "forgiven" for i in invoices):
        return CaseEnd.WRITTEN_OFF
    return CaseEnd.SUPERSEDED


def _brought_money(invoice: Invoice) -> bool:
    """Whether it was paid, here or elsewhere; a processor calls paid what was credited, too."""
    return states.is_paid(invoice.status) and invoice.resolved_as in {None, "paid_out_of_band"}


def _closed(invoice: Invoice, now: datetime) -> datetime | None:
    """Return when it was closed; what was charged back is when somebody decides so."""
    again = states.is_paid(invoice.status) and invoice.resolved_as in {*DECIDED, "written_off"}
    return now if again else invoice.closed_at


def _ended_with_subscription(account: Account, case: Case, now: datetime) -> Case:
    if not case.open:
        return case
    if account.deleted:
        return ended(case, CaseEnd.VOLUNTARY, at=now)
    subscription = account.subscription_of(case.scope)
    if subscription is None or not states.has_ended(subscription.status):
        return case
    at = max(subscription.ended_at or now, case.opened_at)
    failed = _failed_to_pay(subscription)
    return ended(case, CaseEnd.EXHAUSTED if failed else CaseEnd.VOLUNTARY, at=at)
