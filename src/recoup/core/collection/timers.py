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


#: Days of a month on which money that was paid in on the 1st, 15th or 25th is there.
PAYDAYS: Final = frozenset({2, 16, 26})
#: Funds: over one pay cycle of 28 d, a few tries well apart. Each is a window: its first day, or
#: the first payday in it.
FUNDS: Final[Schedule] = tuple(
    tuple(day * DAY for day in days)
    for days in ((2, 3, 4), (6, 7, 8), (11, 12, 13), (16, 17, 18), (21, 22, 23), (26, 27))
)
#: A bank debit is presented again two or three times at most, so those are spent late.
DEBIT: Final = _at(5, 14, 24)
#: No reason given, limits, or a code we do not know: before each rung of the default ladder.
GENERIC: Final = _at(2, 6, 13, 22)
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
        return _scheduled(history, GENERIC, _CAUTIOUS)
    if here.verdict.retry == RetryRule.SHORT_BACKOFF:
        return _backoff(history, here) or _scheduled(history, GENERIC, _CAUTIOUS)
    if _worn_out(history, here):
        most = here.verdict.max_tries
        return Next(None, f"{most} tries after the first are the most for this refusal.")
    return _forecast(history, here) or _of_class(history, here)


_CAUTIOUS: Final = "It is the next instant of the cautious schedule."


def _of_class(history: History, here: Decline) -> Next:
    if here.verdict.retry not in {RetryRule.PAYDAY, RetryRule.WAIT}:
        return _scheduled(history, GENERIC, _CAUTIOUS)
    if history.kind == CARD:
        return _scheduled(history, FUNDS, "Tries are spread over a pay cycle of 28 days.")
    return _scheduled(history, DEBIT, "A bank debit is presented again seldom and late.")


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
    """Return the first payday in a window, else its first instant."""
    first = anchor + window[0]
    if len(window) == 1:
        return first
    return next((day for span in window if (day := anchor + span).day in PAYDAYS), first)


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


def timer_of(policy: Policy) -> RetryTimer:
    """
    Return the timer a policy names.

    Raises:
        InvalidPolicy: there is no timer of that name.
    """
    if policy.timer == "class_aware":
        return class_aware
    if policy.timer == "fixed":
        return fixed(policy.schedule)
    raise InvalidPolicy(f"policy {policy.name}: no timer is called {policy.timer!r}")
