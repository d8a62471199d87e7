"""
What the host's own systems are told of a customer's access, and what they have still to undo.

It is told whole each time and not as what has changed, so the newest one is all that counts.
Source: docs/access.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from recoup.core.account import CURRENT, LIFTING, Account, Restriction
from recoup.core.billing.catalogue import Catalogue, FeatureKind
from recoup.core.billing.entitlements import CLOSES

#: What no debt ever takes away, whatever else is closed.
STAYS: Final = ("sign_in", "security", "export", "billing")
#: What is told of a scope whose ladder has come to its end, for as long as that is bad debt.
ENDED: Final = "cancel"
_ALL_BUT_FLOOR: Final = frozenset(FeatureKind) - {FeatureKind.FLOOR}


@dataclass(frozen=True, slots=True)
class Closed:
    """What one debt has closed: only of what it bought, and never the floor."""

    scope: str  #: what the debt bought: "subscription:7"
    consequence: str  #: "read_only"
    rung: str
    since: datetime
    reason: str  #: why, in words
    closes: tuple[str, ...] = ()  #: kinds of features: "growth", "write", "read"
    prices: tuple[str, ...] = ()  #: what the debt bought, as the processor's prices
    plans: tuple[str, ...] = ()  #: the same, as the plans these prices sell
    features: tuple[str, ...] = ()  #: of these plans, the features that are closed


@dataclass(frozen=True, slots=True)
class AccessState:
    """
    Everything that debts have closed to one customer, as of one version.

    A version is only ever followed by greater ones. The same version may be told again, and is
    the same then.
    """

    customer: int
    version: int
    standing: str  #: current, a rung's name, or bad_debt
    since: datetime  #: when it became so; UTC
    processor_id: str | None = None
    owner: str | None = None  #: the host's own name of the customer, "type:id"
    restrictions: tuple[Closed, ...] = ()
    stays: tuple[str, ...] = field(default=STAYS)

    @property
    def restored(self) -> bool:
        """Whether no debt closes anything any more: what was bought is all that counts."""
        return not self.restrictions

    @property
    def holds(self) -> frozenset[tuple[str, str]]:
        """Return (scope, consequence) of everything that is closed: what drift compares."""
        return frozenset((one.scope, one.consequence) for one in self.restrictions)


def closes(consequence: str) -> frozenset[FeatureKind]:
    """Return the kinds of features that a consequence closes; unknown, all but the floor."""
    name = consequence.partition(":")[0]
    return CLOSES.get(name, _ALL_BUT_FLOOR) - {FeatureKind.FLOOR}


def closed(
    restriction: Restriction, prices: Iterable[str], reason: str, catalogue: Catalogue
) -> Closed:
    """Return what a restriction closes of what these prices sell."""
    kinds, bought = closes(restriction.consequence), tuple(sorted(set(prices)))
    plans = sorted({plan for price in bought if (plan := catalogue.plan_of(price)) is not None})
    features = {
        feature
        for plan in plans
        for feature in catalogue.plans[plan].features
        if catalogue.kind_of(feature) in kinds
    }
    return Closed(
        scope=restriction.scope,
        consequence=restriction.consequence,
        rung=restriction.rung,
        since=restriction.since,
        reason=reason,
        closes=tuple(sorted(kinds)),
        prices=bought,
        plans=tuple(plans),
        features=tuple(sorted(features)),
    )


def told(standing: str) -> str:
    """Return the standing as hosts are told: who is lifting is current once they are done."""
    return CURRENT if standing == LIFTING else standing


def given_back(observed: Account, desired: Account) -> tuple[Restriction, ...]:
    """
    Return the restrictions that are lifted and that the host has to undo something of.

    None where nobody follows. None of those either in whose place another one closes as much.
    """
    if not observed.followed:
        return ()
    holding: dict[str, frozenset[FeatureKind]] = {}
    for one in desired.restrictions:
        holding[one.scope] = holding.get(one.scope, frozenset()) | closes(one.consequence)
    for case in desired.cases:
        if case.unsettled:
            holding[case.scope] = _ALL_BUT_FLOOR
    have = {restriction.key for restriction in desired.restrictions}
    return tuple(
        one
        for one in observed.restrictions
        if one.key not in have and closes(one.consequence) - holding.get(one.scope, frozenset())
    )


def differences(expected: AccessState, found: AccessState | None) -> Mapping[str, tuple[str, str]]:
    """
    Return what the host holds otherwise than we do: (scope consequence) -> (ours, theirs).

    Empty when they agree. A host that knows nothing of a customer holds nothing against them.
    """
    ours, theirs = expected.holds, frozenset[tuple[str, str]]() if found is None else found.holds
    words = {True: "closed", False: "open"}
    return {
        " ".join(key): (words[key in ours], words[key in theirs]) for key in sorted(ours ^ theirs)
    }
