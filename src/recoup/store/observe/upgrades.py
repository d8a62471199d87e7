"""
Reading changes of plan whose bill was refused.

Most customers have none: they are found through a partial index that holds only open bills of
changes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from recoup.core import states
from recoup.core.account import Upgrade

#: What a processor calls the bill of a change. Source: Stripe, `invoice.billing_reason`.
#: What waits with a gate is its gate's; what is sent is paid by hand, in its own time.
UPGRADES: Final = """
    SELECT i.customer_id, i.id, i.processor_id, i.subscription_id, t.failed_at, t.moving
    FROM invoices i CROSS JOIN LATERAL (
        SELECT min(a.happened_at) FILTER (WHERE a.state = ANY(%s)) AS failed_at,
               coalesce(bool_or(a.state = ANY(%s)), false) AS moving
        FROM attempts a WHERE a.invoice_id = i.id) t
    WHERE i.customer_id = ANY(%s) AND i.status = 'open' AND i.reason = 'subscription_update'
      AND i.withdrawn_at IS NULL AND i.gate_id IS NULL AND i.subscription_id IS NOT NULL
      AND i.collection_method = 'charge_automatically' AND t.failed_at IS NOT NULL
    ORDER BY i.id"""

#: What stands in the first places of `UPGRADES`: what was not paid, and what may be yet.
WORDS: Final = (
    sorted({*states.REFUSED, *(states.OPEN - states.IN_FLIGHT)}),
    sorted(states.IN_FLIGHT),
)


def upgrade(
    _: Any, id: int, invoice: str, subscription_id: int, failed_at: datetime, moving: bool
) -> Upgrade:
    """Return a change of plan from its row of `UPGRADES`."""
    return Upgrade(id, invoice, subscription_id, failed_at, moving)
