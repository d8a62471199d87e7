"""Changes of plan that were not paid: see `recoup.store.upgrades.bills`."""

from recoup.store.upgrades.bills import COUNTED, WITHDRAWN, count, record, withdraw

__all__ = ["COUNTED", "WITHDRAWN", "count", "record", "withdraw"]
