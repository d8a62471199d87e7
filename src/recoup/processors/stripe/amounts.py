"""
Stripe's amounts and ours.

Stripe counts most currencies as ISO 4217 does. It keeps two decimals for ISK and UGX, which have
none, and none for MGA, which has two.
Source: docs.stripe.com/currencies, "Zero-decimal currencies" and "Special cases".
"""

from __future__ import annotations

from typing import Final

from recoup.core.money import Money
from recoup.errors import InvalidMoney

#: Currency -> how many of Stripe's units make one of ours.
_STRIPE_FINER: Final = {"ISK": 100, "UGX": 100}
#: Currency -> how many of our units make one of Stripe's.
_STRIPE_COARSER: Final = {"MGA": 100}


def money(amount: int, currency: str) -> Money:
    """
    Return Stripe's `amount` of `currency` (in lower case) as money.

    Raises:
        InvalidMoney: it has no exact value in ISO 4217's minor units, or is no money at all.
    """
    code = currency.upper()
    size = _STRIPE_FINER.get(code)
    if size is not None:
        whole, rest = divmod(amount, size)
        if rest:
            raise InvalidMoney(f"{amount} of Stripe's {currency} is no whole {code}")
        return Money(whole, code)
    return Money(amount * _STRIPE_COARSER.get(code, 1), code)


def stripe_amount(owed: Money) -> int:
    """
    Return `owed` in the units Stripe counts its currency in.

    Raises:
        InvalidMoney: Stripe has no unit so small.
    """
    size = _STRIPE_COARSER.get(owed.currency)
    if size is not None:
        whole, rest = divmod(owed.minor, size)
        if rest:
            raise InvalidMoney(f"Stripe has no unit for {owed}")
        return whole
    return owed.minor * _STRIPE_FINER.get(owed.currency, 1)
