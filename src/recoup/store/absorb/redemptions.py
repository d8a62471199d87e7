"""A subscription that dies before its first payment has used no coupon."""

from __future__ import annotations

from typing import Final

from recoup.core import states
from recoup.core.states import SubscriptionStatus
from recoup.store.absorb.known import Known
from recoup.store.absorb.mirror import Row
from recoup.store.records import coupons
from recoup.store.writer import Writer

NEVER_BEGAN: Final = "the subscription ended before its first payment"


def given_back(writer: Writer, known: Known) -> None:
    """Give back what was redeemed for subscriptions that went from incomplete to their end."""
    died = [row["id"] for row in known.subscriptions.changed() if _died(row)]
    if died:
        coupons.give_back_unlived(writer, died, reason=NEVER_BEGAN)


def _died(row: Row) -> bool:
    if row.before is None:
        return False
    before, after = SubscriptionStatus(row.was("status")), SubscriptionStatus(row["status"])
    return states.is_incomplete(before) and states.has_ended(after)
