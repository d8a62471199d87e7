"""The account itself: one customer's snapshot, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from recoup.core import states
from recoup.core.account import scopes
from recoup.core.account.debts import Debt
from recoup.core.account.gates import Gate, Late
from recoup.core.account.standing import Case, Hold, Notice, Restriction, StepRequest, Task
from recoup.core.account.things import Attempt, Invoice, Method, Subscription, Upgrade
from recoup.core.periods import Period

CustomerId = int


@dataclass(frozen=True, slots=True)
class Account:
    """
    One customer's snapshot.

    `invoices` holds what is owed and what belongs to a case that is open or unsettled;
    `attempts` all attempts of those; `uses` every attempt of the last days, whoever's, on the
    instruments of this account, because networks count those together.
    """

    id: CustomerId
    processor: str
    currency: str | None
    country: str | None
    segment: str | None
    reachable: bool  #: there is an address to write to
    deleted: bool
    standing: str  #: current, a rung's name, or bad_debt
    next_wake_at: datetime | None
    subscriptions: tuple[Subscription, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    methods: tuple[Method, ...] = ()
    cases: tuple[Case, ...] = ()
    notices: tuple[Notice, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    holds: tuple[Hold, ...] = ()
    tasks: tuple[Task, ...] = ()
    uses: tuple[Attempt, ...] = field(default=(), repr=False)
    gates: tuple[Gate, ...] = ()
    late: tuple[Late, ...] = ()
    requests: tuple[StepRequest, ...] = ()  #: steps that an engine outside has asked for
    flags: frozenset[str] = frozenset()  #: rollouts that this customer is a member of
    barred: datetime | None = None  #: nothing is raised before: the hour's budget is spent
    followed: bool = False  #: systems of the host's own follow what is restricted and lifted
    lifting: datetime | None = None  #: since when something lifted waits for them to undo it
    stopped: str | None = None  #: why nobody at all is charged by itself, if a person said so
    debts: tuple[Debt, ...] = ()  #: what is bad debt, and what has just left it
    upgrades: tuple[Upgrade, ...] = ()  #: changes of plan that were refused and are still billed

    def but(self, **values: Any) -> Account:
        """Return the account with these values, itself when it has them already."""
        for name, value in values.items():
            if getattr(self, name) != value:
                return replace(self, **values)
        return self

    @property
    def idle(self) -> bool:
        """Nothing owed, no case, nothing restricted: there is nothing to decide."""
        dunning = self.invoices or self.cases or self.restrictions or self.notices or self.tasks
        waiting = self.gates or self.late or self.debts or self.lifting or self.upgrades
        return not (dunning or waiting)

    def obligations(self, scope: str) -> tuple[Invoice, ...]:
        """Return the unpaid obligations of `scope` that have failed, oldest failure first."""
        owed = (i for i in self.invoices if i.in_default and i.scope == scope)
        return tuple(sorted(owed, key=lambda i: (i.first_failed_at, i.id)))

    def tries(self, invoice_id: int) -> tuple[Attempt, ...]:
        """Return the attempts on one invoice, oldest first."""
        mine = (a for a in self.attempts if a.invoice_id == invoice_id)
        return tuple(sorted(mine, key=lambda a: (a.at, a.id or 0)))

    def open_cases(self) -> Iterator[Case]:
        return (case for case in self.cases if case.open)

    def invoices_of(self, case: Case) -> tuple[Invoice, ...]:
        """Return the invoices that `case` took up."""
        return tuple(invoice for invoice in self.invoices if invoice.case_id == case.id)

    def subscription_of(self, scope: str) -> Subscription | None:
        """Return the subscription that a scope is, or is a part of, if we know it."""
        number = scopes.subscription_id(scope)
        return next((s for s in self.subscriptions if s.id == number), None)

    def whole(self, scope: str) -> Subscription | None:
        """Return the subscription that a scope is all of: a debt for a part never ends it."""
        return None if scopes.prices_of(scope) else self.subscription_of(scope)

    @property
    def paused(self) -> tuple[Period, ...]:
        """When dunning stood still, by a person's decision."""
        return tuple(hold.during for hold in self.holds)

    def held(self, now: datetime) -> Hold | None:
        """Return the hold in force at `now`, if any: of several the one that lasts longest."""
        return _longest(hold for hold in self.holds if now in hold.during)

    def untried(self, now: datetime) -> Hold | None:
        """Return the hold that stops tries at `now`, if any."""
        return _longest(h for h in self.holds if now in h.during and h.stops_tries)

    def exempt(self, now: datetime) -> Hold | None:
        """Return the hold under which nothing is taken away at `now`, if any."""
        return _longest(h for h in self.holds if now in h.during and h.gives_back)

    @property
    def moving(self) -> bool:
        """Whether any attempt is in flight: nothing is raised or repaired meanwhile."""
        return any(states.in_flight(attempt.state) for attempt in self.attempts)


def _longest(holds: Iterable[Hold]) -> Hold | None:
    return max(holds, key=lambda h: (h.during.end is None, h.during.end or h.during.start, h.id),
               default=None)  # fmt: skip
