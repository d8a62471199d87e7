"""
The shapes of Stripe's objects, for versions before and from 2025-03-31.basil.

Before: an invoice names its subscription, payment intent and charge; charges and intents name
the invoice; a subscription has its period. From basil on: `parent`, `payments`, and periods on
items. Fields that Recoup has no use for are left out; none has another meaning than Stripe's.
Source: data/stripe_fixtures.json, and Stripe's changelog for 2025-03-31.basil.
"""

from recoup.processors.fake.shapes.bills import bill
from recoup.processors.fake.shapes.coupons import coupon, promotion_code
from recoup.processors.fake.shapes.invoices import invoice, invoice_payment
from recoup.processors.fake.shapes.money import (
    card_error,
    charge,
    dispute,
    intent,
    refund,
    setup,
    setup_status,
)
from recoup.processors.fake.shapes.people import customer, method
from recoup.processors.fake.shapes.subscriptions import price, subscription
from recoup.processors.fake.shapes.wire import amount

__all__ = [
    "amount",
    "bill",
    "card_error",
    "charge",
    "coupon",
    "customer",
    "dispute",
    "intent",
    "invoice",
    "invoice_payment",
    "method",
    "price",
    "promotion_code",
    "refund",
    "setup",
    "setup_status",
    "subscription",
]
