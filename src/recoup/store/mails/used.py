"""Which ways to pay are in use: SQL on `payment_methods m`."""

from __future__ import annotations

from typing import Final

from recoup.core.states import SubscriptionStatus, has_ended, is_live

#: Subscriptions that may still be billed.
LIVE: Final = sorted(
    status.value for status in SubscriptionStatus if is_live(status) and not has_ended(status)
)
_LIVE: Final = ", ".join(f"'{status}'" for status in LIVE)

#: Whether the subscription `s` of the customer `c` is live and paid with `m`, or would be next:
#: its own method, else the customer's, or one that the customer lets us use as well.
PAID_WITH: Final = f"""
    s.customer_id = m.customer_id AND s.ended_at IS NULL AND s.status IN ({_LIVE})
    AND NOT c.deleted AND c.erased_at IS NULL AND s.collection_method = 'charge_automatically'
    AND (coalesce(s.default_method, c.default_method) = m.processor_id OR m.backup IS NOT NULL)"""
USED: Final = f"""
    (NOT m.detached AND EXISTS (
        SELECT FROM subscriptions s JOIN customers c ON c.id = s.customer_id
        WHERE {PAID_WITH}))"""
