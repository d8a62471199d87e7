"""
The notices of a case: which one is due, which are too late, and when the next is.

A notice becomes a row when it is due. Sent notices are facts, so deciding again sends nothing.
After an outage only the newest due step is sent; the others are skipped as late. Where an engine
outside brings the steps up, a step waits until it asks, or until the patience with it is over.
Source: docs/dunning.md, "The campaign", and docs/campaigns.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

from recoup.core import periods, states
from recoup.core.account import NO_ADDRESS, UNFIT, Account, Case, Notice
from recoup.core.dunning.conditions import About
from recoup.core.policy import DAY, Policy, Rung, Step
from recoup.core.states import NoticeState

LATE: Final = "late: a newer notice is due"
ENDED: Final = "the case has ended"
MOVED: Final = "the debt it was about is paid"
GONE: Final = "its step is gone: the case follows another policy"
EARLY: Final = "it is not due yet"
UNSENT: Final = "it has not been sent"


def notices(
    case: Case,
    account: Account,
    *,
    policy: Policy,
    now: datetime,
    patience: timedelta = DAY,
    about: About | None = None,
) -> tuple[Notice, ...]:
    """
    Return the notices that `case`, open, should have at `now`; others are left untouched.

    Args:
        patience: How long a due step waits for an engine outside, if the case has one.
        about: What the steps' conditions are asked of; None: every step is for this debt.
    """
    mine = [notice for notice in account.notices if notice.scope == case.scope]
    return tuple(_Campaign(case, account, policy, now, patience, about).notices(mine))


def wakes(
    case: Case, account: Account, *, policy: Policy, now: datetime, patience: timedelta = DAY
) -> Iterator[datetime]:
    """Yield the instants, as far as they are known, at which a step may become a notice."""
    known = {n.step for n in account.notices if _same(n, case)}
    for step in policy.steps:
        due = due_at(step, case, account)
        if due is not None and due > now:
            yield due
            return
        if case.engine is not None and due is not None and step.key not in known:
            late = due_at(step, case, account, later=patience)
            if late is not None and late > now:
                yield late


def due_at(
    step: Step, case: Case, account: Account, *, later: timedelta = timedelta(0)
) -> datetime | None:
    """Return when a step of the case is due, not counting time on hold; None on an open hold."""
    return periods.instant_after(case.anchor, step.after + later, paused=account.paused)


def canceled(notice: Notice, reason: str) -> Notice:
    """Return the notice as it is when it need not be sent any more; a sent one stays sent."""
    if not states.is_scheduled(notice.state):
        return notice
    return replace(notice, state=NoticeState.CANCELED, reason=reason)


def unannounced(
    case: Case,
    account: Account,
    *,
    policy: Policy,
    without: Iterable[str],
    about: About | None = None,
) -> Rung | None:
    """
    Return the first rung above the case's that nothing would announce without those steps.

    None: every rung that takes something away and still comes is named by a notice that was
    sent, or by a step that is yet to be. With `about`, only what is taken away in this debt, as
    it is now, is asked for; without, whatever it may become.
    """
    over = {n.step for n in account.notices if _same(n, case) and n.passed_over} | {*without}
    stands = policy.place(case.rung)
    for place, rung in enumerate(policy.ladder):
        if place > stands and rung.takes_away(about) and not _announced(place, policy, over):
            return rung
    return None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a notice may not be sent. A final one never goes away; others until a known instant."""

    reason: str
    final: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    How a step of a campaign stands.

    `state` is waiting (it is not due, or the rules have not placed it), scheduled, deferred,
    sent, bounced, skipped or canceled; `reason` says why it is not sent, and `until` when it is
    looked at again.
    """

    case_id: int
    anchor: datetime
    step: str
    state: str
    reason: str | None = None
    until: datetime | None = None


def obstacle(
    notice: Notice,
    account: Account,
    *,
    now: datetime,
    policy: Policy | None = None,
    again: bool = False,
) -> Obstacle | None:
    """
    Return why `notice` may not be sent at `now`, or None when it may.

    The guard of the sending transaction. Nothing that is not scheduled is ever sent, and nothing
    about a debt that is paid; a hold, a dispute, a date to come, or that the debt is being closed
    only defers.

    Args:
        policy: The case's; with it, a notice that a hold has put off waits for its day.
        again: It was sent, and a person wants it sent once more.
    """
    untrue = _dealt_with(notice, again=again)
    case = next((c for c in account.open_cases() if c.scope == notice.scope), None)
    if untrue is not None or case is None:
        return Obstacle(untrue or ENDED, final=True)
    owed = account.obligations(notice.scope)
    if not owed or case.anchor != notice.anchor:
        return Obstacle(MOVED, final=True)
    return _delay(notice, case, account, policy, now)


def _dealt_with(notice: Notice, *, again: bool) -> str | None:
    """Return why nobody waits for this notice, if that is so."""
    if again:
        return None if states.was_sent(notice.state) else UNSENT
    if states.is_scheduled(notice.state):
        return None
    return notice.reason or f"it is {notice.state}"


def _delay(
    notice: Notice, case: Case, account: Account, policy: Policy | None, now: datetime
) -> Obstacle | None:
    """Return what a true notice waits for, if it does."""
    hold = account.held(now)
    if hold:
        return Obstacle(hold.words, until=hold.during.end)
    if any(invoice.disputed for invoice in account.obligations(notice.scope)):
        return Obstacle("the payment is disputed")
    if any(invoice.closing for invoice in account.obligations(notice.scope)):
        return Obstacle("the debt is being closed without a payment")
    step = step_of(policy, notice.step) if policy is not None else None
    if step is not None:
        due = due_at(step, case, account)
        if due is None or due > now:
            return Obstacle(EARLY, until=due)
    return None


def step_of(policy: Policy, key: str) -> Step | None:
    """Return the step of a policy by its key; None: this version has no such step."""
    return next((step for step in policy.steps if step.key == key), None)


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


def _same(notice: Notice, case: Case) -> bool:
    return notice.scope == case.scope and notice.anchor == case.anchor


def _announced(place: int, policy: Policy, over: set[str]) -> bool:
    """Whether a step that is not among `over` names the rung at `place`, or a higher one."""
    return any(
        policy.place(step.announces) >= place and step.key not in over for step in policy.steps
    )


@dataclass(frozen=True, slots=True)
class _Campaign:
    """One case, and everything that its notices follow from."""

    case: Case
    account: Account
    policy: Policy
    now: datetime
    patience: timedelta
    about: About | None

    def notices(self, mine: Sequence[Notice]) -> Iterator[Notice]:
        known = {notice.step: notice for notice in mine if notice.anchor == self.case.anchor}
        yield from (canceled(n, MOVED) for n in mine if n.anchor != self.case.anchor)
        due = [
            (step, at)
            for step in self.policy.steps
            if (at := due_at(step, self.case, self.account)) is not None and at <= self.now
        ]
        keys = {step.key for step, _ in due}
        left = {key: notice for key, notice in known.items() if key not in keys}
        gone = left.keys() - {step.key for step in self.policy.steps}
        yield from (canceled(n, GONE) if key in gone else n for key, n in left.items())
        told = [known[key].due_at for key in gone if states.was_sent(known[key].state)]
        misfits = self._misfits(due, known)
        newest = self._newest(due, known, misfits)
        for place, (step, at) in enumerate(due):
            notice = known.get(step.key)
            if notice is not None:
                late = states.is_scheduled(notice.state) and place < newest
                yield _late(notice) if late else notice
            elif step.key in misfits:
                why = misfits[step.key]
                if why is not None:
                    yield _skipped(self._fresh(step, at), UNFIT + why)
            elif place < newest or any(at <= other for other in told):
                yield _late(self._fresh(step, at))
            elif place == newest:
                yield self._placed(self._fresh(step, at), step)

    def _newest(
        self,
        due: Sequence[tuple[Step, datetime]],
        known: dict[str, Notice],
        misfits: dict[str, str | None],
    ) -> int:
        """Return the place of the newest step that is a notice or becomes one; -1: none does."""
        for place in range(len(due) - 1, -1, -1):
            step, _ = due[place]
            notice = known.get(step.key)
            if notice is None and step.key not in misfits and self._called_for(step):
                return place
            if notice is not None and not notice.passed_over:
                return place
        return -1

    def _called_for(self, step: Step) -> bool:
        """Whether a due step need not wait for whoever is to bring it up."""
        if self.case.engine is None:
            return True
        key = self.case.scope, self.case.anchor, step.key
        if any(request.key == key for request in self.account.requests):
            return True
        late = due_at(step, self.case, self.account, later=self.patience)
        return late is not None and late <= self.now

    def _misfits(
        self, due: Sequence[tuple[Step, datetime]], known: dict[str, Notice]
    ) -> dict[str, str | None]:
        """
        Return, by key, why new steps are not for this debt; None: not now, and they may be yet.

        A debt changes, and a rung may become one for it. So the only step left that announces
        such a rung is kept back and not given up; and where the rung is for this debt already,
        it is sent whatever its condition. Nobody loses anything unannounced, and no case waits
        for ever for an announcement that was passed over.
        """
        found: dict[str, str | None] = {}
        if self.about is None:
            return found
        for step, _ in due:
            why = None if step.key in known else step.when.why_not(self.about)
            if why is None:
                continue
            without = (*found, step.key)
            if self._unannounced(without) is None:
                found[step.key] = why
            elif self._unannounced(without, self.about) is None:
                found[step.key] = None
        return found

    def _unannounced(self, without: Sequence[str], about: About | None = None) -> Rung | None:
        return unannounced(
            self.case, self.account, policy=self.policy, without=without, about=about
        )

    def _fresh(self, step: Step, at: datetime) -> Notice:
        return Notice(
            None, self.case.scope, self.case.anchor, step.key, step.mail, at, self.now,
            NoticeState.SCHEDULED,
        )  # fmt: skip

    def _placed(self, notice: Notice, step: Step) -> Notice:
        if self.account.reachable or "host" in step.channels:
            return notice
        return _skipped(notice, NO_ADDRESS)


def _late(notice: Notice) -> Notice:
    return _skipped(notice, LATE)


def _skipped(notice: Notice, reason: str) -> Notice:
    return replace(notice, state=NoticeState.SKIPPED, reason=reason)
