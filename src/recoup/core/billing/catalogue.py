"""What is sold: plans, the prices they are sold at, and the features and limits they bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class FeatureKind(StrEnum):
    """How early a feature is closed when its payment fails."""

    GROWTH = "growth"  #: more of the same: seats, projects, exports to third parties
    WRITE = "write"  #: changing what is there; what a feature is unless said otherwise
    READ = "read"  #: looking at what is there
    FLOOR = "floor"  #: sign-in, security, export of one's data, billing pages: never closed


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan. A limit of None has no bound; a limit that is not named is 0."""

    name: str
    prices: frozenset[str]
    features: frozenset[str] = frozenset()
    limits: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every plan, by name, and the kinds of features that are not plain `write`."""

    plans: Mapping[str, Plan] = field(default_factory=dict)
    kinds: Mapping[str, FeatureKind] = field(default_factory=dict)

    def plan_of(self, price: str) -> str | None:
        """Return the plan that `price` sells, if any does."""
        return next((plan.name for plan in self.plans.values() if price in plan.prices), None)

    def kind_of(self, feature: str) -> FeatureKind:
        return self.kinds.get(feature, FeatureKind.WRITE)


NOTHING_SOLD: Final = Catalogue()
