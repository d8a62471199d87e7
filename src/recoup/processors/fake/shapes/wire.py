"""What all shapes have in common: amounts as Stripe counts them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from recoup.core.money import Money
from recoup.processors.stripe.amounts import stripe_amount

Json = dict[str, Any]

#: From here on an invoice's payments and a subscription's periods live elsewhere …
BASIL: Final = "2025-03-31"
#: … and from here on the coupon of a discount or a promotion code.
CLOVER: Final = "2025-09-30"


def is_basil(version: str) -> bool:
    return version[:10] >= BASIL


def is_clover(version: str) -> bool:
    return version[:10] >= CLOVER


@lru_cache(maxsize=4_096)
def amount(minor: int, currency: str) -> int:
    """Return ISO minor units in Stripe's."""
    return stripe_amount(Money(minor, currency))
