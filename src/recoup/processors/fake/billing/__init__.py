"""
Subscriptions and invoices: Stripe Billing, its own retries off unless they are switched on.

A renewal's invoice is a draft for an hour, is then finalised and tried once. When that fails the
subscription is past due, and stays so until its latest invoice is paid or given up. While
collection is paused nothing is collected, not even of a draft that was made before.
"""

from recoup.processors.fake.billing.beginning import subscribe
from recoup.processors.fake.billing.invoices import (
    AUTOMATIC,
    close,
    failed,
    finalize,
    held,
    is_processing,
    method_for,
    new_intent,
    paid_elsewhere,
    refuse_if_processing,
    settled,
    shelve,
    withdraw_offer,
)
from recoup.processors.fake.billing.standing import overdue, started
from recoup.processors.fake.billing.subscriptions import (
    FIRST_PAYMENT_WITHIN,
    end,
    expire,
    lapse,
    leave,
    renew,
    unpause,
)

__all__ = [
    "AUTOMATIC",
    "FIRST_PAYMENT_WITHIN",
    "close",
    "end",
    "expire",
    "failed",
    "finalize",
    "held",
    "is_processing",
    "lapse",
    "leave",
    "method_for",
    "new_intent",
    "overdue",
    "paid_elsewhere",
    "refuse_if_processing",
    "renew",
    "settled",
    "shelve",
    "started",
    "subscribe",
    "unpause",
    "withdraw_offer",
]
