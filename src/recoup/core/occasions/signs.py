"""
Causes of mails that are no event of the catalogue: nobody but a mail is to hear of them.

Like an event each is made of one entry of the ledger, by what that entry changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from recoup.core import states
from recoup.core.account import DebtExit
from recoup.core.ledger import Changes
from recoup.core.states import CaseEnd, InvoiceStatus, SubscriptionStatus


@dataclass(frozen=True, slots=True)
class Sign:
    """A kind of subject, what it means, and the changes that make it."""

    kind: str
    meaning: str
    when: Callable[[str, Changes], bool]


def _became(field: str, *wanted: str) -> Callable[[str, Changes], bool]:
    """Whether `field` is one of `wanted` now, and was not before."""

    def when(_: str, changes: Changes) -> bool:
        before, after = changes.get(field, (None, None))
        return after in wanted and before not in wanted

    return when


def _issued(_: str, changes: Changes) -> bool:
    """Whether an invoice was a draft, or unknown, and is none any more."""
    before, after = changes.get("status", (None, None))
    fresh = before is None or states.is_draft(InvoiceStatus(before))
    return fresh and after is not None and not _is_none(InvoiceStatus(after))


def _is_none(status: InvoiceStatus) -> bool:
    """Whether nobody was ever given it, or it was taken back."""
    return states.is_draft(status) or states.is_closed(status) or states.is_void(status)


def _trial_over(_: str, changes: Changes) -> bool:
    before, after = changes.get("status", (None, None))
    if before is None or after is None or not states.is_trialing(SubscriptionStatus(before)):
        return False
    return not states.has_ended(SubscriptionStatus(after))


def _ends_later(_: str, changes: Changes) -> bool:
    return changes.get("cancel_at", (None, None))[1] is not None


def _discounted(_: str, changes: Changes) -> bool:
    return changes.get("coupon", (None, None))[1] is not None


SIGNS: Final[Mapping[str, Sign]] = {
    "invoice.issued": Sign("invoice", "an invoice is a draft no more", _issued),
    "trial.ended": Sign(
        "subscription", "a trial is over, and its subscription goes on", _trial_over
    ),
    "end.scheduled": Sign("subscription", "the end of a subscription has a day", _ends_later),
    "coupon.applied": Sign("subscription", "a subscription has another coupon", _discounted),
    "case.recovered": Sign(
        "case",
        "a case ended with its money, also one that had ended without",
        _became("ending", CaseEnd.RECOVERED.value),
    ),
    "debt.paid": Sign(
        "debt",
        "bad debt was paid",
        _became("exited_as", DebtExit.PAID.value, DebtExit.PAID_OUT_OF_BAND.value),
    ),
}
