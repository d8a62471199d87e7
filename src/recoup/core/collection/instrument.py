"""
One obligation and one instrument: what is known of the refusals, and whether they bar it.

Source: docs/declines.md, "Reading a refusal".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from recoup.core import states
from recoup.core.account import Account, Attempt, Invoice, Method
from recoup.core.collection.declines import Verdict, read
from recoup.core.collection.limits import stamp
from recoup.core.collection.rules import CARD, RetryRule, Rules


@dataclass(frozen=True, slots=True)
class Attempted:
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


def newest_verdict(
    account: Account, invoices: Sequence[Invoice], *, rules: Rules
) -> Verdict | None:
    """Return what the newest refusal of any of `invoices` means; None when none is known."""
    wanted = {invoice.id for invoice in invoices}
    found = [a for a in account.attempts if a.invoice_id in wanted and refused(a)]
    if not found:
        return None
    newest = max(found, key=lambda a: (a.at, a.id or 0))
    kinds = {method.instrument: method.kind for method in account.methods}
    kind = kinds.get(newest.instrument or "", CARD)
    return read(newest.signal, brand=newest.brand, kind=kind, rules=rules)


def payer_died(account: Account, invoices: Sequence[Invoice], *, rules: Rules) -> bool:
    """Whether the newest refusal of any of `invoices` says so; only a bank debit's can."""
    if all(method.kind == CARD for method in account.methods):
        return False
    verdict = newest_verdict(account, invoices, rules=rules)
    return verdict is not None and verdict.stop_mail


def refused(attempt: Attempt) -> bool:
    """Whether a bank answered, and not with money; a try may be called off after its answer."""
    if states.was_called_off(attempt.state):
        return attempt.signal.decline_code is not None
    return states.was_declined(attempt.state) or states.awaits_customer(attempt.state)


def barred(debt: Attempted) -> str | None:
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


def unconfirmed(debt: Attempted) -> Attempt | None:
    """
    Return the refusal after which the obligation needs the customer, if there is one.

    A bank that asked for authentication asks for it again off session, whatever it refuses
    later. Only other details on file end that.
    """
    asked = RetryRule.AFTER_AUTH
    for attempt in reversed(debt.tries):
        if attempt.at < debt.method.changed_at:
            return None
        if refused(attempt) and debt.here(attempt) and debt.read(attempt).retry == asked:
            return attempt
    return None


def _other_currency(debt: Attempted, attempt: Attempt) -> bool:
    """Whether only a currency was refused, and it is not the one that would be charged now."""
    refused = attempt.signal.decline_code == "currency_not_supported"
    return refused and attempt.amount.currency != debt.invoice.remaining.currency
