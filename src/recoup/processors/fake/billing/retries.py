"""
When a failed invoice is tried again by itself: the account's setting, off unless switched on.

Stripe's Smart Retries choose the instants by machine learning; here dice do, within the same
bounds. What is tried is said beforehand, as `next_payment_attempt`.
Source: docs.stripe.com/billing/revenue-recovery/smart-retries: 8 tries within 2 weeks.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal

import msgspec
from msgspec import Struct

from recoup.core import states
from recoup.errors import Rejected
from recoup.processors.fake.billing.standing import subscription_of
from recoup.processors.fake.model import Invoice
from recoup.processors.fake.world import Session

Ending = Literal["cancel", "unpaid", "past_due"]
MOST: Final = 8
LONGEST: Final = timedelta(days=60)
_NAME: Final = "retries"


class Retries(Struct, frozen=True):
    """How often, how long, and what becomes of the subscription when none of it helps."""

    tries: int = MOST
    within: int = 14 * 86_400  #: seconds
    ends: Ending = "cancel"


def switch(s: Session, to: Retries | None) -> None:
    """
    Switch retries on, or off (None): what is planned then does not happen.

    Raises:
        Rejected: Stripe has no such setting.
    """
    if to is not None and not (1 <= to.tries <= MOST and 0 < to.within <= LONGEST.total_seconds()):
        raise Rejected(f"1 to {MOST} retries within {LONGEST.days} days")
    s.set(_NAME, "" if to is None else msgspec.json.encode(to).decode())


def setting(s: Session) -> Retries | None:
    """Return the account's setting; None: off."""
    text = s.known(_NAME)
    return msgspec.json.decode(text, type=Retries) if text else None


def plan(s: Session, invoice: Invoice) -> None:
    """
    Plan the next try of an invoice whose payment has just failed, if there is to be one.

    After the last one what is planned is the end, at this very instant. A first payment, and one
    that a change of items waits for, is never tried again by itself.
    """
    retries = setting(s)
    if retries is None or not may_retry(s, invoice):
        return
    if invoice.next_try is not None and invoice.next_try > s.now:
        return
    done = max(invoice.attempt_count - 1, 0)
    if done >= retries.tries:
        invoice.next_try = None
        s.schedule(s.now, "retry", invoice.id)
        return
    step = retries.within // retries.tries
    invoice.next_try = s.now + step * (500 + s.dice("retry", invoice.id, done) // 2) // 1000
    s.schedule(invoice.next_try, "retry", invoice.id)


def may_retry(s: Session, invoice: Invoice) -> bool:
    """Whether the invoice is of a kind that is tried again, and still owed."""
    sub = subscription_of(s, invoice)
    return (
        sub is not None
        and not states.has_ended(sub.status)
        and states.is_owed(invoice.status)
        and invoice.collection == "charge_automatically"
        and invoice.auto_advance
        and invoice.reason != "subscription_create"
        and not invoice.offered
    )
