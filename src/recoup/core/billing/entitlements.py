"""
What a customer may use: the union of what their subscriptions sell, less what debt has closed.

Debt closes only what it bought: a restriction takes from its own subscription and from no other,
so a feature that a second, paid subscription sells too stays open. Source: docs/plans.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from recoup.core import states
from recoup.core.billing.catalogue import Catalogue, FeatureKind, Plan
from recoup.core.states import SubscriptionStatus
from recoup.errors import InvalidValue

_ALL_BUT_FLOOR: Final = frozenset(FeatureKind) - {FeatureKind.FLOOR}

#: Consequence -> the kinds of features it closes; an unknown one closes all but the floor.
CLOSES: Final[Mapping[str, frozenset[FeatureKind]]] = {
    "restrict_features": frozenset({FeatureKind.GROWTH}),
    "read_only": frozenset({FeatureKind.GROWTH, FeatureKind.WRITE}),
    "suspend": _ALL_BUT_FLOOR,
}
#: What leaves nothing to write has no use for a limit either.
_KEEPS_LIMITS: Final = frozenset({FeatureKind.GROWTH})


@dataclass(frozen=True, slots=True)
class Held:
    """
    A subscription, as far as it matters for access.

    Args:
        ended: Its row has an end.
        paused: Collecting is paused.
        given_up: Its debt has come to the ladder's end: we have asked for its end, or its case is
            exhausted and nobody has settled it.
    """

    id: int
    status: SubscriptionStatus
    prices: tuple[str, ...]
    ended: bool = False
    paused: bool = False
    given_up: bool = False

    @property
    def scope(self) -> str:
        return f"subscription:{self.id}"


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What is open. A limit of None has no bound; a limit that is not named is 0."""

    features: frozenset[str] = frozenset()
    limits: Mapping[str, int | None] = field(default_factory=dict)

    def limit(self, name: str) -> int | None:
        """Return how much is allowed; None has no bound."""
        return self.limits.get(name, 0)

    def within(self, name: str, used: int) -> bool:
        """
        Whether `used` in all is allowed: at the limit it is; a limit of 0 allows not even 0.

        Raises:
            InvalidValue: `used` is no whole number.
        """
        if type(used) is not int:
            raise InvalidValue(f"used: expected a whole number, got {type(used).__name__}")
        bound = self.limit(name)
        return bound is None or used <= bound > 0


NOTHING: Final = Entitlements()


def granted(
    subscriptions: Iterable[Held],
    restrictions: Collection[tuple[str, str]],
    catalogue: Catalogue,
) -> Entitlements:
    """
    Return what the subscriptions of one customer open together.

    Args:
        subscriptions: All of the customer's, ended ones too.
        restrictions: (scope, consequence) of those in force.
        catalogue: A price it does not map opens nothing.

    A subscription that runs, or is past due, opens all its plans bring, less what restrictions on
    it close. One that is unpaid or paused opens the floor only: debt never takes that, and who
    rests must be able to come back. One that is incomplete or has ended opens nothing. Of several
    limits of one name the largest holds, and no bound is the largest of all; nothing adds up.
    """
    features: set[str] = set()
    limits: dict[str, int | None] = {}
    for held in subscriptions:
        closed = _closed(held, restrictions)
        if closed is None:
            continue
        for plan in _plans(held, catalogue):
            features |= {f for f in plan.features if catalogue.kind_of(f) not in closed}
            if closed <= _KEEPS_LIMITS:
                for name, bound in plan.limits.items():
                    limits[name] = _larger(limits.get(name, 0), bound)
    return Entitlements(frozenset(features), limits)


def _closed(
    held: Held, restrictions: Collection[tuple[str, str]]
) -> frozenset[FeatureKind] | None:
    """Return the kinds that are closed, or None when it opens nothing at all."""
    if held.ended or not states.is_live(held.status):
        return None
    entitles = states.entitles(held.status, ended=held.ended, paused=held.paused)
    if held.given_up or not entitles:
        return _ALL_BUT_FLOOR
    return frozenset[FeatureKind]().union(
        *(
            CLOSES.get(consequence, _ALL_BUT_FLOOR)
            for scope, consequence in restrictions
            if scope == held.scope
        )
    )


def _plans(held: Held, catalogue: Catalogue) -> Iterable[Plan]:
    names = {catalogue.plan_of(price) for price in held.prices} - {None}
    return (catalogue.plans[name] for name in names if name is not None)


def _larger(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)
