"""
What a customer may use: the union of what their subscriptions sell, less what debt has closed.

Debt closes only what it bought: a restriction takes from its own subscription and from no other,
so a feature that a second, paid subscription sells too stays open. Source: docs/plans.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from recoup.core import states
from recoup.core.account import scopes
from recoup.core.billing.catalogue import Catalogue, FeatureKind, Plan
from recoup.core.states import SubscriptionStatus
from recoup.errors import InvalidValue

_ALL_BUT_FLOOR: Final = frozenset(FeatureKind) - {FeatureKind.FLOOR}

#: Consequence -> the kinds of features it closes; an unknown one closes all but the floor.
CLOSES: Final[Mapping[str, frozenset[FeatureKind]]] = {
    "restrict_features": frozenset({FeatureKind.GROWTH}),
    "read_only": frozenset({FeatureKind.GROWTH, FeatureKind.WRITE}),
    "suspend": _ALL_BUT_FLOOR,
    "pause_collection": _ALL_BUT_FLOOR,
    # What it sells less of, its smaller price says.
    "downgrade": frozenset(),
    "write_off": frozenset(),
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
        lost: Of the prices, those whose own debt has come to the ladder's end.
    """

    id: int
    status: SubscriptionStatus
    prices: tuple[str, ...]
    ended: bool = False
    paused: bool = False
    given_up: bool = False
    lost: frozenset[str] = frozenset()

    @property
    def scope(self) -> str:
        return scopes.of_subscription(self.id)


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
    it close. A restriction on prices of it closes only what those sell. One that is unpaid or
    paused opens the floor only: debt never takes that, and who rests must be able to come back.
    One that is incomplete or has ended opens nothing. Of several limits of one name the largest
    holds, and no bound is the largest of all; nothing adds up.
    """
    features: set[str] = set()
    limits: dict[str, int | None] = {}
    for held in subscriptions:
        whole = _closed(held, restrictions)
        if whole is None:
            continue
        for plan, price in _plans(held, catalogue):
            closed = whole | _closed_for(held, price, restrictions)
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
    return _kinds(consequence for scope, consequence in restrictions if scope == held.scope)


def _closed_for(
    held: Held, price: str, restrictions: Collection[tuple[str, str]]
) -> frozenset[FeatureKind]:
    """Return the kinds that are closed of what one price sells."""
    if price in held.lost:
        return _ALL_BUT_FLOOR
    return _kinds(
        consequence
        for scope, consequence in restrictions
        if scopes.subscription_id(scope) == held.id and price in scopes.prices_of(scope)
    )


def _kinds(consequences: Iterable[str]) -> frozenset[FeatureKind]:
    """Return what consequences close together; the rung that one names changes nothing."""
    names = (consequence.partition(":")[0] for consequence in consequences)
    return frozenset[FeatureKind]().union(*(CLOSES.get(n, _ALL_BUT_FLOOR) for n in names))


def _plans(held: Held, catalogue: Catalogue) -> Iterator[tuple[Plan, str]]:
    """Yield each plan with each price that sells it: what one has lost another may hold."""
    for price in dict.fromkeys(held.prices):
        name = catalogue.plan_of(price)
        if name is not None:
            yield catalogue.plans[name], price


def _larger(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)
