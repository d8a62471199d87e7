"""
The plan of tries: whether one obligation is tried again by itself, when, with what, and why.

A function of the facts and `now`. Asked later, with no new fact, it gives the same instant, or
`now` once that has passed. Nothing is counted and nothing is remembered.
Source: docs/declines.md, "When we try again".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from recoup.core import states
from recoup.core.account import Account, Attempt, Hold, Invoice, Method
from recoup.core.collection.declines import Verdict, read
from recoup.core.collection.limits import earliest, on_instrument, stamp
from recoup.core.collection.rules import CARD, RetryRule, Rules
from recoup.core.collection.timers import ADVANCES, Decline, History, timer_of
from recoup.core.money import Money
from recoup.core.policy import DAY, Policy

RETRY: Final = "retry"
NEW_METHOD: Final = "new_method"

#: An attempt that was called off is made again, but not in a storm while something is down.
PAUSE: Final = timedelta(minutes=15)
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


def plan(
    account: Account,
    invoice: Invoice,
    *,
    policy: Policy,
    rules: Rules,
    until: datetime,
    now: datetime,
) -> Plan:
    """
    Return the next automatic try for `invoice`.

    Args:
        account: The snapshot; only its default method is used, another needs its owner's word.
        invoice: One of the account's.
        policy: Who collects, and the timer.
        rules: The published tables.
        until: The end of the ladder; a try may fall on it and never after.
        now: UTC. A try that is overdue is due `now`.

    Raises:
        InvalidPolicy: the policy's timer does not exist.
    """
    tries = account.tries(invoice.id)
    if reason := _nothing_to_do(account, invoice, policy, tries):
        return Plan(invoice.id, None, None, RETRY, (reason,))
    method = next((m for m in account.methods if m.is_default), None)
    if method is None:
        return _without_method(account, invoice, tries, rules)
    debt = _Debt(account, invoice, method, tries, on_instrument(account, method), rules)
    made = _wanted(debt, policy)
    return made if made.at is None else _allowed(debt, made, until=until, now=now)


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
    debt = _Debt(account, invoice, method, account.tries(invoice.id), uses, rules)
    if barred := _barred(debt):
        return barred
    allowed = earliest(
        account, invoice, method, rules=rules, now=now, by_customer=by_customer, uses=uses
    )
    return None if allowed.at is not None and allowed.at <= now else " ".join(allowed.reasons)


@dataclass(frozen=True, slots=True)
class _Debt:
    """What the steps below share: one obligation and what would be charged for it."""

    account: Account
    invoice: Invoice
    method: Method
    tries: tuple[Attempt, ...]  #: of the obligation, on any instrument
    uses: Sequence[Attempt]  #: of the instrument, for any obligation
    rules: Rules
    verdicts: dict[int, Verdict] = field(default_factory=dict)

    def here(self, attempt: Attempt) -> bool:
        """Whether it was on the instrument that would be tried; nobody knowing counts as yes."""
        if attempt.instrument is None:
            return attempt.method in {None, self.method.processor_id}
        return attempt.instrument == self.method.instrument

    def read(self, attempt: Attempt) -> Verdict:
        """Read a refusal, once; one that waits for the customer asks for authentication."""
        known = self.verdicts.get(id(attempt))
        if known is not None:
            return known
        here, signal, method = self.here(attempt), attempt.signal, self.method
        if signal.decline_code is None and states.awaits_customer(attempt.state):
            signal = replace(signal, decline_code="authentication_required")
        brand = attempt.brand or (method.brand if here else None)
        verdict = read(signal, brand=brand, kind=method.kind if here else CARD, rules=self.rules)
        self.verdicts[id(attempt)] = verdict
        return verdict


def _nothing_to_do(
    account: Account, invoice: Invoice, policy: Policy, tries: Sequence[Attempt]
) -> str | None:
    """Return why nobody may be charged by itself, whatever the method."""
    if not invoice.owed:
        return "Nothing is owed."
    why = None
    if invoice.first_failed_at is None:
        why = "No automatic payment for it has failed."
    elif invoice.disputed:
        why = "A payment for it is disputed: nothing is charged while that lasts."
    elif account.deleted:
        why = "The customer was deleted at the processor."
    elif policy.collector == "processor":
        at = invoice.processor_next_try_at
        then = "has given up" if invoice.processor_gave_up else "tries again by itself"
        when = "" if at is None else f", next on {stamp(at)}"
        why = f"The processor collects and {then}{when}."
    elif moving := next((a for a in tries if states.in_flight(a.state)), None):
        why = f"The attempt of {stamp(moving.at)} is under way ({moving.state})."
    return why


def _without_method(
    account: Account, invoice: Invoice, tries: Sequence[Attempt], rules: Rules
) -> Plan:
    """Return no try; the newest refusal still says why it failed."""
    why = "There is no way to pay on file."
    if account.methods:
        why = "There is no default way to pay; another one on file needs the customer's consent."
    newest = next((a for a in reversed(tries) if _refused(a)), None)
    if newest is None:
        return Plan(invoice.id, None, None, RETRY, (why,), need=Need.NEW_METHOD)
    verdict = read(newest.signal, brand=newest.brand, kind=CARD, rules=rules)
    return Plan(
        invoice.id,
        None,
        None,
        RETRY,
        (*verdict.words, why),
        verdict,
        verdict.unknown,
        Need.NEW_METHOD,
    )


def _wanted(debt: _Debt, policy: Policy) -> Plan:
    """Return the try as refusals, method and timer want it; wait, limits and holds come later."""
    newest = next((a for a in reversed(debt.tries) if debt.here(a) and _refused(a)), None)
    verdict = None if newest is None else debt.read(newest)
    words = () if verdict is None else verdict.words
    at, origin, need = None, RETRY, None
    if barred := _barred(debt):
        words = (*words, barred)
        person = verdict is not None and verdict.stop_mail
        need = Need.PERSON if person else Need.NEW_METHOD
    elif since := _changed_since(debt, newest, verdict):
        words = (*words, f"The way to pay is new since {stamp(since)}, so it is tried at once.")
        at, origin = _waited(since, newest, verdict), NEW_METHOD
    elif verdict is not None and not verdict.timed:
        need = _NEEDS.get(verdict.retry, Need.NEW_METHOD)
    else:
        chosen = timer_of(policy)(_history(debt))
        words = (*words, chosen.why)
        at = None if chosen.at is None else _waited(chosen.at, newest, verdict)
    unknown = () if verdict is None else verdict.unknown
    method = debt.method.processor_id
    return Plan(debt.invoice.id, at, method, origin, words, verdict, unknown, need)


#: What a rule asks for; where it is not here, another instrument.
_NEEDS: Final = {
    RetryRule.CHECK_DUPLICATE: Need.PERSON,
    RetryRule.MERCHANT_FIX: Need.PERSON,
    RetryRule.NOT_APPLICABLE: Need.PERSON,
    RetryRule.AFTER_CUSTOMER: Need.CUSTOMER,
    RetryRule.AFTER_AUTH: Need.CUSTOMER,
}


def _refused(attempt: Attempt) -> bool:
    """Whether a bank answered, and not with money; a try may be called off after its answer."""
    if states.was_called_off(attempt.state):
        return attempt.signal.decline_code is not None
    return states.was_declined(attempt.state) or states.awaits_customer(attempt.state)


def _barred(debt: _Debt) -> str | None:
    """
    Return why the instrument is out of use, by any refusal of it we know of.

    A later payment with it shows that it lives; a network's own bars, which no payment lifts,
    are with the limits.
    """
    why = None
    for attempt in debt.uses:
        if states.succeeded(attempt.state):
            why = None
        elif states.was_declined(attempt.state):
            verdict = debt.read(attempt)
            if not verdict.barred or _other_currency(debt, attempt):
                continue
            day = stamp(attempt.at)
            if verdict.retry != RetryRule.AFTER_UPDATE:
                why = f"Refused as {verdict.decline_class} on {day}: this needs a new way to pay."
            elif debt.method.changed_at <= attempt.at:
                why = f"Refused on {day}: its details have not been updated since."
    return why


def _other_currency(debt: _Debt, attempt: Attempt) -> bool:
    """Whether only a currency was refused, and it is not the one that would be charged now."""
    refused = attempt.signal.decline_code == "currency_not_supported"
    return refused and attempt.amount.currency != debt.invoice.remaining.currency


def _changed_since(
    debt: _Debt, newest: Attempt | None, verdict: Verdict | None
) -> datetime | None:
    """Return since when there is a way to pay that has not been tried, if there is one."""
    changed, failed = debt.method.changed_at, debt.invoice.first_failed_at
    if newest is not None and verdict is not None:
        return changed if changed > newest.at and verdict.cured_by_update else None
    elsewhere = next((a for a in reversed(debt.tries) if _refused(a)), None)
    if elsewhere is not None:
        return max(changed, elsewhere.at)
    return changed if failed is not None and changed > failed else None


def _waited(at: datetime, newest: Attempt | None, verdict: Verdict | None) -> datetime:
    """Return `at`, or when the wait that the network advised is over; that one is binding."""
    if newest is None or verdict is None or verdict.wait is None:
        return at
    return max(at, newest.at + verdict.wait)


def _history(debt: _Debt) -> History:
    here, seen = debt.here, debt.read
    declines = [
        Decline(a.at, ADVANCES[a.origin], here(a), seen(a))
        for a in debt.tries
        if states.was_declined(a.state)
    ]
    anchor = debt.invoice.first_failed_at or debt.invoice.created_at
    return History(anchor, tuple(declines), debt.method.kind, debt.rules.recommended_max)


def _allowed(debt: _Debt, made: Plan, *, until: datetime, now: datetime) -> Plan:
    """Return the plan with its instant moved to where notice, limits and holds allow it."""
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
        hold = None if at is None else debt.account.held(at)
        if hold is None:
            break
        at, need = hold.during.end, Need.PERSON
        words.append(f"On hold until {'further notice' if at is None else stamp(at)}.")
    if at is not None:
        need, why = _too_late(debt, at, until)
        words.append(why or f"The next try is on {stamp(at)}.")
        at = None if why else at
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
    )


def _too_late(debt: _Debt, at: datetime, until: datetime) -> tuple[Need | None, str | None]:
    """Return what is needed instead and why, when the card or the ladder is over by then."""
    if debt.method.expired(at):
        year, month = debt.method.expires or (0, 0)
        why = f"The card is out of date after {year}-{month:02}: this needs a new way to pay."
        return Need.NEW_METHOD, why
    if at > until:
        why = f"The next try would be on {stamp(at)}, after the ladder's end on {stamp(until)}."
        return None, why
    return None, None


def _pauses(debt: _Debt) -> Iterator[datetime]:
    """Give the instants before which nothing is tried, whatever the timer says."""
    for attempt in debt.tries:
        if states.was_called_off(attempt.state) and not attempt.by_customer:
            yield attempt.at + PAUSE
        elif debt.method.kind == BACS and states.was_declined(attempt.state):
            yield attempt.at + BACS_NOTICE
