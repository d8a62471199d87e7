"""Subscriptions that are to be ended at the processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.states import SubscriptionStatus
from recoup.store import batch

_WANTED: Final = """
    SELECT id, processor_id, status, end_reason, end_requested_at FROM subscriptions
    WHERE id = ANY(%s) AND end_requested_at IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class Ending:
    """A subscription whose end was asked for."""

    processor_id: str
    status: SubscriptionStatus
    reason: str
    requested_at: datetime

    @property
    def over(self) -> bool:
        """Whether it has ended already."""
        return states.has_ended(self.status)


def endings(connection: Connection, ids: Sequence[int]) -> Mapping[int, Ending]:
    """Return, of these subscriptions, those whose end was asked for."""
    found = batch.fetch(connection, _WANTED, (list(ids),))
    return {
        id: Ending(processor_id, SubscriptionStatus(status), reason, requested_at)
        for id, processor_id, status, reason, requested_at in found
    }
