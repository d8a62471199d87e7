"""
Where a case stands on its ladder, and when that can next change.

The place follows from how long the oldest unpaid obligation has been in default, not counting
time on hold. A case climbs one rung at a time and only after the notice that names the rung; it
comes down at once, as far as it may. Source: docs/dunning.md, "The ladder".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from recoup.core import periods
from recoup.core.account import Account, Case, Hold, Invoice, Notice
from recoup.core.collection.limits import stamp
from recoup.core.dunning.conditions import About
from recoup.core.policy import Policy, Rung, Step


@dataclass(frozen=True, slots=True)
class Place:
    """
    The rung a case should stand on, why, and when to look again.

    `wake_at` is None when only a new fact can change anything.
    """

    rung: str | None
    reason: str
    wake_at: datetime | None


def place(
    case: Case,
    account: Account,
    *,
    policy: Policy,
    moving: bool,
    now: datetime,
    about: About | None = None,
) -> Place:
    """
    Return where `case` should stand at `now`.

    Args:
        case: Open, its anchor already that of the oldest unpaid obligation.
        moving: Whether any attempt of the account is in flight: then nothing is raised.
        about: What conditions are asked of; None: what a rung brings is for every debt.
    """
    exempt = account.exempt(now)
    if exempt is not None:
        return Place(None, f"{_until(exempt)}: nothing is taken away", exempt.during.end)
    stretch = stretched(account.obligations(case.scope), most=policy.max_stretch)
    lasted = periods.elapsed(case.anchor, now, paused=account.paused)
    due = sum(lasted >= stretch(rung.after) for rung in policy.ladder) - 1
    stands = policy.place(case.rung)
    if due <= stands:
        rung = policy.ladder[due].name if due >= 0 else None
        wake = None
        if due + 1 < len(policy.ladder):
            span = stretch(policy.ladder[due + 1].after)
            wake = periods.instant_after(case.anchor, span, paused=account.paused)
        return Place(rung, _why(case, lasted), wake)
    candidate = policy.ladder[stands + 1]
    warns = candidate.takes_away(about)
    obstacles = tuple(_obstacles(candidate, case, account, policy, warns, moving=moving, now=now))
    if not obstacles:
        return Place(candidate.name, f"{_why(case, lasted)}: rung {candidate.name}", None)
    known = [until for _, until in obstacles if until is not None]
    wake = max(known) if len(known) == len(obstacles) else None
    words = "; ".join(reason for reason, _ in obstacles)
    return Place(case.rung, f"rung {candidate.name} is due but waits: {words}", wake)


def may_take(
    rung: Rung, case: Case, account: Account, *, policy: Policy, moving: bool, now: datetime
) -> tuple[bool, datetime | None]:
    """Return whether more of the case's own rung may be taken away, or from when, if known."""
    here = replace(case, rung_since=None)  # it has come; the stay is about going on
    obstacles = tuple(_obstacles(rung, here, account, policy, True, moving=moving, now=now))
    known = [until for _, until in obstacles if until is not None]
    return not obstacles, max(known) if obstacles and len(known) == len(obstacles) else None


def expected(
    case: Case, rung: Rung, account: Account, *, policy: Policy, now: datetime
) -> datetime | None:
    """Return the earliest instant `case` may stand on `rung`, told of it at `now`."""
    due = _due_at(rung, case, account, policy)
    return None if due is None else max(due, now + policy.min_notice)


def not_before(case: Case, account: Account, *, policy: Policy, now: datetime) -> datetime | None:
    """
    Return the earliest instant at which `case` can climb, as far as is known at `now`.

    None when nobody knows, or there is no rung above. A notice that has not come through counts
    as delivered at `now`, or once it is due.
    """
    at = policy.place(case.rung) + 1
    if at >= len(policy.ladder):
        return None
    candidate = policy.ladder[at]
    instants = [_due_at(candidate, case, account, policy)]
    if case.rung_since is not None:
        instants.append(_stays_until(case.rung_since, account, policy))
    if candidate.takes_away(None):
        warned = _warned_at(candidate, case, account, policy)
        if warned is None:
            first = min((step.after for step in _covering(candidate, policy)), default=None)
            due = (
                None
                if first is None
                else periods.instant_after(case.anchor, first, paused=account.paused)
            )
            warned = None if due is None else max(due, now) + policy.min_notice
        instants.append(warned)
    known = [one for one in instants if one is not None]
    return max(known) if len(known) == len(instants) else None


def _due_at(rung: Rung, case: Case, account: Account, policy: Policy) -> datetime | None:
    """Return when a rung is due by the time in default alone."""
    stretch = stretched(account.obligations(case.scope), most=policy.max_stretch)
    return periods.instant_after(case.anchor, stretch(rung.after), paused=account.paused)


def _stays_until(since: datetime, account: Account, policy: Policy) -> datetime | None:
    """Return until when a case stays on the rung it came to at `since`."""
    return periods.instant_after(since, policy.min_stay, paused=account.paused)


def _covering(rung: Rung, policy: Policy) -> list[Step]:
    """Return the steps that warn of a rung: those that name it or a stricter one."""
    wanted = policy.place(rung.name)
    return [step for step in policy.steps if policy.place(step.announces) >= wanted]


def deadline(
    case: Case, account: Account, *, policy: Policy, now: datetime | None = None
) -> datetime | None:
    """
    Return the instant by which the case has ended whatever happens, or None on an open hold.

    Time during which a payment is in flight, and time when nothing runs, come on top. With `now`,
    a debt that was heard of late is given the time that telling its customer takes.
    """
    at = periods.instant_after(case.anchor, longest(policy), paused=account.paused)
    if at is None or now is None or at > now:
        return at
    return periods.instant_after(now, telling(policy), paused=account.paused)


def longest(policy: Policy) -> timedelta:
    """Return how long a case lasts at most, not counting holds, flights, disputes and closings."""
    return policy.end.after * policy.max_stretch + telling(policy)


def telling(policy: Policy) -> timedelta:
    """Return how long it takes at most to tell a customer and to climb the whole ladder."""
    return policy.bounce_hold + policy.min_notice + policy.min_stay * len(policy.ladder)


class stretched:  # noqa: N801  reads as the function it is
    """Spans of the ladder, longer by the share that has been paid, at most `most`-fold."""

    __slots__ = ("_due", "_remaining")

    def __init__(self, owed: tuple[Invoice, ...], *, most: int) -> None:
        currency = owed[0].due.currency if owed else ""
        same = [invoice for invoice in owed if invoice.due.currency == currency]
        remaining = sum(invoice.remaining.minor for invoice in same)
        due = sum(max(invoice.due.minor, invoice.remaining.minor) for invoice in same)
        self._due, self._remaining = (due, remaining) if remaining else (1, 1)
        if self._due > self._remaining * most:
            self._due, self._remaining = most, 1

    def __call__(self, span: timedelta) -> timedelta:
        if self._due == self._remaining:
            return span
        return span * self._due // self._remaining


def _why(case: Case, lasted: timedelta) -> str:
    days, hours = lasted.days, lasted.seconds // 3600
    return f"{case.scope} has been in default for {days} d {hours} h"


def _obstacles(
    candidate: Rung,
    case: Case,
    account: Account,
    policy: Policy,
    warns: bool,
    *,
    moving: bool,
    now: datetime,
) -> Iterator[tuple[str, datetime | None]]:
    """Yield what keeps a case from climbing, and until when, if that is known."""
    if moving:
        yield "a payment is in flight", None
    if account.barred is not None:
        yield "so many may be raised in an hour, and they have been", account.barred
    hold = account.held(now)
    if hold:
        yield _until(hold), hold.during.end
    if account.stopped is not None and policy.ours:
        yield f"charging is paused ({account.stopped})", None
    if any(invoice.disputed for invoice in account.obligations(case.scope)):
        yield "the payment is disputed", None
    if any(invoice.closing for invoice in account.obligations(case.scope)):
        yield "it is being closed without a payment, and the processor has still to answer", None
    if case.rung_since is not None:
        stay = _stays_until(case.rung_since, account, policy)
        if stay is None or stay > now:
            yield f"it has been on {case.rung} for less than {_hours(policy.min_stay)}", stay
    if warns:
        yield from _untold(candidate, case, account, policy, now)


def _untold(
    candidate: Rung, case: Case, account: Account, policy: Policy, now: datetime
) -> Iterator[tuple[str, datetime | None]]:
    warned = _warned_at(candidate, case, account, policy)
    if warned is None:
        yield "no notice of it has been delivered", None
    elif warned > now:
        yield f"its notice needs {_hours(policy.min_notice)}", warned


def _until(hold: Hold) -> str:
    end = hold.during.end
    return hold.words if end is None else f"{hold.words} until {stamp(end)}"


def _warned_at(candidate: Rung, case: Case, account: Account, policy: Policy) -> datetime | None:
    """
    Return the instant from which the rung may be entered as far as notices go.

    A notice counts for the rung it names and the milder ones. One that was not delivered counts
    too, but only after the bounce hold: it delays the climb and never ends it.
    """
    covering = {step.key for step in _covering(candidate, policy)}
    instants = [
        at
        for notice in account.notices
        if (notice.scope, notice.anchor) == (case.scope, case.anchor) and notice.step in covering
        if not notice.passed_over
        if (at := _counts_from(notice, account, policy)) is not None
    ]
    return min(instants, default=None)


def _counts_from(notice: Notice, account: Account, policy: Policy) -> datetime | None:
    if notice.delivered_at is not None and notice.bounced_at is None:
        return notice.delivered_at + policy.min_notice
    since = notice.bounced_at or notice.placed_at
    return periods.instant_after(since, policy.bounce_hold, paused=account.paused)


def _hours(span: timedelta) -> str:
    return f"{span // timedelta(hours=1)} h"
