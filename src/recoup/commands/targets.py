"""What a subscription is to become, as callers say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from recoup.core.billing import items as lists
from recoup.core.billing.items import Prices, Wanted, wanted
from recoup.core.billing.requests import ItemChange, Proration
from recoup.core.billing.views import Item, Subscription
from recoup.errors import InvalidValue

When = Literal["now", "period_end"]


@dataclass(frozen=True, slots=True)
class Target:
    """
    What a subscription is to be: by prices, or item by item.

    `quantity` alone is of one item.
    """

    when: When
    proration: Proration
    prices: tuple[Wanted, ...] | None = None
    items: tuple[ItemChange, ...] | None = None
    quantity: int | None = None
    item: str | None = None

    def changes(self, now: Subscription) -> tuple[ItemChange, ...]:
        """Return what must be changed of `now`; nothing where it is so already."""
        if self.prices is not None:
            made = lists.changes(now.items, self.prices)
        elif self.items is not None:
            made = self.items
        else:
            made = (ItemChange(self._only(now.items), quantity=self.quantity),)
        same = lists.alike(lists.after(now.items, made), now.items)
        return () if same else made

    def _only(self, items: Sequence[Item]) -> str:
        names = [item.id for item in items]
        if self.item is None and len(names) != 1:
            raise InvalidValue(f"item: say which one of {names}")
        return self.item or names[0]


def target_of(
    prices: Prices | None,
    items: Sequence[ItemChange] | None,
    when: When,
    proration: Proration,
) -> Target:
    if (prices is None) == (items is None):
        raise InvalidValue("expected exactly one of prices and items")
    if prices is not None:
        return Target(when, proration, prices=wanted(prices))
    return Target(when, proration, items=lists.checked(items or ()))


def is_so(now: Subscription, target: Target) -> bool:
    """Whether nothing is to be done: it buys that already, and nothing else is to come."""
    return not target.changes(now) and not now.next_items
