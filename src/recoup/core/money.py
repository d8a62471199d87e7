"""
Money: an integer number of minor units and an ISO 4217 currency. Never a float, never mixed.

Exponents are ISO 4217's. A processor may count some currencies otherwise (Stripe keeps two
decimals for ISK and UGX); that difference belongs to the processor's adapter, not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from recoup.errors import CurrencyMismatch, InvalidMoney

#: Currencies without a minor unit. Source: ISO 4217 list one, 2024-06-25.
ZERO_DECIMAL: Final = frozenset(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()
)
#: Currencies with a thousandth. Source: as above.
THREE_DECIMAL: Final = frozenset("BHD IQD JOD KWD LYD OMR TND".split())

#: What a PostgreSQL bigint holds; more is refused rather than wrapped.
LARGEST: Final = 2**63 - 1


def exponent(currency: str) -> int:
    """Return how many decimals `currency` is written with: 0, 2 or 3."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


@lru_cache(maxsize=256)
def _is_code(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()


@dataclass(frozen=True, slots=True)
class Money:
    """
    An amount in minor units (cents, yen, fils) of one currency.

    Raises:
        InvalidMoney: the amount is no integer (a bool or a float is none), does not fit
            64 bits, or the currency is not three upper-case letters.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise InvalidMoney(f"minor units are an integer, got {self.minor!r}")
        if not -LARGEST <= self.minor <= LARGEST:
            raise InvalidMoney(f"{self.minor} minor units do not fit 64 bits")
        if not _is_code(self.currency):
            raise InvalidMoney(
                f"a currency is three capital letters (ISO 4217), got {self.currency!r}"
            )

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        places = exponent(self.currency)
        sign, digits = ("-" if self.minor < 0 else ""), str(abs(self.minor))
        if not places:
            return f"{sign}{digits} {self.currency}"
        digits = digits.zfill(places + 1)
        return f"{sign}{digits[:-places]}.{digits[-places:]} {self.currency}"

    def allocate(self, weights: Sequence[int]) -> tuple[Money, ...]:
        """
        Split into parts in proportion to `weights`, losing nothing.

        What integer division leaves over goes one unit each to the parts with the largest
        remainder, earlier parts first, so the split is the same on every machine.

        Raises:
            InvalidMoney: no weight is positive, or one is negative.
        """
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            raise InvalidMoney(f"weights are non-negative and not all zero, got {list(weights)}")
        size, sign = abs(self.minor), (-1 if self.minor < 0 else 1)
        shares = [divmod(size * weight, total) for weight in weights]
        left = size - sum(share for share, _ in shares)
        by_remainder = sorted(range(len(shares)), key=lambda i: (-shares[i][1], i))
        lucky = frozenset(by_remainder[:left])
        return tuple(
            Money(sign * (share + (i in lucky)), self.currency)
            for i, (share, _) in enumerate(shares)
        )

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self} and {other} are never combined")
        return other.minor


def totals(amounts: Iterable[Money]) -> tuple[Money, ...]:
    """Return one sum per currency, by currency code; different currencies are never added."""
    sums: dict[str, int] = {}
    for amount in amounts:
        sums[amount.currency] = sums.get(amount.currency, 0) + amount.minor
    return tuple(Money(sums[currency], currency) for currency in sorted(sums))
