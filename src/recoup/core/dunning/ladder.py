"""
Where a case stands on its ladder, and when that can next change.

The place follows from how long the oldest unpaid obligation has been in default, not counting
time on hold. A case climbs one rung at a time and only after the notice that names the rung; it
comes down at once, as far as it may. Source: docs/dunning.md, "The ladder".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from recoup.core import periods
from recoup.core.account import Account, Case, Invoice, Notice
from recoup.core.policy import Policy, Rung


@dataclass(frozen=True, slots=True)
class Place:
    """
    The rung a case should stand on, why, and when to look again.

    `wake_at` is None when only a new fact can change anything.
    """

    rung: str | None
    reason: str
    wake_at: datetime | None


def place(case: Case, account: Account, *, policy: Policy, moving: bool, now: datetime) -> Place:
    """
    Return where `case` should stand at `now`.

    Args:
        case: Open, its anchor already that of the oldest unpaid obligation.
        moving: Whether any attempt of the account is in flight: then nothing is raised.
    """
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
    obstacles = tuple(_obstacles(candidate, case, account, policy, moving=moving, now=now))
    if not obstacles:
        return Place(candidate.name, f"{_why(case, lasted)}: rung {candidate.name}", None)
    known = [until for _, until in obstacles if until is not None]
    wake = max(known) if len(known) == len(obstacles) else None
    words = "; ".join(reason for reason, _ in obstacles)
    return Place(case.rung, f"rung {candidate.name} is due but waits: {words}", wake)


def expected(
    case: Case, rung: Rung, account: Account, *, policy: Policy, now: datetime
) -> datetime | None:
    """Return the earliest instant `case` may stand on `rung`, told of it at `now`."""
    stretch = stretched(account.obligations(case.scope), most=policy.max_stretch)
    due = periods.instant_after(case.anchor, stretch(rung.after), paused=account.paused)
    return None if due is None else max(due, now + policy.min_notice)


def deadline(
    case: Case, account: Account, *, policy: Policy, now: datetime | None = None
) -> datetime | None:
    """
    Return the instant by which the case has ended whatever happens, or None on an open hold.

    Time during which a payment is in flight, and time when nothing runs, come on top. With `now`,
    a debt that was heard of late is given the time that telling its customer takes.
    """
    telling = policy.bounce_hold + policy.min_notice + policy.min_stay * len(policy.ladder)
    longest = policy.end.after * policy.max_stretch + telling
    at = periods.instant_after(case.anchor, longest, paused=account.paused)
    if at is None or now is None or at > now:
        return at
    return periods.instant_after(now, telling, paused=account.paused)


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
    *,
    moving: bool,
    now: datetime,
) -> Iterator[tuple[str, datetime | None]]:
    """Yield what keeps a case from climbing, and until when, if that is known."""
    if moving:
        yield "a payment is in flight", None
    hold = account.held(now)
    if hold:
        yield f"held ({hold.reason})", hold.during.end
    if any(invoice.disputed for invoice in account.obligations(case.scope)):
        yield "the payment is disputed", None
    if case.rung_since is not None:
        stay = periods.instant_after(case.rung_since, policy.min_stay, paused=account.paused)
        if stay is None or stay > now:
            yield f"it has been on {case.rung} for less than {_hours(policy.min_stay)}", stay
    if candidate.restricts:
        warned = _warned_at(candidate, case, account, policy)
        if warned is None:
            yield "no notice of it has been delivered", None
        elif warned > now:
            yield f"its notice needs {_hours(policy.min_notice)}", warned


def _warned_at(candidate: Rung, case: Case, account: Account, policy: Policy) -> datetime | None:
    """
    Return the instant from which the rung may be entered as far as notices go.

    A notice counts for the rung it names and the milder ones. One that was not delivered counts
    too, but only after the bounce hold: it delays the climb and never ends it.
    """
    wanted = policy.place(candidate.name)
    covering = {step.key for step in policy.steps if policy.place(step.announces) >= wanted}
    instants = [
        at
        for notice in account.notices
        if (notice.scope, notice.anchor) == (case.scope, case.anchor) and notice.step in covering
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
