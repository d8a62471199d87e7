"""What must hold of a debtor, at every instant and at the end."""

from __future__ import annotations

from recoup.core import periods, states
from recoup.core.account import CURRENT, NO_ADDRESS
from recoup.core.dunning import campaign, ladder
from recoup.core.states import CaseEnd


class Broken(AssertionError):
    """What must hold does not."""


class Rules:
    """A part of `World`: what is checked."""

    def check(self, account):
        owes = {i.scope for i in account.invoices if i.in_default}
        if not owes and (account.standing != CURRENT or account.debts):
            raise Broken(f"{self.now}: nothing is due, and {account.standing}")
        held = {one.scope for one in account.restrictions}
        told = {n.scope for n in account.notices if states.is_scheduled(n.state)}
        if spared := (held | told) - owes:
            raise Broken(f"{self.now}: nothing is due of {spared}, restricted or to be told")

    def check_deadlines(self):
        account = self.account()
        for case in account.open_cases():
            by = self.deadline(case, account)
            if by is not None and self.now > by:
                raise Broken(f"{self.now}: {case} was to end by {by}")

    def deadline(self, case, account):
        policy = self.policies.named(case.policy)
        by = ladder.deadline(case, account, policy=policy)
        heard = max(self.moved[case.id], self.opened[case.id])
        told = periods.instant_after(heard, ladder.telling(policy), paused=account.paused)
        return None if by is None or told is None else max(by, told) + self.extra[case.id]

    def check_climb(self, before, after):
        """Nobody is taken anything from without a notice in time, and no rung is skipped."""
        was = {case.id: case for case in before.cases}
        for case in after.open_cases():
            policy, known = self.policies.named(case.policy), was.get(case.id)
            here = policy.place(case.rung)
            there = policy.place(known.rung if known else None)
            if here <= there:
                continue
            if here != there + 1:
                raise Broken(f"{self.now}: from rung {there} to {here} at once")
            if policy.ladder[here].restricts and not self.told(case, here, policy, after):
                raise Broken(f"{self.now}: on {case.rung} and nobody was told")

    def told(self, case, place, policy, account):
        keys = {s.key for s in policy.steps if policy.place(s.announces) >= place}
        for notice in account.notices:
            if (notice.scope, notice.anchor) != (case.scope, case.anchor):
                continue
            if notice.step not in keys:
                continue
            reached = notice.delivered_at is not None
            if reached and notice.delivered_at + policy.min_notice <= self.now:
                return True
            since = notice.bounced_at or notice.placed_at
            if not reached and since + policy.bounce_hold <= self.now:
                return notice.reason in {None, NO_ADDRESS, campaign.LATE} or bool(notice.reason)
        return False

    def exactly_one_end(self):
        """Every case is over, and ended once."""
        still = [case for case in self.cases.values() if case.open]
        if still:
            raise Broken(f"still open: {still}")
        wrong = [id for id in self.cases if self.ends.get(id, 0) != 1]
        if wrong:
            raise Broken(f"cases {wrong} ended {[self.ends.get(id) for id in wrong]} times")
        owed = [b for b in self.invoices.values() if b.first_failed_at and b.case_id is None]
        if owed:
            raise Broken(f"never a case: {owed}")
        return [case.end or CaseEnd.SUPERSEDED for case in self.cases.values()]
