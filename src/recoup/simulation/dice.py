"""
Dice that repeat: a number in [0, 1) that follows from what it is about, and from nothing else.

No state and no order: who asks, how often and when makes no difference, so every policy meets the
same payer. SplitMix64's finalizer over the parts; its output is uniform to far more digits than
are used here, and the same on every machine, version of Python and PYTHONHASHSEED.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, auto
from math import exp
from statistics import NormalDist
from typing import Final

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
_UNIT: Final = 2.0**-53
_NORMAL: Final = NormalDist()


class About(IntEnum):
    """What a throw is about; throws about different things are independent."""

    ANCHOR = auto()
    HOUR = auto()
    AMOUNT = auto()
    BRAND = auto()
    DEBIT = auto()
    COUNTRY = auto()
    CAUSE = auto()
    CYCLE = auto()
    PHASE = auto()
    DEPOSIT = auto()
    SHARE = auto()
    LASTING = auto()
    DRY = auto()
    CLEARS = auto()
    MOOD = auto()
    UPDATER = auto()
    VAGUE = auto()
    ADVISED = auto()
    ADVICE = auto()
    BLIP = auto()
    NOISE = auto()
    SPEECH = auto()
    ANSWERS = auto()
    DELAY = auto()
    WORKS = auto()


def mixed(*parts: int) -> int:
    """Return 64 bits that follow from `parts`, in their order."""
    state = 0
    for part in parts:
        state = (state + part + 1) * _GOLDEN & _MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state


@dataclass(frozen=True, slots=True)
class Dice:
    """The dice of one payer."""

    key: int

    def roll(self, about: About, *which: int) -> float:
        """Return a number in [0, 1)."""
        return (mixed(self.key, about, *which) >> 11) * _UNIT

    def happens(self, probability: float, about: About, *which: int) -> bool:
        return self.roll(about, *which) < probability

    def pick(self, shares: Mapping[str, float], about: About, *which: int) -> str:
        """Return a name, with the probability that is its share of the sum."""
        left = self.roll(about, *which) * sum(shares.values())
        for name, share in shares.items():
            left -= share
            if left < 0:
                return name
        return name

    def spread(self, median: float, sigma: float, about: About, *which: int) -> float:
        """Return a log-normal number; `sigma` is of its logarithm."""
        return median * exp(sigma * self.bell(about, *which))

    def bell(self, about: About, *which: int) -> float:
        """Return a standard normal number."""
        return _NORMAL.inv_cdf(self.roll(about, *which) * (1 - 2 * _UNIT) + _UNIT)
