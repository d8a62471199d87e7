"""
The plan of tries: whether one obligation is tried again by itself, when, with what, and why.

A function of the facts and `now`. Asked later, with no new fact, it gives the same instant, or
`now` once that has passed. Nothing is counted and nothing is remembered.
Source: docs/declines.md, "When we try again".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from recoup.core import states
from recoup.core.account import Account, Attempt, Hold, Invoice, Method
from recoup.core.collection.declines import Verdict, read
from recoup.core.collection.instrument import Attempted, barred, refused, unconfirmed
from recoup.core.collection.limits import earliest, on_instrument, stamp
from recoup.core.collection.rules import CARD, SCHEMES, RetryRule, Rules
from recoup.core.collection.timers import (
    ADVANCES,
    NO_OTHERS,
    Decline,
    History,
    RetryTimer,
    timer_of,
)
from recoup.core.money import Money
from recoup.core.policy import DAY, Policy

RETRY: Final = "retry"
NEW_METHOD: Final = "new_method"

#: An attempt that was called off is made again, but not in a storm while something is down.
PAUSE: Final = timedelta(minutes=15)
#: A try that the processor announced and has not made by then is not waited for any more.
OVERDUE: Final = 3 * DAY
#: Bacs wants the payer told five working days before a debit: a week holds five.
BACS: Final = "bacs_debit"
BACS_NOTICE: Final = 7 * DAY


class Need(StrEnum):
    """What must happen before another try, when time alone brings none."""

    NEW_METHOD = "new_method"
    CUSTOMER = "customer"  #: a link: authentication, or a word with the bank
    PERSON = "person"  #: somebody on our side must look


@dataclass(frozen=True, slots=True)
class Plan:
    """The next try by itself, or why there is none."""

    invoice_id: int
    at: datetime | None  #: None: no automatic try
    method: str | None  #: processor id of the method it would use
    origin: str  #: "retry" or "new_method"
    reasons: tuple[str, ...]
    verdict: Verdict | None = None  #: of the newest refusal of that instrument
    unknown_codes: tuple[str, ...] = ()
    need: Need | None = None
    fee: Money | None = None  #: what networks would charge for a try before `at`
    price: Money | None = None  #: what they charge for the try at `at`; None: none is published


def plan(
    account: Account,
    invoice: Invoice,
    *,
    policy: Policy,
    rules: Rules,
    until: datetime,
    now: datetime,
    timers: Mapping[str, RetryTimer] = NO_OTHERS,
) -> Plan:
    """
    Return the next automatic try for `invoice`.

    Args:
        account: The snapshot. Its default method is used; where that one can not be any more, the
            first of the backups that can, for those have their owner's word.
        invoice: One of the account's.
        policy: Who collects, and the timer.
        rules: The published tables.
        until: The end of the ladder; a try may fall on it and never after.
        now: UTC. A try that is overdue is due `now`.
        timers: Those besides the built-in ones, by the name a policy has for them.

    Raises:
        InvalidPolicy: the policy's timer does not exist.
    """
    tries = account.tries(invoice.id)
    if reason := _nothing_to_do(account, invoice, tries):
        return Plan(invoice.id, None, None, RETRY, (reason,))
    if reason := _the_processors(invoice, policy, tries, now):
        return _untried(account, invoice, tries, rules, reason, need=None)
    passed: list[Plan] = []
    if not any(method.is_default for method in account.methods):
        passed.append(_without_default(account, invoice, tries, rules))
    for method in _in_order(account):
        debt = Attempted(account, invoice, method, tries, on_instrument(account, method), rules)
        made = _wanted(debt, policy, timers)
        if made.at is not None:
            made = _allowed(debt, made, until=until, now=now)
        if made.at is not None or not _goes_on(made, method):
            return _told((*passed, made), made)
        passed.append(made)
    return _told(passed, passed[0])


def _goes_on(made: Plan, method: Method) -> bool:
    """Whether time brings no try of this instrument and nobody must look, so the next may be."""
    if made.need in {None, Need.NEW_METHOD}:
        return True
    # What a scheme does not list is never presented again: that debit is used up.
    verdict = made.verdict
    if method.kind not in SCHEMES or verdict is None or verdict.stop_mail:
        return False
    return verdict.retry == RetryRule.NOT_APPLICABLE


def _in_order(account: Account) -> list[Method]:
    """Return the default method and the backups, in the customer's order."""
    default = [method for method in account.methods if method.is_default]
    if len(account.methods) == len(default):
        return default
    backups = [m for m in account.methods if m.backup is not None and not m.is_default]
    return default + sorted(backups, key=lambda m: (m.backup, m.processor_id))


def _told(plans: Sequence[Plan], made: Plan) -> Plan:
    """Return one of the plans, with the words of all of them and the codes that nobody knows."""
    if len(plans) == 1:
        return made
    reasons = dict.fromkeys(word for one in plans for word in one.reasons)
    codes = dict.fromkeys(code for one in plans for code in one.unknown_codes)
    return replace(made, reasons=tuple(reasons), unknown_codes=tuple(codes))


def forbidden(
    account: Account,
    invoice: Invoice,
    method: Method,
    *,
    rules: Rules,
    now: datetime,
    by_customer: bool,
) -> str | None:
    """
    Return why nobody may try `invoice` with `method` at `now` (UTC), or None when one may.

    What a person asks for waits for no timer, plan or hold. A refusal that put the instrument out
    of use, and the networks' windows, bind a person as well; `by_customer`, the cardholder being
    there, is counted apart where the network does so.
    """
    uses = on_instrument(account, method)
    debt = Attempted(account, invoice, method, account.tries(invoice.id), uses, rules)
    if bar := barred(debt):
        return bar
    allowed = earliest(
        account, invoice, method, rules=rules, now=now, by_customer=by_customer, uses=uses
    )
    return None if allowed.at is not None and allowed.at <= now else " ".join(allowed.reasons)


def _nothing_to_do(account: Account, invoice: Invoice, tries: Sequence[Attempt]) -> str | None:
    """Return why nobody may be charged by itself, whatever the method."""
    if not invoice.owed:
        return "Nothing is owed."
    why = None
    if invoice.first_failed_at is None:
        why = "No automatic payment for it has failed."
    elif invoice.charged_back:
        why = "A dispute took the money back: nothing is charged by itself after that."
    elif invoice.disputed:
        why = "A payment for it is disputed: nothing is charged while that lasts."
    elif invoice.was_disputed:
        why = "A payment for it was disputed: nothing is charged by itself after that."
    elif invoice.closing:
        why = "It is being closed without a charge: the processor has still to answer."
    elif account.deleted:
        why = "The customer was deleted at the processor."
    elif moving := next((a for a in tries if states.in_flight(a.state)), None):
        why = f"The attempt of {stamp(moving.at)} is under way ({moving.state})."
    return why


def _the_processors(
    invoice: Invoice, policy: Policy, tries: Sequence[Attempt], now: datetime
) -> str | None:
    """
    Return why the tries are the processor's: by the policy, or because it has announced one.

    Two who try the same card again break the networks' limits together, so an announced try is
    believed, whatever the settings say of who retries, until it is three days late.
    """
    at = invoice.processor_next_try_at
    if not policy.ours:
        then = "has given up" if invoice.processor_gave_up else "tries again by itself"
        when = "" if at is None else f", next on {stamp(at)}"
        return f"The processor collects and {then}{when}."
    if at is None or at + OVERDUE <= now or any(attempt.at >= at for attempt in tries):
        return None
    return f"The processor has announced a try of its own on {stamp(at)}, so we make none."


def _without_default(
    account: Account, invoice: Invoice, tries: Sequence[Attempt], rules: Rules
) -> Plan:
    why = "There is no way to pay on file."
    if any(method.backup is not None for method in account.methods):
        why = "There is no default way to pay."
    elif account.methods:
        why = "There is no default way to pay; another one on file needs the customer's consent."
    return _untried(account, invoice, tries, rules, why, need=Need.NEW_METHOD)


def _untried(
    account: Account,
    invoice: Invoice,
    tries: Sequence[Attempt],
    rules: Rules,
    why: str,
    *,
    need: Need | None,
) -> Plan:
    """Return no try; the newest refusal still says why it failed."""
    newest = next((a for a in reversed(tries) if refused(a)), None)
    if newest is None:
        return Plan(invoice.id, None, None, RETRY, (why,), need=need)
    used = (m.kind for m in account.methods if m.instrument == newest.instrument)
    verdict = read(newest.signal, brand=newest.brand, kind=next(used, CARD), rules=rules)
    words = (*verdict.words, why)
    return Plan(invoice.id, None, None, RETRY, words, verdict, verdict.unknown, need)


def _wanted(debt: Attempted, policy: Policy, timers: Mapping[str, RetryTimer]) -> Plan:
    """Return the try as refusals, method and timer want it; wait, limits and holds come later."""
    newest = next((a for a in reversed(debt.tries) if debt.here(a) and refused(a)), None)
    verdict = None if newest is None else debt.read(newest)
    words = _allowing(debt.method) + (() if verdict is None else verdict.words)
    at, origin, need = None, RETRY, None
    if bar := barred(debt):
        words = (*words, bar)
        person = verdict is not None and verdict.stop_mail
        need = Need.PERSON if person else Need.NEW_METHOD
    elif since := _changed_since(debt, newest, verdict):
        at = _waited(since, newest, verdict)
        if debt.method.is_default:
            origin = NEW_METHOD
            why = f"The way to pay is new since {stamp(since)}, so it is tried at once."
        else:
            why = "It has not been tried for this, so it is tried at once."
        words = (*words, why)
    elif verdict is not None and not verdict.timed:
        need = _NEEDS.get(verdict.retry, Need.NEW_METHOD)
    elif asked := unconfirmed(debt):
        need, on = Need.CUSTOMER, stamp(asked.at)
        words = (*words, f"The bank asked for the customer on {on}, and would ask again.")
    else:
        chosen = timer_of(policy, timers)(_history(debt))
        words = (*words, chosen.why)
        at = None if chosen.at is None else _waited(chosen.at, newest, verdict)
    unknown = () if verdict is None else verdict.unknown
    method = debt.method.processor_id
    return Plan(debt.invoice.id, at, method, origin, words, verdict, unknown, need)


def _allowing(method: Method) -> tuple[str, ...]:
    """Return the words that say by whose leave a way to pay besides the default one is used."""
    if method.is_default:
        return ()
    since = "" if method.consented_at is None else f" since {stamp(method.consented_at)}"
    what = " ".join(filter(None, (method.brand, method.kind)))
    place = f"number {method.backup} of the backups, {what} {method.processor_id}"
    return (f"The customer allows another way to pay{since}: {place}.",)


#: What a rule asks for; where it is not here, another instrument.
_NEEDS: Final = {
    RetryRule.CHECK_DUPLICATE: Need.PERSON,
    RetryRule.MERCHANT_FIX: Need.PERSON,
    RetryRule.NOT_APPLICABLE: Need.PERSON,
    RetryRule.AFTER_CUSTOMER: Need.CUSTOMER,
    RetryRule.AFTER_AUTH: Need.CUSTOMER,
}


def _changed_since(
    debt: Attempted, newest: Attempt | None, verdict: Verdict | None
) -> datetime | None:
    """Return since when there is a way to pay that has not been tried, if there is one."""
    changed, failed = debt.method.changed_at, debt.invoice.first_failed_at
    if newest is not None and verdict is not None:
        return changed if changed > newest.at and verdict.cured_by_update else None
    elsewhere = next((a for a in reversed(debt.tries) if refused(a)), None)
    if elsewhere is not None:
        return max(changed, elsewhere.at)
    return changed if failed is not None and changed > failed else None


def _waited(at: datetime, newest: Attempt | None, verdict: Verdict | None) -> datetime:
    """Return `at`, or when the wait that the network advised is over; that one is binding."""
    if newest is None or verdict is None or verdict.wait is None:
        return at
    return max(at, newest.at + verdict.wait)


def _history(debt: Attempted) -> History:
    here, seen = debt.here, debt.read
    declines = [
        Decline(a.at, ADVANCES[a.origin], here(a), seen(a))
        for a in debt.tries
        if states.was_declined(a.state)
    ]
    anchor = debt.invoice.first_failed_at or debt.invoice.created_at
    return History(anchor, tuple(declines), debt.method.kind, debt.rules.recommended_max)


def _allowed(debt: Attempted, made: Plan, *, until: datetime, now: datetime) -> Plan:
    """Return the plan with its instant moved to where notice, limits and holds allow it."""
    if debt.account.stopped is not None:
        why = f"Charging is paused ({debt.account.stopped}): nothing is tried before it goes on."
        return replace(made, at=None, reasons=(*made.reasons, why), need=Need.PERSON)
    at: datetime | None = max(now, made.at or now, *_pauses(debt))
    words, need = list(made.reasons), None
    fee: Money | None = None
    hold: Hold | None = None
    while at is not None:
        allowance = earliest(
            debt.account, debt.invoice, debt.method, rules=debt.rules, now=at, uses=debt.uses
        )
        words.extend(allowance.reasons)
        at, fee, need = allowance.at, fee or allowance.fee, Need.NEW_METHOD
        hold = None if at is None else debt.account.untried(at)
        if hold is None:
            break
        at, need = hold.during.end, Need.PERSON
        when = "further notice" if at is None else stamp(at)
        words.append(f"Nothing is tried until {when}: {hold.words}.")
    if at is not None:
        need, over = _too_late(debt, at, until)
        words.append(over or f"The next try is on {stamp(at)}.")
        at = None if over else at
    return Plan(
        made.invoice_id,
        at,
        made.method,
        made.origin,
        tuple(words),
        made.verdict,
        made.unknown_codes,
        need,
        fee,
        None if at is None else debt.rules.price(debt.method.kind, debt.method.brand),
    )


def _too_late(debt: Attempted, at: datetime, until: datetime) -> tuple[Need | None, str | None]:
    """Return what is needed instead and why, when the card or the ladder is over by then."""
    if debt.method.expired(at):
        year, month = debt.method.expires or (0, 0)
        why = f"The card is out of date after {year}-{month:02}: this needs a new way to pay."
        return Need.NEW_METHOD, why
    if at > until:
        why = f"The next try would be on {stamp(at)}, after the ladder's end on {stamp(until)}."
        return None, why
    return None, None


def _pauses(debt: Attempted) -> Iterator[datetime]:
    """Give the instants before which nothing is tried, whatever the timer says."""
    running = 0  # called off one after another: the pause doubles, up to a day
    for attempt in debt.tries:
        if states.was_called_off(attempt.state) and not attempt.by_customer:
            yield attempt.at + min(PAUSE * 2**running, DAY)
            running = min(running + 1, 10)
            continue
        running = 0
        if debt.method.kind == BACS and states.was_declined(attempt.state):
            yield attempt.at + BACS_NOTICE
