"""
What should be: the rules folded over one account, in order.

    gates        the first payment that a start or a change waits for; money that came too late
    cases        what failed is taken up, what is over is ended
    collection   the plan of tries for each obligation; a try that is due is intended
    campaign     the notices that are due
    ladder       where each case stands, and what holds there
    standing     the one word for all of it, and when to look again

Pure: the same account, policies, rules and instant give the same answer, and deciding on the
answer changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from recoup.core import activation, states
from recoup.core.account import (
    BAD_DEBT,
    CURRENT,
    Account,
    Attempt,
    Case,
    Invoice,
    Notice,
    Task,
)
from recoup.core.collection.plan import Plan, plan
from recoup.core.collection.rules import Rules
from recoup.core.consequences import CONSEQUENCES
from recoup.core.dunning import campaign, cases, ladder
from recoup.core.money import Money
from recoup.core.policy import Policies, Policy
from recoup.core.states import AttemptState, CaseEnd, InvoiceStatus

#: Kinds of tasks that this module opens and, when their cause is gone, closes.
UNREACHABLE = "unreachable"
UNKNOWN_DECLINE = "unknown_decline"
LATE_PAYMENT = "late_payment"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the account should be, and why, in words."""

    desired: Account
    reasons: tuple[str, ...]
    plans: tuple[Plan, ...] = ()


def decide(account: Account, *, policies: Policies, rules: Rules, now: datetime) -> Decision:
    """
    Return what `account` should be at `now` (UTC), and the reasons.

    Raises:
        InvalidPolicy: a running case follows a policy version that is not known.
    """
    if account.idle:
        return Decision(account.but(standing=CURRENT, next_wake_at=None), ())
    desired = activation.resolved(account, now=now)
    desired = cases.with_cases(_credited(desired), policies=policies)
    desired = desired.but(cases=tuple(_current(desired, c, now=now) for c in desired.cases))
    desired, plans = _with_tries(desired, policies, rules, now)
    reasons = [reason for made in plans for reason in made.reasons]
    desired, dues = _with_notices(desired, policies, now)
    desired, wakes = _on_ladder(desired, policies, now, reasons)
    desired = _without_false_notices(desired)
    wakes.extend(dues)
    wakes.extend(made.at for made in plans if made.at is not None)
    wakes.extend(hold.during.end for hold in account.holds if hold.during.end is not None)
    desired = desired.but(
        tasks=tuple(sorted(_tasks(desired, plans))),
        standing=_standing(desired, policies),
        next_wake_at=min((at for at in wakes if at > now), default=None),
    )
    return Decision(desired, tuple(dict.fromkeys(reasons)), plans)


def _credited(account: Account) -> Account:
    """
    Return the account with invoices paid for which the money is known to be in.

    The processor tells of a charge and of its invoice in two messages. Between them the invoice
    still looks open, and nobody may be charged or restricted because of that.
    """
    received = {a.invoice_id: a for a in account.attempts if states.succeeded(a.state)}
    return account.but(
        invoices=tuple(
            replace(
                one,
                status=InvoiceStatus.PAID,
                remaining=Money(0, one.due.currency),
                closed_at=received[one.id].at,
            )
            if one.owed and one.id in received and received[one.id].amount == one.remaining
            else one
            for one in account.invoices
        )
    )


def _current(account: Account, case: Case, *, now: datetime) -> Case:
    """Return `case` with its anchor and its end brought up to date."""
    case = cases.settled(account, case, now=now)
    return cases.anchored(account, case) if case.open else case


def _with_tries(
    account: Account, policies: Policies, rules: Rules, now: datetime
) -> tuple[Account, tuple[Plan, ...]]:
    """Return the account with the tries that are due, and the plan of every obligation."""
    plans: list[Plan] = []
    for case in account.open_cases():
        policy = policies.named(case.policy)
        until = case.anchor + policy.end.after
        for invoice in account.obligations(case.scope):
            made = plan(account, invoice, policy=policy, rules=rules, until=until, now=now)
            plans.append(made)
            if made.at is not None and made.at <= now and account.held(now) is None:
                account = _intended(account, invoice, made, now)
    return account, tuple(plans)


def _intended(account: Account, invoice: Invoice, made: Plan, now: datetime) -> Account:
    """Return the account with a new attempt; one that waits for the customer gives way."""
    method = next(m for m in account.methods if m.processor_id == made.method)
    ordinals = [a.ordinal for a in account.attempts if a.invoice_id == invoice.id and a.ordinal]
    attempt = Attempt(
        id=None,
        invoice_id=invoice.id,
        ordinal=max(ordinals, default=0) + 1,
        origin=made.origin,
        state=AttemptState.INTENDED,
        amount=invoice.remaining,
        method=method.processor_id,
        instrument=method.instrument,
        brand=method.brand,
        off_session=True,
        at=now,
    )
    others = tuple(
        replace(other, state=states.checked(states.ATTEMPT_MOVES, other.state, _CANCELED))
        if other.invoice_id == invoice.id and states.awaits_customer(other.state)
        else other
        for other in account.attempts
    )
    return replace(account, attempts=(*others, attempt), uses=(*account.uses, attempt))


_CANCELED = AttemptState.CANCELED


def _on_ladder(
    account: Account, policies: Policies, now: datetime, reasons: list[str]
) -> tuple[Account, list[datetime]]:
    """Return the account with every case on its rung and what holds there, and when to look."""
    wakes: list[datetime] = []
    moving = account.moving
    placed: list[Case] = []
    held = account
    for case in account.cases:
        if not case.open:
            placed.append(case)
            continue
        policy = policies.named(case.policy)
        where = ladder.place(case, account, policy=policy, moving=moving, now=now)
        reasons.append(where.reason)
        stands = case
        if where.rung != case.rung:
            since = None if where.rung is None else now
            stands = replace(case, rung=where.rung, rung_since=since)
            # Where it stands is new, so when it can next change is too.
            where = ladder.place(stands, account, policy=policy, moving=moving, now=now)
        if where.wake_at is not None:
            wakes.append(where.wake_at)
        held = _held(held, stands, policy, now)
        if stands.rung == policy.end.name:
            stands = cases.ended(stands, CaseEnd.EXHAUSTED, at=now)
        placed.append(stands)
    allowed = {
        (case.scope, name)
        for case in placed
        if case.open and case.rung is not None
        for name in policies.named(case.policy).rung(case.rung).consequences
    }
    kept = tuple(r for r in held.restrictions if r.key in allowed)
    return held.but(cases=tuple(placed), restrictions=kept), wakes


def _held(account: Account, case: Case, policy: Policy, now: datetime) -> Account:
    """Return the account with the consequences of the case's rung; known ones keep their row."""
    if case.rung is not None:
        for name in policy.rung(case.rung).consequences:
            account = CONSEQUENCES[name].hold(account, case, now=now)
    return account


def _with_notices(
    account: Account, policies: Policies, now: datetime
) -> tuple[Account, list[datetime]]:
    """Return the account with the notices that are due, and when the next ones will be."""
    wakes: list[datetime] = []
    scopes: set[str] = set()
    notices: list[Notice] = []
    for case in account.open_cases():
        policy = policies.named(case.policy)
        scopes.add(case.scope)
        notices.extend(campaign.notices(case, account, policy=policy, now=now))
        upcoming = campaign.next_due(case, account, policy=policy, now=now)
        if upcoming is not None:
            wakes.append(upcoming[1])
    notices.extend(notice for notice in account.notices if notice.scope not in scopes)
    return account.but(notices=tuple(notices)), wakes


def _without_false_notices(account: Account) -> Account:
    """Return the account with every notice called off whose case is over."""
    scopes = {case.scope for case in account.open_cases()}
    return account.but(
        notices=tuple(
            notice if notice.scope in scopes else campaign.canceled(notice, campaign.ENDED)
            for notice in account.notices
        )
    )


def _tasks(account: Account, plans: Iterable[Plan]) -> Iterator[Task]:
    open_scopes = {case.scope for case in account.open_cases()}
    # An unknown code stays a task while there is debt, also when an attempt hides its plan.
    lasting = {UNREACHABLE} if open_scopes else {UNREACHABLE, UNKNOWN_DECLINE}
    kept = [task for task in account.tasks if task.kind not in lasting | {LATE_PAYMENT}]
    yield from kept
    for late in account.late:
        if states.is_stuck(late.state):
            yield Task(
                f"{LATE_PAYMENT}:{late.attempt_id}",
                LATE_PAYMENT,
                f"{late.amount} came late ({late.why}) and could not be given back: "
                "find another way to return it",
            )
    if any(n.undelivered and n.scope in open_scopes for n in account.notices):
        yield Task(
            f"{UNREACHABLE}:{account.id}",
            UNREACHABLE,
            "a dunning notice could not be delivered: find another way to reach the customer",
        )
    codes = {code for made in plans for code in made.unknown_codes}
    for code in sorted(codes):
        task = Task(
            f"{UNKNOWN_DECLINE}:{account.id}:{code}",
            UNKNOWN_DECLINE,
            f"{code} is in no table: treated as soft until someone looks",
        )
        if task not in kept:
            yield task


def _standing(account: Account, policies: Policies) -> str:
    """Return the furthest rung of the open cases, else bad debt, else current."""
    rungs = [
        (policies.named(case.policy).place(case.rung), case.rung)
        for case in account.open_cases()
        if case.rung is not None
    ]
    if rungs:
        return max(rungs)[1]
    return BAD_DEBT if any(case.unsettled for case in account.cases) else CURRENT
