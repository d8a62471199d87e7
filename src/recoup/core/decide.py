"""
What should be: the rules folded over one account, in order.

    rollouts     no case stays under a policy that its customer is no member for any more
    gates        the first payment that a start or a change waits for; money that came too late
    cases        what failed is taken up, what is over is ended
    collection   the plan of tries for each obligation; a try that is due is intended
    campaign     the notices that are due
    ladder       where each case stands, and what holds there
    debts        what is bad debt, and what is none any more
    standing     the one word for all of it, and when to look again

Pure: the same account, policies, rules and instant give the same answer, and deciding on the
answer changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from recoup.core import activation, periods, rollout, states
from recoup.core.account import (
    BAD_DEBT,
    CURRENT,
    DECEASED,
    LIFTING,
    Account,
    Attempt,
    Case,
    Invoice,
    Notice,
    Task,
)
from recoup.core.account.access import given_back
from recoup.core.collection.instrument import payer_died
from recoup.core.collection.plan import Need, Plan, plan
from recoup.core.collection.rules import Rules
from recoup.core.collection.turns import in_turn
from recoup.core.dunning import campaign, cases, debts, holding, ladder, upgrades
from recoup.core.dunning.holding import Abouts
from recoup.core.money import Money
from recoup.core.policy import Policies
from recoup.core.states import AttemptState, CaseEnd, InvoiceStatus, NoticeState

#: Kinds of tasks that this module opens and, when their cause is gone, closes.
UNREACHABLE = "unreachable"
UNKNOWN_DECLINE = "unknown_decline"
LATE_PAYMENT = "late_payment"
NOT_RESTORED = "not_restored"
PAYER_DIED = "payer_died"
NOT_TRIED = "not_tried"

#: While charging is paused debtors are looked at so often, besides when it is resumed.
HOUR = timedelta(hours=1)


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
    desired = activation.resolved(rollout.placed(account, policies), now=now)
    desired = cases.with_cases(_credited(desired), policies=policies)
    desired = desired.but(cases=tuple(_current(desired, c, policies, now) for c in desired.cases))
    desired, plans = _with_tries(desired, policies, rules, now)
    reasons = [reason for made in plans for reason in made.reasons]
    on = holding.abouts(desired, policies=policies, rules=rules)
    desired, dues = _with_notices(desired, policies, now, on)
    desired = _silent(desired, rules)
    desired, wakes = _on_ladder(desired, policies, now, reasons, on)
    desired = debts.with_debts(_without_false_notices(desired), rules=rules, now=now)
    if given_back(account, desired):
        desired = desired.but(lifting=desired.lifting or now)
    if desired.lifting is not None:
        wakes.append(desired.lifting + policies.undo_within)
    desired = upgrades.withdrawn(desired, after=policies.withdraw_after, now=now)
    wakes.extend(upgrades.wakes(desired, after=policies.withdraw_after))
    wakes.extend(dues)
    wakes.extend(made.at for made in plans if made.at is not None)
    wakes.extend(hold.during.end for hold in account.holds if hold.during.end is not None)
    if account.stopped is not None and plans:
        wakes.append(now.replace(minute=0, second=0, microsecond=0) + HOUR)
    desired = desired.but(
        tasks=tuple(sorted((*_tasks(desired, plans), *_late_host(desired, policies, now)))),
        standing=_standing(desired, policies),
        next_wake_at=min((at for at in wakes if at > now), default=None),
    )
    return Decision(desired, tuple(dict.fromkeys(reasons)), plans)


def _credited(account: Account) -> Account:
    """
    Return the account with invoices paid for which the money is known to be in.

    The processor tells of a charge and of its invoice in two messages. Between them the invoice
    still looks open, and nobody may be charged or restricted because of that. A half that was
    paid before looks the same by its amount: what remains of that one counts it already.
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
            if one.owed
            and not one.charged_back
            and one.id in received
            and received[one.id].amount == one.remaining
            and not one.counts(account.tries(one.id))
            else one
            for one in account.invoices
        )
    )


def _current(account: Account, case: Case, policies: Policies, now: datetime) -> Case:
    """Return `case` with its anchor and its end brought up to date."""
    case = cases.settled(account, case, now=now)
    if case.open and not policies.named(case.policy).ours:
        case = cases.given_up(account, case, now=now)
    return cases.anchored(account, case) if case.open else case


def _with_tries(
    account: Account, policies: Policies, rules: Rules, now: datetime
) -> tuple[Account, tuple[Plan, ...]]:
    """Return the account with the tries that are due, and the plan of every obligation."""
    plans: list[Plan] = []
    for case in account.open_cases():
        policy = policies.named(case.policy)
        over = case.anchor + policy.end.after
        until = periods.instant_after(case.anchor, policy.end.after, paused=account.paused) or over
        debts = account.obligations(case.scope)
        for invoice in debts:
            made = plan(
                account, invoice, policy=policy, rules=rules, until=until, now=now,
                timers=policies.timers,
            )  # fmt: skip
            made = in_turn(account, made, debts, until=until)
            plans.append(made)
            if made.at is not None and made.at <= now and account.untried(now) is None:
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
    account: Account, policies: Policies, now: datetime, reasons: list[str], on: Abouts
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
        place = partial(
            ladder.place,
            account=account,
            policy=policy,
            moving=moving,
            now=now,
            about=on.get(case.id),
        )
        where = place(case)
        reasons.append(where.reason)
        stands = case
        if where.rung != case.rung:
            since = None if where.rung is None else now
            stands = replace(case, rung=where.rung, rung_since=since)
            # Where it stands is new, so when it can next change is too.
            where = place(stands)
        held, told_from = holding.held(
            held, stands, policy=policy, about=on.get(case.id), moving=moving, now=now
        )
        wakes.extend(at for at in (where.wake_at, told_from) if at is not None)
        if stands.rung == policy.end.name:
            stands = cases.ended(stands, CaseEnd.EXHAUSTED, at=now)
        placed.append(stands)
    held = holding.kept(held, placed, policies=policies, on=on)
    return held.but(cases=tuple(placed)), wakes


def _with_notices(
    account: Account, policies: Policies, now: datetime, on: Abouts
) -> tuple[Account, list[datetime]]:
    """Return the account with the notices that are due, and when the next ones will be."""
    wakes: list[datetime] = []
    scopes: set[str] = set()
    notices: list[Notice] = []
    for case in account.open_cases():
        policy = policies.named(case.policy)
        scopes.add(case.scope)
        patience, about = policies.patience, on.get(case.id)
        notices.extend(
            campaign.notices(case, account, policy=policy, now=now, patience=patience, about=about)
        )
        wakes.extend(campaign.wakes(case, account, policy=policy, now=now, patience=patience))
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


def _silent(account: Account, rules: Rules) -> Account:
    """Return the account with nothing sent about debts whose payer has died."""
    died = {
        case.scope
        for case in account.open_cases()
        if payer_died(account, account.obligations(case.scope), rules=rules)
    }
    if not died:
        return account
    return account.but(
        notices=tuple(
            replace(notice, state=NoticeState.SKIPPED, reason=DECEASED)
            if notice.scope in died and states.is_scheduled(notice.state)
            else notice
            for notice in account.notices
        )
    )


def _tasks(account: Account, plans: Sequence[Plan]) -> Iterator[Task]:
    open_scopes = {case.scope for case in account.open_cases()}
    # An unknown code stays a task while there is debt, also when an attempt hides its plan.
    lasting = {UNREACHABLE} if open_scopes else {UNREACHABLE, UNKNOWN_DECLINE}
    lasting |= {LATE_PAYMENT, NOT_RESTORED, PAYER_DIED}
    hidden = {_untried(made) for made in plans if made.verdict is None}
    kept = [
        task
        for task in account.tasks
        if task.kind not in lasting and (task.kind != NOT_TRIED or task.key in hidden)
    ]
    yield from kept
    for late in account.late:
        if states.is_stuck(late.state):
            yield Task(
                f"{LATE_PAYMENT}:{late.attempt_id}",
                LATE_PAYMENT,
                f"{late.amount} came late ({late.why}) and could not be given back: "
                "find another way to return it",
            )
    unread = {n.reason for n in account.notices if n.undelivered and n.scope in open_scopes}
    if DECEASED in unread:
        yield Task(
            f"{PAYER_DIED}:{account.id}",
            PAYER_DIED,
            "a bank says that the payer has died: nothing is sent by itself, a person takes over",
        )
    if unread - {DECEASED}:
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
    yield from _waiting_for_us(plans)


def _waiting_for_us(plans: Iterable[Plan]) -> Iterator[Task]:
    """Yield what neither time nor the customer brings on: something on our side must be done."""
    for made in plans:
        verdict = made.verdict
        if made.need != Need.PERSON or verdict is None or made.unknown_codes:
            continue
        if not verdict.timed and not verdict.stop_mail:
            words = f"invoice {made.invoice_id} is not tried again by itself. {verdict.words[-1]}"
            yield Task(_untried(made), NOT_TRIED, words)


def _untried(made: Plan) -> str:
    return f"{NOT_TRIED}:{made.invoice_id}"


def _late_host(account: Account, policies: Policies, now: datetime) -> Iterator[Task]:
    if account.lifting is not None and account.lifting + policies.undo_within <= now:
        yield Task(
            f"{NOT_RESTORED}:{account.id}",
            NOT_RESTORED,
            "access was given back, and the host's own systems have not followed: see why with "
            f"recoup access show {account.id}",
        )


def _standing(account: Account, policies: Policies) -> str:
    """Return the furthest rung of the open cases, else bad debt, else lifting, else current."""
    rungs = [
        (policies.named(case.policy).place(case.rung), case.rung)
        for case in account.open_cases()
        if case.rung is not None
    ]
    if rungs:
        return max(rungs)[1]
    if any(case.unsettled for case in account.cases):
        return BAD_DEBT
    return CURRENT if account.lifting is None else LIFTING
