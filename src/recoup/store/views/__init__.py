"""
What a host application gets to see of the rows, as the values of `recoup.core.billing.views`.

Reads only. One query each, however many rows: what an invoice or a payment needs of its refunds
and disputes comes with it. A `ref` is our id (a number, or its digits as text) or the
processor's id; lists are by id, `limit` of them behind the id `after`.
"""

from recoup.store.views.coupons import (
    list_coupons,
    list_promotion_codes,
    read_coupon,
    read_promotion_code,
)
from recoup.store.views.gates import list_scheduled, read_scheduled
from recoup.store.views.invoices import list_invoices, read_invoice
from recoup.store.views.payments import (
    list_disputes,
    list_late,
    list_payments,
    list_refunds,
    read_payment,
    read_refund,
)
from recoup.store.views.people import (
    find_customer,
    list_customers,
    list_methods,
    read_customer,
    read_method,
)
from recoup.store.views.subscriptions import list_subscriptions, read_subscription

__all__ = [
    "find_customer",
    "list_coupons",
    "list_customers",
    "list_disputes",
    "list_invoices",
    "list_late",
    "list_methods",
    "list_payments",
    "list_promotion_codes",
    "list_refunds",
    "list_scheduled",
    "list_subscriptions",
    "read_coupon",
    "read_customer",
    "read_invoice",
    "read_method",
    "read_payment",
    "read_promotion_code",
    "read_refund",
    "read_scheduled",
    "read_subscription",
]
