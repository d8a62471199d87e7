"""
Debtors on values: a store, a bank, a post office and a person at the desk, without a database.

Facts happen at instants; the engine looks when it wants to be woken, unless it is down. Whatever
a decision wishes is stored as the store does it, and what must hold is checked each time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from heapq import heappop
from itertools import count

from debtor_facts import Facts
from debtor_rules import Broken, Rules

from recoup.core import states
from recoup.core.account import CURRENT, Account, Signal
from recoup.core.decide import decide
from recoup.core.diff import diff
from recoup.core.dunning import campaign
from recoup.core.policy import HOUR
from recoup.core.states import AttemptState, InvoiceStatus, NoticeState
from recoup.reference import load_rules
from recoup.testing.accounts import CARD, NOON, owing, subscription

RULES = load_rules()
NOTHING = timedelta(0)
MINUTE = timedelta(minutes=1)


def _within(spans, at):
    """Return the end of the span that `at` is in, None where it is in none."""
    return next((end for start, end in spans if start <= at < end), None)


def _shared(spans, start, end):
    """Return how much of the spans lies between two instants."""
    return sum((max(min(b, end) - max(a, start), NOTHING) for a, b in spans), NOTHING)


class World(Facts, Rules):
    """
    One customer, and everything that happens to them.

    Args:
        answers: Attempt -> (state, decline code, how long the answer takes).
        post: Notice -> (how long it takes, whether it arrives); None: no mail goes out now.
        down: When the engine does not run.
        away: When the processor answers nobody.
        stops: When a person has paused all charging.
    """

    def __init__(self, policies, *, answers, post, down=(), away=(), stops=(), subscriptions=(1,)):
        self.policies, self.answers, self.post = policies, answers, post
        self.down, self.away, self.stops = tuple(down), tuple(away), tuple(stops)
        self.ids, self.order = count(100), count()
        self.coming = []  # (instant, order, what happens)
        self.now = NOON
        self.bare = replace(owing(), subscriptions=(), invoices=(), attempts=(), uses=())
        self.subscriptions = {id: subscription(id) for id in subscriptions}
        self.invoices, self.attempts, self.notices = {}, {}, {}
        self.cases, self.holds, self.restrictions, self.tasks, self.debts = {}, [], (), (), ()
        self.standing, self.wake, self.deleted, self.lifting = CURRENT, None, False, None
        self.method = CARD
        self.asked_back, self.withdrawn = set(), 0  # bills of upgrades
        self.was_disputed = {}  # bill -> whether the dispute is lost; None: it is not decided
        self.answers_in = timedelta(minutes=1)  # how long the processor takes to void one
        self.opened, self.moved, self.extra, self.ends = {}, {}, {}, {}
        self.looks = []  # (instant, scope -> rung) of open cases, after each look
        self.told_at, self.tried_at = Counter(), Counter()  # (instant, scope or bill) -> how often

    # -- the store ------------------------------------------------------------------------

    def account(self):
        """Return the customer as the store reads them."""
        cases = tuple(c for c in self.cases.values() if c.open or c.unsettled)
        read = {case.id for case in cases}
        bills = tuple(
            bill
            for bill in self.invoices.values()
            if bill.case_id in read
            or (
                bill.first_failed_at is not None
                and (states.is_owed(bill.status) or bill.case_id is None)
            )
        )
        of = {bill.id for bill in bills}
        return replace(
            self.bare,
            deleted=self.deleted,
            stopped="a person said so" if _within(self.stops, self.now) else None,
            standing=self.standing,
            next_wake_at=self.wake,
            subscriptions=tuple(self.subscriptions.values()),
            invoices=bills,
            attempts=tuple(a for a in self.attempts.values() if a.invoice_id in of),
            uses=tuple(
                a for a in self.attempts.values() if a.instrument == self.method.instrument
            ),
            methods=(self.method,),
            cases=cases,
            notices=tuple(n for n, case in self.notices.values() if case in read),
            restrictions=self.restrictions,
            holds=tuple(self.holds),
            tasks=self.tasks,
            debts=self.debts,
            lifting=self.lifting,
            upgrades=tuple(self.upgrades()),
        )

    def store(self, seen: Account, wanted: Account):
        """Store what was decided, as the store does."""
        ids = {case.id: next(self.ids) for case in wanted.cases if case.id < 0}
        for case in wanted.cases:
            self._keep_case(replace(case, id=ids.get(case.id, case.id)))
        running = {case.scope: case.id for case in seen.open_cases()}
        running |= {case.scope: ids[case.id] for case in wanted.cases if case.id in ids}
        for bill in wanted.invoices:
            taken = ids.get(bill.case_id or 0, bill.case_id)
            self.invoices[bill.id] = replace(self.invoices[bill.id], case_id=taken)
        for attempt in wanted.attempts:
            if attempt.id is None:
                self._ask(replace(attempt, id=next(self.ids)))
            else:
                self.attempts[attempt.id] = attempt
        for notice in wanted.notices:
            if notice.id is None:
                self._mail(replace(notice, id=next(self.ids)), running[notice.scope])
            else:
                self.notices[notice.id] = notice, self.notices[notice.id][1]
        self._ask_for_ends(seen, wanted)
        self.restrictions = tuple(
            replace(one, id=one.id or next(self.ids)) for one in wanted.restrictions
        )
        self.tasks, self.standing, self.wake = wanted.tasks, wanted.standing, wanted.next_wake_at
        self.debts = tuple(
            replace(d, id=d.id or next(self.ids), case_id=ids.get(d.case_id, d.case_id))
            for d in wanted.debts
            if d.open
        )

    def _ask_for_ends(self, seen, wanted):
        """Ask the processor to void bills of upgrades, and to end subscriptions."""
        for upgrade in wanted.upgrades:
            if upgrade.withdrawn_at is not None:
                self.asked_back.add(upgrade.invoice_id)
                self.at(self.now + self.answers_in, self._void, upgrade.invoice_id)
        self.subscriptions = {sub.id: sub for sub in wanted.subscriptions}
        for sub in wanted.subscriptions:
            asked = sub.end_requested_at is not None and not states.has_ended(sub.status)
            if asked and all(s.end_requested_at is None for s in seen.subscriptions
                             if s.id == sub.id):  # fmt: skip
                self.at(self.now + HOUR, self.end, sub.id, "dunning_exhausted")

    def _keep_case(self, case):
        known = self.cases.get(case.id)
        if known is not None and known.end is not None and known.end != case.end:
            raise Broken(f"case {case.id} ended as {known.end}, then as {case.end}")
        if case.end is not None and (known is None or known.end is None):
            self.ends[case.id] = self.ends.get(case.id, 0) + 1
        if known is None:
            self.opened[case.id], self.extra[case.id] = self.now, NOTHING
        policy = self.policies.named(case.policy)
        lower = known is not None and policy.place(case.rung) < policy.place(known.rung)
        if known is None or lower or known.anchor != case.anchor:
            self.moved[case.id] = self.now
        self.cases[case.id] = case

    def _ask(self, attempt):
        bill = self.invoices[attempt.invoice_id]
        if bill.id in self.was_disputed:
            raise Broken(f"{self.now}: charged for {bill} after a dispute")
        self.tried_at[self.now, bill.scope] += 1
        self.attempts[attempt.id] = replace(attempt, state=AttemptState.REQUESTED)
        state, code, takes = self.answers(self, attempt)
        if (back := _within(self.away, self.now)) is not None:
            # Nobody knows what became of it before it can be looked up.
            self.attempts[attempt.id] = replace(attempt, state=AttemptState.UNKNOWN)
            self.at(back + 5 * MINUTE + takes, self._answer, attempt.id, state, code)
        elif takes <= NOTHING:
            self._answer(attempt.id, state, code)
        else:
            self.at(self.now + takes, self._answer, attempt.id, state, code)

    def _answer(self, id, state, code):
        attempt = self.attempts[id]
        self.attempts[id] = replace(attempt, state=state, signal=Signal(code))
        if states.succeeded(state):
            self.close(attempt.invoice_id, InvoiceStatus.PAID)

    # -- the post office ------------------------------------------------------------------

    def _mail(self, notice, case):
        self.notices[notice.id] = notice, case
        if states.is_scheduled(notice.state):
            self.told_at[self.now, notice.scope] += 1
            self._send(notice.id)

    def _send(self, id):
        """Send a notice unless the guard objects; what is only early is tried again later."""
        notice, case = self.notices[id]
        if not states.is_scheduled(notice.state):
            return
        posted = self.post(self, notice)
        account = self.account() if posted is not None else None
        stop = campaign.obstacle(notice, account, now=self.now) if account else None
        if posted is None or self._is_down() or (stop and not stop.final):
            self.at(self.now + 6 * HOUR, self._send, id)
        elif stop:
            canceled = campaign.canceled(notice, stop.reason)
            self.notices[id] = canceled, case
        else:
            if not account.obligations(notice.scope):
                raise Broken(f"mailed {notice.step} of {notice.scope} and nothing is due")
            takes, arrives = posted
            told = {"delivered_at": self.now + takes} if arrives else {"bounced_at": self.now}
            self.notices[id] = replace(notice, state=NoticeState.SENT, **told), case

    # -- time -----------------------------------------------------------------------------

    def live(self, until, *, every=None):
        """Live until then. The engine looks when it is to, on news, and `every` so often."""
        while True:
            heres = [self.coming[0][0]] if self.coming else []
            if self.wake is not None:
                heres.append(self._up_from(max(self.wake, self.now)))
            if every is not None:
                heres.append(self._up_from(self.now + every))
            nxt = min(heres, default=None)
            if nxt is None or nxt > until:
                self._pass(until)
                return
            self._pass(nxt)
            while self.coming and self.coming[0][0] <= self.now:
                _, _, what, given = heappop(self.coming)
                what(*given)
            if not self._is_down():
                self.look()
            else:
                self.wake = min(self.wake or self.now, self.now)

    def _up_from(self, at):
        return _within(self.down, at) or at

    def _is_down(self):
        return _within(self.down, self.now) is not None

    def _pass(self, to):
        """Let time go by; what it adds to a deadline is written down."""
        span = to - self.now
        if span > NOTHING:
            account = self.account()
            down = _shared(self.down, self.now, to) + _shared(self.stops, self.now, to)
            for case in account.open_cases():
                disputed = any(i.disputed for i in account.obligations(case.scope))
                self.extra[case.id] += span if disputed or account.moving else down
        self.now = max(to, self.now)

    def look(self):
        """Decide until nothing changes any more; check what must hold."""
        self.check_deadlines()
        for _ in range(25):
            account = self.account()
            wanted = decide(account, policies=self.policies, rules=RULES, now=self.now).desired
            self.check_climb(account, wanted)
            if not diff(account, wanted):
                break
            self.store(account, wanted)
        else:
            raise Broken(f"it does not come to rest at {self.now}")
        rungs = {c.scope: self.policies.named(c.policy).place(c.rung)
                 for c in wanted.open_cases()}  # fmt: skip
        self.looks.append((self.now, rungs))
        self.check(wanted)
