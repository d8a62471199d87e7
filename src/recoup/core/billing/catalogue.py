"""What is sold: plans, the prices they are sold at, and the features and limits they bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from recoup.errors import InvalidPlans


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
    """
    Every plan, by name, and the kinds of features that are not plain `write`.

    Raises:
        InvalidPlans: a price is in two plans, a limit is negative, or a plan stands under another
            name than its own. Raised when it is made, so at start-up.
    """

    plans: Mapping[str, Plan] = field(default_factory=dict)
    kinds: Mapping[str, FeatureKind] = field(default_factory=dict)
    _sold_as: Mapping[str, Plan] = field(init=False, repr=False, compare=False)

    def plan_of(self, price: str) -> str | None:
        """Return the plan that `price` sells, if any does."""
        plan = self._sold_as.get(price)
        return None if plan is None else plan.name

    def kind_of(self, feature: str) -> FeatureKind:
        return self.kinds.get(feature, FeatureKind.WRITE)

    @property
    def features(self) -> frozenset[str]:
        """Every feature that some plan brings."""
        return frozenset().union(*(plan.features for plan in self.plans.values()))

    @property
    def limits(self) -> frozenset[str]:
        """Every limit that some plan names."""
        return frozenset().union(*(plan.limits for plan in self.plans.values()))

    def __post_init__(self) -> None:
        sold_as: dict[str, Plan] = {}
        for name, plan in self.plans.items():
            if name != plan.name:
                raise InvalidPlans(f"plan {plan.name!r} stands under the name {name!r}")
            for price in sorted(plan.prices):
                other = sold_as.setdefault(price, plan)
                if other is not plan:
                    raise InvalidPlans(
                        f"price {price!r} is in two plans, {other.name} and {name}: "
                        "expected each price in one"
                    )
            for limit, bound in plan.limits.items():
                if bound is not None and bound < 0:
                    raise InvalidPlans(
                        f"plan {name}: limit {limit!r}: expected 0 or more, got {bound}"
                    )
        object.__setattr__(self, "_sold_as", sold_as)


NOTHING_SOLD: Final = Catalogue()
