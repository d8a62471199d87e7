"""
Conditions: which debts a step or a consequence is for.

What a condition asks of is looked at anew with every decision, but for the tenure, which is
counted up to the start of the case. What is not known fits no condition that asks for it.
Source: docs/dunning.md, "Conditions".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta

from recoup.core.account import Account, Case
from recoup.core.collection.rules import DeclineClass
from recoup.core.money import Money
from recoup.errors import InvalidPolicy

Names = frozenset[str]
ANY: Names = frozenset()


@dataclass(frozen=True, slots=True)
class About:
    """What conditions are asked of: the debt of one case, and whose it is."""

    decline_class: str | None  #: of the newest refusal in it
    owed: tuple[Money, ...]  #: one amount a currency
    segment: str | None
    plan: str | None
    country: str | None
    tenure: timedelta | None  #: from the first access that was given to the start of the case


@dataclass(frozen=True, slots=True)
class When:
    """
    A condition: every part that is given must fit; an empty one fits every debt.

    Raises:
        InvalidPolicy: a class that there is not, amounts of two currencies, a least amount above
            the most, or a negative tenure.
    """

    classes: Names = ANY  #: of decline
    min_amount: Money | None = None  #: owed in its currency, the amount itself included
    max_amount: Money | None = None  #: the amount itself included
    segments: Names = ANY
    plans: Names = ANY  #: price ids, as in `applies_to`
    countries: Names = ANY
    currencies: Names = ANY
    min_tenure: timedelta | None = None  #: the span itself included

    def __post_init__(self) -> None:
        unknown = sorted(self.classes - set(DeclineClass))
        if unknown:
            raise InvalidPolicy(f"no class of decline is called {unknown[0]!r}")
        least, most = self.min_amount, self.max_amount
        if least is not None and most is not None:
            if least.currency != most.currency:
                raise InvalidPolicy(f"amounts of two currencies: {least} and {most}")
            if most < least:
                raise InvalidPolicy(f"no amount is from {least} to {most}")
        if self.min_tenure is not None and self.min_tenure < timedelta(0):
            raise InvalidPolicy("a tenure is 0 or more")

    def why_not(self, about: About) -> str | None:
        """Return why the condition does not fit, in words; None when it does."""
        return next(self._misfits(about), None)

    def covers(self, other: When) -> bool:
        """Whether this fits whatever `other` fits."""
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if isinstance(mine, frozenset):
                if mine and not (theirs and theirs <= mine):
                    return False
            elif mine is not None and not _as_strict(one.name, theirs, mine):
                return False
        return True

    def _misfits(self, about: About) -> Iterator[str]:
        if self.classes and about.decline_class not in self.classes:
            yield f"the refusal is {about.decline_class or 'not known'}"
        for name, known, wanted in (
            ("segment", about.segment, self.segments),
            ("plan", about.plan, self.plans),
            ("country", about.country, self.countries),
        ):
            if wanted and known not in wanted:
                yield f"the {name} is {known or 'not known'}"
        if self.currencies and not self.currencies & {owed.currency for owed in about.owed}:
            yield "the debt is in another currency"
        yield from self._amounts(about)
        yield from self._tenure(about)

    def _tenure(self, about: About) -> Iterator[str]:
        if self.min_tenure is None:
            return
        if about.tenure is None:
            yield "the time as a customer is not known"
        elif about.tenure < self.min_tenure:
            yield f"the time as a customer is {about.tenure.days} d"

    def _amounts(self, about: About) -> Iterator[str]:
        least, most = self.min_amount, self.max_amount
        asked = least or most
        if asked is None:
            return
        owed = next((one for one in about.owed if one.currency == asked.currency), None)
        if owed is None:
            yield f"nothing is owed in {asked.currency}"
        elif (least is not None and owed < least) or (most is not None and most < owed):
            yield f"{owed} is owed"


ALWAYS = When()


def about(case: Case, account: Account, *, decline_class: str | None) -> About:
    """Return what conditions are asked of for `case`, whose obligations are the account's."""
    owed: dict[str, Money] = {}
    for invoice in account.obligations(case.scope):
        currency = invoice.remaining.currency
        owed[currency] = owed.get(currency, Money(0, currency)) + invoice.remaining
    bought = account.subscription_of(case.scope)
    since = None if bought is None else bought.activated_at
    return About(
        decline_class,
        tuple(owed[currency] for currency in sorted(owed)),
        account.segment,
        None if bought is None else bought.plan,
        account.country,
        None if since is None else max(case.opened_at - since, timedelta(0)),
    )


def _as_strict(name: str, theirs: Money | timedelta | None, mine: Money | timedelta) -> bool:
    """Whether a bound asks for at least as much as `mine` does."""
    match mine, theirs:
        case Money(), Money():
            if mine.currency != theirs.currency:
                return False
            return theirs <= mine if name == "max_amount" else mine <= theirs
        case timedelta(), timedelta():
            return mine <= theirs
    return False
