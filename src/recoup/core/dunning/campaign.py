"""
The notices of a case: which one is due, which are too late, and when the next is.

A notice becomes a row when it is due. Sent notices are facts, so deciding again sends nothing.
After an outage only the newest due step is sent; the others are skipped as late.
Source: docs/dunning.md, "The campaign".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

from recoup.core import periods, states
from recoup.core.account import NO_ADDRESS, Account, Case, Notice
from recoup.core.policy import Policy
from recoup.core.states import NoticeState

LATE: Final = "late: a newer notice is due"
ENDED: Final = "the case has ended"
MOVED: Final = "the debt it was about is paid"


def notices(case: Case, account: Account, *, policy: Policy, now: datetime) -> tuple[Notice, ...]:
    """Return the notices that `case`, open, should have at `now`; others are left untouched."""
    mine = [notice for notice in account.notices if notice.scope == case.scope]
    return tuple(_desired(mine, case, account, policy, now))


def next_due(
    case: Case, account: Account, *, policy: Policy, now: datetime
) -> tuple[str, datetime] | None:
    """Return the next step that is not due yet, and when it will be, if that is known."""
    for step in policy.steps:
        due = periods.instant_after(case.anchor, step.after, paused=account.paused)
        if due is not None and due > now:
            return step.key, due
    return None


def canceled(notice: Notice, reason: str) -> Notice:
    """Return the notice as it is when it need not be sent any more; a sent one stays sent."""
    if not states.is_scheduled(notice.state):
        return notice
    return replace(notice, state=NoticeState.CANCELED, reason=reason)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a notice may not be sent. A final one never goes away; others until a known instant."""

    reason: str
    final: bool = False
    until: datetime | None = None


def obstacle(notice: Notice, account: Account, *, now: datetime) -> Obstacle | None:
    """
    Return why `notice` may not be sent at `now`, or None when it may.

    The guard of the sending transaction. Nothing that is not scheduled is ever sent, and nothing
    about a debt that is paid; a hold or a dispute only defers.
    """
    if not states.is_scheduled(notice.state):
        return Obstacle(notice.reason or f"it is {notice.state}", final=True)
    case = next((c for c in account.open_cases() if c.scope == notice.scope), None)
    if case is None:
        return Obstacle(ENDED, final=True)
    owed = account.obligations(notice.scope)
    if not owed or case.anchor != notice.anchor:
        return Obstacle(MOVED, final=True)
    hold = account.held(now)
    if hold:
        return Obstacle(f"held ({hold.reason})", until=hold.during.end)
    if any(invoice.disputed for invoice in owed):
        return Obstacle("the payment is disputed")
    return None


def contact_from(now: datetime, hours: tuple[int, int], zones: Sequence[tzinfo]) -> datetime:
    """
    Return the first instant at or after `now` that is in contact hours in every one of `zones`.

    Args:
        hours: The first hour in which, and the hour from which no longer, mail is sent.
        zones: Where the customer may be. Zones without a common hour: the first one decides.
    """
    start, stop = hours
    step = timedelta(minutes=15)
    at = now
    for _ in range(4 * 48):
        if all(start <= at.astimezone(zone).hour < stop for zone in zones):
            return at
        at = _floor(at, step) + step
    return contact_from(now, hours, zones[:1])


def _floor(at: datetime, step: timedelta) -> datetime:
    return at - timedelta(seconds=at.timestamp() % step.total_seconds())


def _desired(
    mine: Sequence[Notice], case: Case, account: Account, policy: Policy, now: datetime
) -> Iterator[Notice]:
    known = {notice.step: notice for notice in mine if notice.anchor == case.anchor}
    yield from (canceled(n, MOVED) for n in mine if n.anchor != case.anchor)
    paused = account.paused
    due = [
        (step, at)
        for step in policy.steps
        if (at := periods.instant_after(case.anchor, step.after, paused=paused)) is not None
        and at <= now
    ]
    newest = due[-1][0].key if due else None
    steps = {step.key for step, _ in due}
    yield from (notice for key, notice in known.items() if key not in steps)
    for step, at in due:
        notice = known.get(step.key)
        if notice is None:
            fresh = Notice(
                None, case.scope, case.anchor, step.key, step.mail, at, now, NoticeState.SCHEDULED
            )
            yield _placed(fresh, newest=step.key == newest, reachable=account.reachable)
        elif states.is_scheduled(notice.state) and step.key != newest:
            yield replace(notice, state=NoticeState.SKIPPED, reason=LATE)
        else:
            yield notice


def _placed(notice: Notice, *, newest: bool, reachable: bool) -> Notice:
    if not newest:
        return replace(notice, state=NoticeState.SKIPPED, reason=LATE)
    if not reachable:
        return replace(notice, state=NoticeState.SKIPPED, reason=NO_ADDRESS)
    return notice
