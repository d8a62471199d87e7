"""
What a debt bought, in one text: what cases, notices and restrictions are about.

    subscription:7            all of a subscription
    prices:7:price_a,price_b  what these prices sell of it, and never its own plan
    invoice:3                 a one-off

Source: docs/dunning.md, "Scope".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

_PRICES: Final = "prices"
#: Ids come from outside, so what parts them is written otherwise inside them.
_SPELLED: Final = {"%": "%25", ",": "%2C", ":": "%3A", " ": "%20"}


def of_invoice(id: int) -> str:
    return f"invoice:{id}"


def of_subscription(id: int) -> str:
    return f"subscription:{id}"


def of_prices(subscription_id: int, prices: Iterable[str]) -> str:
    """Return the scope of what these prices sell of a subscription; their order is no matter."""
    spelled = ",".join(map(_spelled, sorted(set(prices))))
    return f"{_PRICES}:{subscription_id}:{spelled}"


def apart(
    subscription_id: int | None, prices: Collection[str], plans: Collection[str]
) -> str | None:
    """
    Return the scope of an invoice that sold nothing of its subscription's own plan, else None.

    Args:
        prices: What its lines sold; none where that is not known, and then nothing is apart.
        plans: Every price that has been the subscription's own plan.
    """
    if subscription_id is None or not prices or not plans or not set(prices).isdisjoint(plans):
        return None
    return of_prices(subscription_id, prices)


def subscription_id(scope: str) -> int | None:
    """
    Return the subscription that a scope is, or is a part of.

    Raises:
        ValueError: it is to be one and names none.
    """
    kind, _, rest = scope.partition(":")
    return int(rest.partition(":")[0]) if kind in {"subscription", _PRICES} else None


def prices_of(scope: str) -> frozenset[str]:
    """Return the prices of a scope that is a part of a subscription; of another, none."""
    kind, _, rest = scope.partition(":")
    if kind != _PRICES:
        return frozenset()
    return frozenset(map(_read, rest.partition(":")[2].split(",")))


def _spelled(price: str) -> str:
    for plain, spelled in _SPELLED.items():
        price = price.replace(plain, spelled)
    return price


def _read(spelled: str) -> str:
    for plain, read in reversed(_SPELLED.items()):
        spelled = spelled.replace(read, plain)
    return spelled
