"""Nobody follows: the host asks us, by `recoup.entitlements`. So nothing waits to be undone."""

from __future__ import annotations

from recoup.access.base import AccessState, CannotTell


class Nobody:
    """Follows nothing, and holds nothing."""

    def apply(self, state: AccessState) -> None:
        """Do nothing: what the host is told when it asks is so already."""

    def read(self, customer: int) -> AccessState | None:
        raise CannotTell(f"nobody follows the access of customer {customer}: the host asks us")
