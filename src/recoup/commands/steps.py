"""
What is done about single steps of a campaign: asked for, left out, sent again.

Source: docs/campaigns.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import datetime
from typing import Any, Final, NoReturn

from sqlalchemy import Connection

from recoup.campaigns.base import planned
from recoup.commands.acting import Act, Wish, kind_of, reason_of
from recoup.commands.base import Kind, Office, Plan, Recording, Work
from recoup.commands.desk import Desk
from recoup.commands.options import verb
from recoup.core import states
from recoup.core.account import LEFT_OUT, Account, Case, Notice
from recoup.core.billing.answers import Answer
from recoup.core.dunning import campaign
from recoup.core.dunning.acts import Acted
from recoup.core.dunning.campaign import Outcome
from recoup.core.occasions import Posted
from recoup.core.periods import utc
from recoup.core.policy import Policies, Policy, Step
from recoup.core.states import NoticeState
from recoup.errors import NotFound, NotPossible
from recoup.store import campaigns
from recoup.store.mails.post import post
from recoup.store.operators import cases
from recoup.store.records import money


def _never_asked(_work: Work, _answer: Answer) -> NoReturn:
    raise NotPossible("a step is not asked of the processor")


def _by_now(connection: Connection, kept: Outcome) -> Outcome:
    """Return what has become of the step by now."""
    return campaigns.outcome(connection, kept.case_id, kept.anchor, kept.step)


SEND: Final[Kind[Outcome]] = Kind("dunning.send_step", Outcome, _never_asked, current=_by_now)
SKIP: Final = kind_of("skip_step")
RESEND: Final = kind_of("resend_step")

KINDS: Final[Sequence[Kind[Any]]] = (SEND, SKIP, RESEND)


@dataclass(frozen=True, slots=True)
class Steps(Desk):
    """What may be asked about single steps of a campaign."""

    @verb
    def send_step(
        self, case: int, step: str, *, anchor: datetime | None = None, key: str | None = None
    ) -> Outcome:
        """
        Ask for a step of a campaign: what an engine outside calls when its time has come.

        The rules place the notice when it is due, once, and the guard sends it, defers it, or
        leaves it out, with the reason; the result says how it stands. Asked for too early it
        waits for its day.

        Args:
            anchor: Of the campaign that is meant; then a step of an earlier one is refused.

        Raises:
            NotFound: there is no such case, or its policy has no such step.
            NotPossible: the case is over, or another campaign of it runs by now.
        """
        office = self.office
        with office.reading() as connection:
            owner = cases.owner(connection, case)
        meant = None if anchor is None else utc(anchor)

        def prepare(recording: Recording) -> Plan:
            account = money.account(recording.connection, owner, now=recording.now)
            running = _running(account, case)
            if meant not in {None, running.anchor}:
                raise NotPossible(
                    f"the campaign of {meant} of case {case} is over; the present one began "
                    f"at {running.anchor}"
                )
            _step(office, running, step)
            wanted = Outcome(case, running.anchor, step, "waiting", campaign.EARLY)
            asked = (running.scope, running.anchor, step)
            known = {one.key for one in account.notices} | {one.key for one in account.requests}
            if running.engine is not None and asked not in known:
                campaigns.ask(recording.writer, running, owner, step)
                recording.writer.flush()
            return Plan(result=wanted)

        return office.run(
            SEND,
            asked={"case": case, "step": step, "anchor": meant and meant.isoformat()},
            prepare=prepare,
            customer=owner,
            subject=f"case:{case}",
            key=key,
        )

    @verb
    def skip_step(
        self,
        case: int,
        step: str,
        *,
        reason: str,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """
        Leave out a step that has not been sent; the campaign goes on with the next one.

        Raises:
            NotFound: there is no such case, or its policy has no such step.
            NotPossible: the case is over, the step is dealt with already, or no other one would
                announce a rung that still comes: extend the grace instead.
        """
        office, why = self.office, reason_of(reason)
        with office.reading() as connection:
            owner = cases.owner(connection, case)

        def wish(_: Connection, account: Account | None) -> Wish:
            running = _running(account, case)
            assert account is not None  # noqa: S101  it has the case
            policy, wanted = _step(office, running, step)
            before = _notice(account, running, step)
            after = _left_out(running, account, policy, wanted, before, now=office.now())
            others = tuple(one for one in account.notices if one is not before)

            def write(recording: Recording) -> None:
                campaigns.leave_out(recording.writer, owner, running, before, after)

            words = f"leave out step {step} of case {case}"
            return Wish((words,), replaced(account, notices=(*others, after)), write)

        act = Act(office, SKIP, owner, why, dry_run, subject=f"case:{case}")
        return act.carried_out({"case": case, "step": step}, wish, key=key)

    @verb
    def resend_step(
        self,
        case: int,
        step: str,
        *,
        reason: str,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """
        Send a notice that went out once more, as a mail of its own, if it is still true.

        It counts for nothing: what the ladder goes by stays the first one.

        Raises:
            NotFound: there is no such case, or its policy has no such step.
            NotPossible: the case is over, the notice has not been sent or is not true any more,
                or it is on its way again already.
        """
        office, why = self.office, reason_of(reason)
        with office.reading() as connection:
            owner = cases.owner(connection, case)

        def wish(connection: Connection, account: Account | None) -> Wish:
            running = _running(account, case)
            assert account is not None  # noqa: S101  it has the case
            policy, _ = _step(office, running, step)
            notice = _notice(account, running, step)
            if notice is None or notice.id is None:
                raise NotPossible(f"step {step} of case {case}: {campaign.UNSENT}")
            now = office.now()
            held_up = campaign.obstacle(notice, account, now=now, policy=policy, again=True)
            if held_up is not None and held_up.final:
                raise NotPossible(f"step {step} of case {case}: {held_up.reason}")
            times, waiting = campaigns.resent(connection, notice.id)
            if waiting:
                raise NotPossible(f"step {step} of case {case} is on its way again already")
            id = notice.id

            def write(recording: Recording) -> None:
                _again(recording, owner, id, notice.mail, times + 1)

            later = f", as soon as it may ({held_up.reason})" if held_up is not None else ""
            return Wish((f"send step {step} of case {case} again{later}",), account, write)

        act = Act(office, RESEND, owner, why, dry_run, subject=f"case:{case}")
        return act.carried_out({"case": case, "step": step}, wish, key=key)


def replanned(
    office: Office, recording: Recording, account: Account, before: Case, after: Case
) -> None:
    """Have the case's engine drop its campaign and take on the one that it follows now."""
    book = office.engine
    if book is None:
        return
    recording.writer.flush()
    old, new = (
        planned(case, account, policies=book.policies, now=recording.now)
        for case in (before, after)
    )
    book.campaigns.cancel(recording.connection, {before.engine: [old]})
    book.campaigns.start(recording.connection, {after.engine: [new]})


def _running(account: Account | None, case: int) -> Case:
    if account is None:
        raise NotPossible("the customer's rows can not be read: recoup explain says why")
    found = next((one for one in account.open_cases() if one.id == case), None)
    if found is None:
        raise NotPossible(f"case {case} is over")
    return found


def _step(office: Office, case: Case, key: str) -> tuple[Policy, Step]:
    known = Policies() if office.engine is None else office.engine.policies
    policy = known.named(case.policy)
    step = campaign.step_of(policy, key)
    if step is None:
        names = ", ".join(one.key for one in policy.steps)
        raise NotFound(f"policy {policy.name} of case {case.id} has no step {key!r}: {names}")
    return policy, step


def _notice(account: Account, case: Case, step: str) -> Notice | None:
    key = case.scope, case.anchor, step
    return next((one for one in account.notices if one.key == key), None)


def _left_out(
    case: Case,
    account: Account,
    policy: Policy,
    step: Step,
    before: Notice | None,
    *,
    now: datetime,
) -> Notice:
    """
    Return the notice of a step that is left out.

    Raises:
        NotPossible: it is dealt with, or it alone announces what is still to come.
    """
    if before is not None and not states.is_scheduled(before.state):
        how = before.reason or "it was sent"
        raise NotPossible(f"step {step.key} of case {case.id} is dealt with: {how}")
    rung = campaign.unannounced(case, account, policy=policy, without=[step.key])
    if rung is not None:
        raise NotPossible(
            f"no other step would announce rung {rung.name!r}, which still comes: extend the "
            "grace instead"
        )
    if before is not None:
        return replaced(before, state=NoticeState.SKIPPED, reason=LEFT_OUT)
    due = campaign.due_at(step, case, account) or case.anchor + step.after
    return Notice(
        None, case.scope, case.anchor, step.key, step.mail, due, now, NoticeState.SKIPPED, LEFT_OUT
    )


def _again(recording: Recording, owner: int, notice: int, type: str, number: int) -> None:
    """Write the mail that goes out again, and what sends it."""
    key = f"notice:{notice}:again:{number}"
    args = {"notice_id": notice, "again": number}
    post(recording.connection, [Posted(type, key, owner, args)], now=recording.now)
