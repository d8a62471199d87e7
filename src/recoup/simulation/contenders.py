"""
What is compared: the real engine under a policy, fixed schedules, perfect knowledge, nothing.

A contender is asked once after each thing that happened, and answers with the instant of its next
try. The engine is Recoup's own: `plan` of a snapshot, with the limits and rules that a running
system has; what `decide` adds (rungs, notices, tasks) changes no try.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol

from recoup.core.account import Account, Attempt, Invoice, Method, Signal
from recoup.core.collection.declines import read
from recoup.core.collection.plan import plan
from recoup.core.collection.rules import CARD, Rules
from recoup.core.dunning.conditions import ALWAYS, About
from recoup.core.money import Money
from recoup.core.policy import Policies, Policy, Step
from recoup.core.states import AttemptState, InvoiceStatus
from recoup.errors import ConfigError
from recoup.simulation.bank import answer
from recoup.simulation.checker import Try, forbidden
from recoup.simulation.payers import DAY, FROM, HORIZON, HOUR, Payer


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused try of the obligation; the first one is the failure itself, at age 0."""

    age: int
    signal: Signal
    instrument: int  #: 0 before an account updater brought another, 1 after


class Contender(Protocol):
    """A way to collect."""

    @property
    def name(self) -> str: ...

    def until(self, payer: Payer) -> int:
        """Return how long after the failure it goes on, in seconds."""
        ...

    def mails(self, payer: Payer) -> tuple[int, ...]:
        """Return when it writes to the customer, seconds after the failure, while it is owed."""
        ...

    def next_try(self, payer: Payer, refused: Sequence[Refusal], now: int) -> int | None:
        """Return when to try next, at `now` or later, or None when it will not by itself."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """Recoup, under a policy."""

    name: str
    policies: Policies
    rules: Rules

    def until(self, payer: Payer) -> int:
        return _seconds(self._policy(payer).end.after)

    def mails(self, payer: Payer) -> tuple[int, ...]:
        return tuple(
            _seconds(step.after) for step in self._policy(payer).steps if self._sends(step, payer)
        )

    def next_try(self, payer: Payer, refused: Sequence[Refusal], now: int) -> int | None:
        account = account_of(payer, refused, now)
        policy = self._policy(payer)
        made = plan(
            account,
            account.invoices[0],
            policy=policy,
            rules=self.rules,
            until=payer.anchor + policy.end.after,
            now=payer.at(now),
            timers=self.policies.timers,
        )
        return None if made.at is None else _seconds(made.at - payer.anchor)

    def _sends(self, step: Step, payer: Payer) -> bool:
        """Whether a step's condition fits the debt as it was when the payment failed."""
        if step.when is ALWAYS:
            return True
        signal = answer(payer, 0, ()) or _UNTOLD
        verdict = read(signal, brand=payer.brand, kind=CARD, rules=self.rules)
        owed = (Money(payer.amount, "USD"),)
        about = About(str(verdict.decline_class), owed, None, None, payer.country, None)
        return step.when.why_not(about) is None

    def _policy(self, payer: Payer) -> Policy:
        return self.policies.choose(plan=None, segment=None, currency="USD", country=payer.country)


@dataclass(frozen=True, slots=True)
class Frame:
    """What is the same for all that do not follow a policy: how long, and the mails."""

    name: str
    ends: int  #: seconds after the failure
    sends: tuple[int, ...]

    def until(self, payer: Payer) -> int:  # noqa: ARG002  the same for all
        return self.ends

    def mails(self, payer: Payer) -> tuple[int, ...]:  # noqa: ARG002  the same for all
        return self.sends


@dataclass(frozen=True, slots=True)
class Fixed(Frame):
    """
    Tries at the same days for everybody, whatever the bank said.

    With `guarded`, a gate before the network refuses each try that is forbidden: it is not made,
    and its place in the schedule is gone. Without, it is made, and billed.
    """

    schedule: tuple[int, ...]  #: seconds since the first failure
    guarded: bool

    def next_try(self, payer: Payer, refused: Sequence[Refusal], now: int) -> int | None:
        for age in self.schedule:
            if age > refused[-1].age and age >= now and not self._forbidden(payer, refused, age):
                return age
        return None

    def _forbidden(self, payer: Payer, refused: Sequence[Refusal], age: int) -> bool:
        return self.guarded and bool(breaches(payer, refused, age))


@dataclass(frozen=True, slots=True)
class Ceiling(Frame):
    """Knows the truth: tries once, at the first allowed instant at which it works, if any."""

    def next_try(self, payer: Payer, refused: Sequence[Refusal], now: int) -> int | None:
        soonest = int(payer.world.velocity["hours_between"] * HOUR)
        age = payer.first_open(max(now, soonest), self.ends)
        if age is None or breaches(payer, refused, age):
            return None
        return age


@dataclass(frozen=True, slots=True)
class Nothing(Frame):
    """Never tries; what comes in, comes from customers."""

    def next_try(self, payer: Payer, refused: Sequence[Refusal], now: int) -> int | None:  # noqa: ARG002
        return None


#: Days of each try, as Stripe reads a custom schedule: each span counts from the try before.
#: Source: docs.stripe.com/billing/revenue-recovery/custom-retry-rules.
SCHEDULES: Final = {
    "fixed 3-5-7": (3, 8, 15),
    "fixed 8-8-8": (8, 16, 24),
    "fixed 2-5-7-7": (2, 7, 14, 21),
    "eight in 14 days": (1.75, 3.5, 5.25, 7, 8.75, 10.5, 12.25, 14),
}
AS_IS: Final = ", as is"
DEFAULT_NAME: Final = "default"
CEILING: Final = "perfect knowledge"
NOTHING: Final = "no tries"


def contenders(default: Engine, others: Sequence[Engine] = ()) -> tuple[Contender, ...]:
    """
    Return everything that is compared, the default first.

    What follows no policy lasts as long as the default one, and sends its mails.
    """
    policy = default.policies.choices[-1].policy
    ends, sends = _seconds(policy.end.after), tuple(_seconds(step.after) for step in policy.steps)
    schedules = [
        Fixed(name if guarded else name + AS_IS, ends, sends, seconds, guarded)
        for guarded in (True, False)
        for name, days in SCHEDULES.items()
        for seconds in [tuple(int(day * DAY) for day in days)]
    ]
    frame = (ends, sends)
    return (default, *others, *schedules, Ceiling(CEILING, *frame), Nothing(NOTHING, *frame))


def engine(name: str, policies: Policies, rules: Rules) -> Engine:
    """
    Return Recoup under these policies, whoever they would let collect.

    Raises:
        ConfigError: a ladder is longer than the truth about payers is known.
    """
    for choice in policies.choices:
        if _seconds(choice.policy.end.after) > HORIZON:
            raise ConfigError(
                f"policy {choice.policy.name} goes on for {choice.policy.end.after.days} days: "
                f"simulated payers are known for {HORIZON // DAY}"
            )
    choices = tuple(
        replace(choice, policy=replace(choice.policy, collector="recoup"))
        for choice in policies.choices
    )
    return Engine(name, replace(policies, choices=choices), rules)


def cut_off(whole: Engine, most: int) -> Engine:
    """Return the engine with at most so many tries of one debt, spread as its timer does."""
    name = f"{whole.name}, {most} at most"
    return Engine(name, whole.policies, replace(whole.rules, recommended_max=most))


def instrument(payer: Payer, age: int) -> int:
    """Return which instrument is on file: an expired card is the same one with a later date."""
    return int(payer.updated is not None and age >= payer.updated and payer.cause != "expired")


def breaches(payer: Payer, refused: Sequence[Refusal], age: int) -> tuple[str, ...]:
    """Return why a try at `age` is forbidden, as the independent checker has it."""
    here = instrument(payer, age)
    amount = Money(payer.amount, "USD")
    tries = [Try(one.age, amount, one.signal) for one in refused if one.instrument == here]
    renewed = payer.updated if payer.updated is not None and age >= payer.updated else 0
    return forbidden(
        Try(age, amount), tries, brand=payer.brand, country=payer.country, renewed=renewed
    )


def account_of(payer: Payer, refused: Sequence[Refusal], now: int) -> Account:
    """Return the snapshot a running system would have of this payer."""
    amount = Money(payer.amount, "USD")
    renewed = payer.updated is not None and now >= payer.updated
    method = Method(
        processor_id="pm_1",
        kind="card",
        instrument=f"card_{instrument(payer, now)}",
        brand=payer.brand,
        country=payer.country,
        expires=None,
        is_default=True,
        changed_at=payer.at(payer.updated or 0) if renewed else payer.anchor - _LONG_AGO,
    )
    invoice = replace(_INVOICE, due=amount, remaining=amount, created_at=payer.anchor,
                      first_failed_at=payer.anchor)  # fmt: skip
    attempts = tuple(
        Attempt(
            id=place,
            invoice_id=1,
            ordinal=place,
            origin="renewal" if place == 1 else "retry",
            state=AttemptState.DECLINED,
            amount=amount,
            method="pm_1",
            instrument=f"card_{one.instrument}",
            brand=payer.brand,
            off_session=True,
            at=payer.at(one.age),
            signal=one.signal,
        )
        for place, one in enumerate(refused, 1)
    )
    return replace(_ACCOUNT, invoices=(invoice,), attempts=attempts, methods=(method,),
                   uses=attempts)  # fmt: skip


_LONG_AGO: Final = timedelta(days=200)
_UNTOLD: Final = Signal()
_NOTHING: Final = Money(0, "USD")
_INVOICE: Final = Invoice(
    id=1,
    processor_id="in_1",
    subscription_id=1,
    status=InvoiceStatus.OPEN,
    due=_NOTHING,
    remaining=_NOTHING,
    reason="subscription_cycle",
    created_at=FROM,
    first_failed_at=None,
    closed_at=None,
    disputed=False,
    case_id=1,
    processor_next_try_at=None,
    processor_gave_up=False,
)
_ACCOUNT: Final = Account(
    id=1,
    processor="simulated",
    currency="USD",
    country=None,
    segment=None,
    reachable=True,
    deleted=False,
    standing="current",
    next_wake_at=None,
)


def _seconds(span: timedelta) -> int:
    return span.days * DAY + span.seconds
