"""
What every guard shares: who asks, whether they may, and how a no is told. And how a door's
answer is written.

A no is a 403, or a redirect to where the host wants it. It never says why: not the feature, not
the plan, not the debt. How the 403 looks is the host's own page for it.
"""

from __future__ import annotations

import logging
from typing import Final, Protocol

import msgspec

from recoup.webhooks.post import Answer

log: Final = logging.getLogger(__name__)

FORBIDDEN: Final = 403
#: What a redirect is told with: whatever was asked, the answer is fetched from there.
SEE_OTHER: Final = 303

#: A customer by our id, by the processor's, or by the host's own name for them.
Customer = int | str | tuple[str, str]


class Entitling(Protocol):
    """`recoup.entitlements`, cached or not."""

    def entitled(self, customer: Customer, feature: str) -> bool:
        """Whether the customer may use `feature` now. Never raises."""
        ...


def allows(entitlements: Entitling, customer: Customer | None, feature: str) -> bool:
    """Whether `customer` may pass. Nobody is not let in, and neither is anybody when in doubt."""
    if customer is None:
        return False
    try:
        return entitlements.entitled(customer, feature)
    except Exception:
        log.exception("a guard refuses because nobody can say whether it should")
        return False


def unnamed(error: Exception) -> None:
    """Note that the host could not say who asks; the guard then refuses."""
    log.error("a guard refuses because customer_of failed", exc_info=error)


def worded(answer: Answer) -> bytes:
    """Return a door's answer as JSON, as `recoup serve` gives it."""
    return msgspec.json.encode(answer.body())
