"""
Limits: the earliest instant at which a network or a scheme allows one more attempt.

Counted per instrument over `Account.uses`, whoever's attempts they are. Windows roll: an attempt
at t stops counting at exactly t plus the window. With no new facts what is allowed at one instant
stays allowed at every later one, so the answer does not change by asking again.
Source: docs/declines.md, `network_limits.csv`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from operator import attrgetter
from typing import Final

from recoup.core import states
from recoup.core.account import Account, Attempt, Invoice, Method, Signal
from recoup.core.collection.rules import CARD, SCHEMES, Rules, Scheme, Window
from recoup.core.money import Money

#: Mastercard's advice after which a card is closed to us for 30 d even when it is updated.
CLOSED: Final = frozenset({"03", "3", "21"})
CLOSED_FOR: Final = timedelta(days=30)
#: Visa's advice is the category; the first is for ever.
NEVER: Final = frozenset({"1", "01"})
DAY: Final = timedelta(days=1)
_AT: Final = attrgetter("at")


@dataclass(frozen=True, slots=True)
class Allowance:
    """When an attempt is allowed, why not sooner, and the networks' price of not waiting."""

    at: datetime | None  #: None: never on this instrument
    reasons: tuple[str, ...] = ()
    fee: Money | None = None  #: of an attempt at the instant asked for; None: none is published


def stamp(at: datetime) -> str:
    """Return an instant as people read it: "2026-01-05 10:00 UTC"."""
    return f"{at.year}-{at.month:02}-{at.day:02} {at.hour:02}:{at.minute:02} UTC"


def on_instrument(account: Account, method: Method) -> list[Attempt]:
    """
    Return every known attempt on the instrument of `method`, each once, oldest first.

    Intended ones are among them, called off ones are not: they never reached a bank. One whose
    instrument nobody told us is known by its method.
    """
    instrument, name = method.instrument, method.processor_id
    found: dict[object, Attempt] = {}
    for attempt in chain(account.attempts, account.uses):
        used = attempt.instrument
        if used == instrument or (used is None and attempt.method == name):
            key = attempt.id or (attempt.invoice_id, attempt.at)
            if key not in found and not states.was_called_off(attempt.state):
                found[key] = attempt
    return sorted(found.values(), key=_AT)


def earliest(
    account: Account,
    invoice: Invoice,
    method: Method,
    *,
    rules: Rules,
    now: datetime,
    by_customer: bool = False,
    uses: Sequence[Attempt] | None = None,
) -> Allowance:
    """
    Return the earliest instant, not before `now`, at which an attempt is allowed.

    Args:
        account: Its `uses` must reach back as far as the longest window; declines for ever.
        invoice: The obligation; its remaining amount is what would be charged.
        method: Whose instrument would be used.
        rules: The published tables.
        now: UTC; the instant the attempt is wanted, which may lie ahead.
        by_customer: The cardholder starts it: counted apart where the network does so.
        uses: What `on_instrument` gave, where the caller has it already.

    Attempts that may still be refused are counted as refused. Bank debits are moved to a weekday;
    bank holidays are not known here. Expiry and the meaning of a refusal are the plan's business.
    """
    if uses is None:
        uses = on_instrument(account, method)
    if method.kind in SCHEMES:
        return _debit(uses, invoice, method, rules=rules, now=now)
    if method.kind != CARD:
        return Allowance(now)
    if not by_customer and method.country in rules.barred_countries:
        issued = f"Cards issued in {method.country} are never charged by themselves."
        return Allowance(None, (issued,))
    refused = [a for a in uses if states.was_declined(a.state) or states.is_open(a.state)]
    allowed = _after_stop(refused, method, rules=rules, now=now)
    if allowed.at is None:
        return allowed
    for window in rules.windows_of(method.brand):
        until = _free(refused, window, invoice.remaining, by_customer=by_customer)
        if until is not None and until > allowed.at:
            why = f"{window.name}: {window.limit} refused in {_span(window.span)} are the most;"
            why = f"{why} one leaves the count at {stamp(until)}."
            allowed = Allowance(until, (*allowed.reasons, why), allowed.fee or window.fee)
    return allowed


def banking_day(at: datetime) -> datetime:
    """Return `at`, or the same time on the Monday after, when it falls on a weekend."""
    return at + max(0, 7 - at.weekday()) * DAY if at.weekday() >= 5 else at


def _span(span: timedelta) -> str:
    return f"{span.days} d" if span > DAY else f"{span // timedelta(hours=1)} h"


def _free(
    refused: Sequence[Attempt], window: Window, amount: Money, *, by_customer: bool
) -> datetime | None:
    """Return when the count falls below the limit; None when it is below it anyway."""
    times = [
        attempt.at
        for attempt in refused
        if (not window.by_initiator or attempt.by_customer == by_customer)
        and (not window.same_amount or attempt.amount == amount)
    ]
    if len(times) < window.limit:
        return None
    return times[-window.limit] + window.span


def _after_stop(
    refused: Sequence[Attempt], method: Method, *, rules: Rules, now: datetime
) -> Allowance:
    """Obey what forbids the card itself: Visa's category 1 for ever, Mastercard's 03 and 21."""
    at, reasons, fee = now, [], None
    for attempt in refused:
        brand, signal = attempt.brand or method.brand, attempt.signal
        if brand == "visa" and _never(signal, rules):
            why = f"Visa category 1 on {stamp(attempt.at)}: this card is never tried again."
            return Allowance(None, (why,), _stop_fee("visa", rules))
        if brand == "mastercard" and signal.network_advice_code in CLOSED:
            stopped = f"Mastercard advice {signal.network_advice_code} on {stamp(attempt.at)}"
            if method.changed_at <= attempt.at:
                why = f"{stopped}: this card is not tried until it is replaced or updated."
                return Allowance(None, (why,), _stop_fee("mastercard", rules))
            if attempt.at + CLOSED_FOR > at:
                at = attempt.at + CLOSED_FOR
                reasons.append(f"{stopped}: it is closed to us until {stamp(at)}.")
                fee = _stop_fee("mastercard", rules)
    return Allowance(at, tuple(reasons), fee)


def _never(signal: Signal, rules: Rules) -> bool:
    """Whether Visa's table says that this answer will never change."""
    if signal.network_advice_code in NEVER:
        return True
    code = signal.network_decline_code
    row = None if code is None else rules.visa.get(code.upper().zfill(2))
    return row is not None and row.max_reattempts == 0


def _stop_fee(network: str, rules: Rules) -> Money | None:
    """Return the price of a forbidden try; Mastercard names only that of an excessive one."""
    return next((limit.fee for limit in rules.limits if limit.network == network), None)


def _debit(
    uses: Sequence[Attempt], invoice: Invoice, method: Method, *, rules: Rules, now: datetime
) -> Allowance:
    scheme = rules.schemes[SCHEMES[method.kind]]
    entries = [a for a in uses if a.invoice_id == invoice.id]
    at = banking_day(now)
    moved = (f"Moved to the next weekday, {stamp(at)}.",) if at != now else ()
    if not entries:
        return Allowance(at, moved)
    most = _most(entries[-1], method, scheme, rules)
    if len(entries) - 1 >= most:
        why = f"{scheme.name}: a debit is presented again {most} times at most."
        return Allowance(None, (why,))
    if at > entries[0].at + scheme.window:
        over = stamp(entries[0].at + scheme.window)
        return Allowance(None, (f"{scheme.name}: presenting it again ended at {over}.",))
    return _where_allowed(entries[-1], method, scheme) or Allowance(at, moved)


def _most(newest: Attempt, method: Method, scheme: Scheme, rules: Rules) -> int:
    """Return how often it may be presented again: as its scheme says, or the code's own row."""
    table = rules.debits.get(method.kind, {})
    code = table.get((newest.signal.network_decline_code or "").upper())
    return min(scheme.representments, (code and code.max_tries) or scheme.representments)


def _where_allowed(newest: Attempt, method: Method, scheme: Scheme) -> Allowance | None:
    """Return a refusal, when this code may be presented again only in other countries."""
    for code in (newest.signal.network_decline_code, newest.signal.decline_code):
        countries = scheme.only_in.get((code or "").upper())
        if countries is not None and method.country not in countries:
            where = ", ".join(sorted(countries))
            why = f"{scheme.name} {code} may be presented again only in {where}."
            return Allowance(None, (why,))
    return None
