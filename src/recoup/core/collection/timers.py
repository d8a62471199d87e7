"""
Timers: when to try again, if nothing else stands in the way.

A timer sees the declines of one obligation and answers with an instant. It never counts where it
is: the next try is the first scheduled instant after the newest decline that counts, so tries
missed in an outage are made once and not in a burst. Spans count from the obligation's first
failure. Source: docs/declines.md, "When we try again".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import takewhile
from typing import Final, NamedTuple, Protocol

from recoup.core.collection.declines import Verdict
from recoup.core.collection.rules import CARD, RetryRule
from recoup.core.policy import DAY, HOUR, Policy
from recoup.errors import InvalidPolicy

#: Whether a try of this origin is one of the schedule's. The others are made besides it: they
#: never advance it, but networks count them.
ADVANCES: Final[Mapping[str, bool]] = {
    "renewal": True,
    "retry": True,
    "processor": True,
    "customer": False,
    "operator": False,
    "new_method": False,
    "bad_debt": False,
}

Schedule = Sequence[Sequence[timedelta]]


def _at(*days: int) -> Schedule:
    return tuple((day * DAY,) for day in days)


#: Money comes in at the end of a month, on the 1st, 15th and 25th, and on Fridays: how likely it
#: is to be there on a day of the month and on a day of the week. A Friday counts from noon on.
MONTH_DAYS: Final[Mapping[int, int]] = {1: 3, 2: 3, 15: 1, 16: 1, 26: 1}
WEEKDAYS: Final[Mapping[int, int]] = {4: 3, 5: 3, 6: 1}
NOON: Final = 12
#: One pay cycle of those who are paid by the month. Tries that time alone may cure are spread
#: over all of it, however many they are: what a bank does not say is most often missing funds.
CYCLE: Final = 28 * DAY
#: How many days a try may be from the middle of its window, where windows are not closer.
REACH: Final = 1
#: A bank debit is presented again two or three times at most, so those are spent late.
DEBIT: Final = _at(5, 14, 24)
#: Technical: from the first failure of an unbroken run of technical ones.
BACKOFF: Final = (HOUR, 6 * HOUR, 24 * HOUR, 72 * HOUR)

#: A network's forecast of less than this is a least wait, and no reason to try that early.
FORECAST: Final = DAY
#: A try is noted by its processor's clock, in whole seconds; an instant this little after the
#: newest refusal is the one that was refused, and not the next.
SKEW: Final = timedelta(minutes=1)


class Decline(NamedTuple):
    """A bank's refusal of one obligation. A tuple: thousands are made each second."""

    at: datetime
    advances: bool  #: it was one of the schedule's tries
    here: bool  #: it was on the instrument that would be tried now
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class History:
    """What a timer may look at."""

    anchor: datetime  #: the obligation's first failure
    declines: tuple[Decline, ...]  #: oldest first; may be empty when we were only told it failed
    kind: str = CARD
    most: int = 8  #: tries after the first that are recommended for one obligation

    @property
    def here(self) -> Decline | None:
        """The newest refusal of the instrument that would be tried."""
        for decline in reversed(self.declines):
            if decline.here:
                return decline
        return None

    @property
    def advanced_to(self) -> datetime:
        """The newest refusal that counts; where none does, the first failure."""
        for decline in reversed(self.declines):
            if decline.advances:
                return decline.at
        return self.anchor


@dataclass(frozen=True, slots=True)
class Next:
    """When to try again, or None to stop; and why, in words."""

    at: datetime | None
    why: str


class RetryTimer(Protocol):
    """A way to choose the next instant. Pure: it may be asked again at any time."""

    def __call__(self, history: History, /) -> Next:
        """
        Return the next instant; one that has passed is due now.

        The caller has made sure that time alone permits a try, and moves the instant on to
        where the network's wait, its limits and the hold of a person allow it.
        """
        ...


#: Where no timers are known but the built-in ones.
NO_OTHERS: Final[Mapping[str, RetryTimer]] = {}


def fixed(schedule: Sequence[timedelta]) -> RetryTimer:
    """
    Return a timer that tries at `schedule`, spans from the first failure, whatever the class.

    n spans give n tries, at exactly those instants, unless a network forbids one.
    """

    def next_try(history: History, /) -> Next:
        newest = history.advanced_to + SKEW
        at = next((at for span in schedule if (at := history.anchor + span) > newest), None)
        if at is None:
            return Next(None, f"All {len(schedule)} tries of the fixed schedule are used up.")
        return Next(at, "It is the next instant of the fixed schedule.")

    return next_try


def class_aware(history: History, /) -> Next:
    """
    Return the next try as the class of the newest refusal suggests.

    Technical failures are tried again after 1, 6, 24 and 72 h and use up nothing of the plan;
    after that, and for every other class, the class's schedule goes on from the newest refusal.
    A network's forecast of a day or more is taken at its word, once: when the try it asked for
    was refused with another forecast, that one is only the least wait.
    """
    here = history.here
    if sum(d.advances for d in history.declines) > history.most:
        return Next(None, f"{history.most} tries after the first are the most for one debt.")
    if here is None:
        return _of_class(history)
    if here.verdict.retry == RetryRule.SHORT_BACKOFF:
        return _backoff(history, here) or _of_class(history)
    if _worn_out(history, here):
        most = here.verdict.max_tries
        return Next(None, f"{most} tries after the first are the most for this refusal.")
    return _forecast(history, here) or _of_class(history)


def _of_class(history: History) -> Next:
    if history.kind != CARD:
        return _scheduled(history, DEBIT, "A bank debit is presented again seldom and late.")
    here, tries = history.here, history.most
    if here is not None and here.verdict.consumes and here.verdict.max_tries is not None:
        tries = min(tries, here.verdict.max_tries)
    return _scheduled(history, spread(tries), "Tries are spread over a pay cycle of 28 days.")


@cache
def spread(tries: int) -> Schedule:
    """
    Return that many windows, at most 27, evenly over a pay cycle; fewer ones begin later.

    A window is whole days around its middle. None reaches the cycle's last day, which is the
    end of the default ladder, and none overlaps another.
    """
    halves = 2 * tries + 1  # windows are 56 / halves days apart, half of that from the end
    reach = REACH if (2 * REACH + 1) * halves <= 2 * CYCLE.days else 0
    middles = ((4 * place * CYCLE.days + halves) // (2 * halves) for place in range(1, tries + 1))
    return tuple(
        tuple(day * DAY for day in range(middle - reach, min(middle + reach, CYCLE.days - 1) + 1))
        for middle in middles
    )


def _scheduled(history: History, schedule: Schedule, why: str) -> Next:
    newest, here = history.advanced_to, history.here
    if here is not None and here.verdict.retry == RetryRule.SHORT_BACKOFF:
        newest = max(newest, here.at)
    passed = newest + SKEW - history.anchor
    at = None
    for window in schedule:
        if (
            window[-1] > passed
            and (slot := _slot(history.anchor, window)) - history.anchor > passed
        ):
            at = slot
            break
    if at is None:
        return Next(None, f"All {len(schedule)} tries of the schedule are used up.")
    if here is not None:
        at = max(at, here.at + here.verdict.min_delay)
    return Next(at, why)


def _slot(anchor: datetime, window: Sequence[timedelta]) -> datetime:
    """Return the day of a window on which money is likeliest there; of equals the innermost."""
    middle = len(window) // 2
    inmost = sorted(range(len(window)), key=lambda place: abs(place - middle))
    return max((anchor + window[place] for place in inmost), key=_likely)


def _likely(at: datetime) -> int:
    weekday = WEEKDAYS.get(at.weekday(), 0)
    if at.weekday() == 4 and at.hour < NOON:
        weekday = 0
    return weekday + MONTH_DAYS.get(at.day, 0)


def _backoff(history: History, newest: Decline) -> Next | None:
    """Return the next instant after the unbroken run of technical failures began."""
    here = (d for d in reversed(history.declines) if d.here)
    run = list(takewhile(lambda d: d.verdict.retry == RetryRule.SHORT_BACKOFF, here))
    tries = BACKOFF if newest.verdict.max_tries is None else BACKOFF[: newest.verdict.max_tries]
    passed = max(newest.at, history.advanced_to) + SKEW
    at = next((at for span in tries if (at := run[-1].at + span) > passed), None)
    if at is None:
        return None
    why = "A technical failure is tried again after 1, 6, 24 and 72 hours."
    return Next(max(at, newest.at + newest.verdict.min_delay), why)


def _worn_out(history: History, newest: Decline) -> bool:
    """Whether this refusal's own limit of further tries on the instrument is reached."""
    if newest.verdict.max_tries is None:
        return False
    decided = sum(d.here and d.advances and d.verdict.consumes for d in history.declines)
    return decided - 1 >= newest.verdict.max_tries


def _forecast(history: History, newest: Decline) -> Next | None:
    wait = newest.verdict.wait
    if wait is None or wait < FORECAST:
        return None
    here = [d for d in history.declines if d.here]
    if len(here) > 1 and here[-2].verdict.wait is not None:
        return None
    at = newest.at + max(wait, newest.verdict.min_delay)
    if at <= history.advanced_to + SKEW:
        return None
    return Next(at, "The network says when to try again.")


def timer_of(policy: Policy, timers: Mapping[str, RetryTimer] = NO_OTHERS) -> RetryTimer:
    """
    Return the timer a policy names.

    Args:
        timers: Those besides the built-in ones, by name: "module:timer".

    Raises:
        InvalidPolicy: there is no timer of that name.
    """
    if policy.timer in timers:
        return timers[policy.timer]
    if policy.timer == "class_aware":
        return class_aware
    if policy.timer == "fixed":
        return fixed(policy.schedule)
    raise InvalidPolicy(f"policy {policy.name}: no timer is called {policy.timer!r}")
