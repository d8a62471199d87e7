"""
Subscriptions and invoices: Stripe Billing with its own retries switched off.

A renewal's invoice is a draft for an hour, is then finalised and tried once. When that fails the
subscription is past due, and stays so until its latest invoice is paid or given up.
"""

from recoup.processors.fake.billing.invoices import (
    AUTOMATIC,
    DAY,
    HOUR,
    close,
    draft,
    failed,
    fall_past_due,
    finalize,
    method_for,
    overdue,
    paid_elsewhere,
    refuse_if_processing,
    settled,
    started,
    subscription_of,
)
from recoup.processors.fake.billing.subscriptions import (
    FIRST_PAYMENT_WITHIN,
    end,
    expire,
    lapse,
    leave,
    renew,
    subscribe,
    unpause,
)

__all__ = [
    "AUTOMATIC",
    "DAY",
    "FIRST_PAYMENT_WITHIN",
    "HOUR",
    "close",
    "draft",
    "end",
    "expire",
    "failed",
    "fall_past_due",
    "finalize",
    "lapse",
    "leave",
    "method_for",
    "overdue",
    "paid_elsewhere",
    "refuse_if_processing",
    "renew",
    "settled",
    "started",
    "subscribe",
    "subscription_of",
    "unpause",
]
