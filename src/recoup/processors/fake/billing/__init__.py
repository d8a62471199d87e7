"""
Subscriptions and invoices: Stripe Billing, its own retries off unless they are switched on.

A renewal is a draft for an hour, then finalised and tried once. When that fails the subscription
is past due until its latest invoice is paid or given up. While paused nothing is collected.
"""

from recoup.processors.fake.billing.beginning import subscribe
from recoup.processors.fake.billing.invoices import (
    AUTOMATIC,
    bill_usage,
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
    "AUTOMATIC", "FIRST_PAYMENT_WITHIN", "bill_usage", "close", "end", "expire", "failed",
    "finalize", "held", "is_processing", "lapse", "leave", "method_for", "new_intent",
    "overdue", "paid_elsewhere", "refuse_if_processing", "renew", "settled", "shelve",
    "started", "subscribe", "unpause", "withdraw_offer"
]  # fmt: skip
