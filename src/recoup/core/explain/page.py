"""
The page that answers "why is this customer in this state?", from a snapshot and its decision.

Everything is worked out anew: the plan, the reasons of restrictions and the deadline are what
the rules say now, not what was once written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from recoup.core import periods
from recoup.core.account import (
    BAD_DEBT,
    CURRENT,
    Account,
    Attempt,
    Case,
    Hold,
    Restriction,
    access,
)
from recoup.core.changes import Change, WakeChanged
from recoup.core.collection.limits import stamp
from recoup.core.collection.plan import Plan
from recoup.core.collection.rules import Code, Rules
from recoup.core.consequences import consequence
from recoup.core.decide import Decision
from recoup.core.dunning import ladder
from recoup.core.explain.activation import late_of, waiting_of
from recoup.core.explain.notices import notices_of
from recoup.core.explain.views import (
    AttemptView,
    CaseView,
    Explanation,
    HoldView,
    Line,
    MethodView,
    Notices,
    Obligation,
    PlannedTry,
    Record,
    RestrictionView,
    TaskView,
    Trouble,
    Who,
)
from recoup.core.explain.words import about, hold_words, named, span, standing_words
from recoup.core.money import totals
from recoup.core.policy import Policies

TOO_LATE = "The case is exhausted: nothing is tried by itself any more."


@dataclass(frozen=True, slots=True)
class Facts:
    """
    What is known about one customer.

    `account` and `decision` are None when reading or deciding fails; `trouble` says why.
    """

    who: Who
    standing: str
    next_wake_at: datetime | None
    account: Account | None
    decision: Decision | None
    changes: tuple[Change, ...] = ()
    trouble: Trouble | None = None
    methods: Mapping[str, MethodView] = field(default_factory=dict)  #: by processor id
    numbers: Mapping[int, str] = field(default_factory=dict)  #: invoice id -> printed number
    labels: Mapping[str, str] = field(default_factory=dict)  #: subject -> name
    records: tuple[Record, ...] = ()
    story: tuple[Line, ...] = ()


def explain(facts: Facts, *, policies: Policies, rules: Rules, now: datetime) -> Explanation:
    """
    Return the explanation of `facts` at `now` (UTC).

    Raises:
        InvalidPolicy: a running case follows a policy that is gone, and nobody noticed before.
    """
    account = facts.account
    page = None if account is None else _Page(account, facts, policies, rules, now)
    return Explanation(
        customer=facts.who,
        as_of=now,
        standing=facts.standing,
        words=_words(facts, now),
        waiting=tuple(waiting_of(account, now=now)) if account else (),
        late=tuple(late_of(account)) if account else (),
        cases=tuple(page.cases()) if page else (),
        obligations=tuple(page.obligations()) if page else (),
        plan=tuple(page.plan()) if page else (),
        attempts=tuple(page.attempts()) if page else (),
        notices=page.notices() if page else Notices((), (), ()),
        restrictions=tuple(page.restrictions()) if page else (),
        holds=tuple(page.holds()) if page else (),
        tasks=tuple(TaskView(t.id, t.kind, t.detail) for t in account.tasks) if account else (),
        trouble=facts.trouble,
        pending=tuple(
            named(change.words, facts.labels)
            for change in facts.changes
            if not isinstance(change, WakeChanged)
        ),
        next_wake_at=facts.next_wake_at,
        decisions=tuple(_named(record, facts.labels) for record in facts.records),
        story=facts.story,
    )


def _named(record: Record, labels: Mapping[str, str]) -> Record:
    return replace(
        record,
        reasons=tuple(named(words, labels) for words in record.reasons),
        changes=tuple(named(words, labels) for words in record.changes),
    )


def _words(facts: Facts, now: datetime) -> str:
    account = facts.account
    if account is None:
        return "The customer's records cannot be read; see the trouble below."
    owed = totals(invoice.remaining for invoice in account.invoices if invoice.in_default)
    case = next((c for c in account.open_cases() if c.rung == facts.standing), None)
    since = case.rung_since if case is not None else None
    if facts.standing in {CURRENT, BAD_DEBT}:
        failures = [i.first_failed_at for i in account.invoices if i.in_default]
        since = min((at for at in failures if at is not None), default=None)
    hold = _in_force(account, now)
    return standing_words(facts.standing, owed, since, now=now, hold=hold)


def _in_force(account: Account, now: datetime) -> Hold | None:
    """Return the hold that holds now, of several the one that says most."""
    return account.exempt(now) or account.held(now)


@dataclass(frozen=True, slots=True)
class _Page:
    """The parts of the page."""

    account: Account
    facts: Facts
    policies: Policies
    rules: Rules
    now: datetime

    def cases(self) -> Iterator[CaseView]:
        for case in self.account.cases:
            yield self._open(case) if case.open else self._ended(case)

    def _open(self, case: Case) -> CaseView:
        account, policy = self.account, self.policies.named(case.policy)
        at = policy.place(case.rung) + 1
        place = ladder.place(case, account, policy=policy, moving=account.moving, now=self.now)
        return CaseView(
            id=case.id,
            scope=case.scope,
            about=about(account, case.scope),
            since=case.anchor,
            policy=case.policy,
            rung=case.rung,
            rung_since=case.rung_since,
            next_rung=policy.ladder[at].name if at < len(policy.ladder) else None,
            not_before=ladder.not_before(case, account, policy=policy, now=self.now),
            next_look_at=place.wake_at,
            why=self._standing_why(case, place.reason),
            deadline=ladder.deadline(case, account, policy=policy, now=self.now),
            end=None,
            ended_at=None,
        )

    def _standing_why(self, case: Case, reason: str) -> str:
        """Return why it stands where it does, with the hold in force and the time not counted."""
        account, now = self.account, self.now
        words = named(reason, {case.scope: about(account, case.scope).partition(" ")[2]})
        hold = _in_force(account, now)
        if hold is not None and hold.words not in reason:
            words += f"; {hold_words(hold)}"
        held = now - case.anchor - periods.elapsed(case.anchor, now, paused=account.paused)
        return f"{words}; {span(held)} on hold are not counted" if held else words

    def _ended(self, case: Case) -> CaseView:
        what = about(self.account, case.scope)
        return CaseView(
            case.id, case.scope, what, case.anchor, case.policy, None, None, None, None, None,
            f"{what} is bad debt: the case ended and the money is not accounted for",
            None, str(case.end), case.ended_at,
        )  # fmt: skip

    def obligations(self) -> Iterator[Obligation]:
        for invoice in self.account.invoices:
            if invoice.in_default:
                yield Obligation(
                    invoice_id=invoice.id,
                    invoice=invoice.processor_id,
                    number=self.facts.numbers.get(invoice.id),
                    about=about(self.account, invoice.scope),
                    amount=invoice.remaining,
                    billed=invoice.due,
                    since=invoice.first_failed_at,
                    disputed=invoice.disputed,
                )

    def plan(self) -> Iterator[PlannedTry]:
        if self.facts.decision is None:
            return
        made = {plan.invoice_id: plan for plan in self.facts.decision.plans}
        for invoice in self.account.invoices:
            if invoice.id in made:
                yield self._planned(invoice.processor_id, made[invoice.id])
            elif invoice.in_default:
                yield PlannedTry(
                    invoice.id, invoice.processor_id, None, None, "retry", (TOO_LATE,), None,
                    None, None,
                )  # fmt: skip

    def _planned(self, invoice: str, made: Plan) -> PlannedTry:
        method = self.facts.methods.get(made.method or "") if made.at is not None else None
        need = None if made.need is None or made.at is not None else str(made.need)
        stop = self.account.stopped
        stopped = made.at is None and stop is not None and any(stop in one for one in made.reasons)
        return PlannedTry(
            made.invoice_id, invoice, made.at, method, made.origin, made.reasons,
            None if stopped else need, made.fee, made.price, stop if stopped else None,
        )  # fmt: skip

    def attempts(self) -> Iterator[AttemptView]:
        names = {invoice.id: invoice.processor_id for invoice in self.account.invoices}
        for attempt in sorted(self.account.attempts, key=lambda a: (a.at, a.id or 0)):
            code = self._code(attempt)
            yield AttemptView(
                at=attempt.at,
                invoice=names.get(attempt.invoice_id, f"invoice {attempt.invoice_id}"),
                amount=attempt.amount,
                origin=attempt.origin,
                outcome=str(attempt.state),
                code=attempt.signal.decline_code,
                meaning=code.meaning if code else None,
                method=self._method(attempt),
                by_customer=attempt.by_customer,
            )

    def _code(self, attempt: Attempt) -> Code | None:
        kind = next(
            (m.kind for m in self.account.methods if m.processor_id == attempt.method), None
        )
        code = attempt.signal.decline_code or ""
        debits = self.rules.debits.get(kind or "", {})
        return debits.get(code) or self.rules.declines.get(code)

    def _method(self, attempt: Attempt) -> MethodView | None:
        known = self.facts.methods.get(attempt.method or "")
        if known is not None:
            return known
        return MethodView("card", attempt.brand, None) if attempt.brand else None

    def notices(self) -> Notices:
        return notices_of(self.account, policies=self.policies, now=self.now)

    def restrictions(self) -> Iterator[RestrictionView]:
        decision = self.facts.decision
        wanted = None if decision is None else {r.key for r in decision.desired.restrictions}
        for restriction in self.account.restrictions:
            live = wanted is None or restriction.key in wanted
            yield RestrictionView(
                consequence=restriction.consequence,
                about=about(self.account, restriction.scope),
                rung=restriction.rung,
                since=restriction.since,
                live=live,
                why=self._why(restriction) if live else "Nothing gives reason for it any more.",
                inverse=consequence(restriction.consequence).inverse,
            )
        for case in self.account.cases:
            if case.unsettled:
                yield self._bad_debt(case)

    def _bad_debt(self, case: Case) -> RestrictionView:
        """Return what a debt closes whose ladder has ended, for as long as it is bad debt."""
        since = case.ended_at or case.anchor
        owed = totals(one.remaining for one in self.account.invoices_of(case) if one.owed)
        sums = f"{' and '.join(map(str, owed))} is" if owed else "Its money is"
        kinds = ", ".join(sorted(access.closes(access.ENDED)))
        return RestrictionView(
            consequence=access.ENDED,
            about=about(self.account, case.scope),
            rung=case.rung or BAD_DEBT,
            since=since,
            live=True,
            why=(
                f"Bad debt since {stamp(since)}: {sums} not accounted for, in default since "
                f"{stamp(case.anchor)}; it closes {kinds}."
            ),
            inverse=consequence(access.ENDED).inverse,
        )

    def _why(self, restriction: Restriction) -> str:
        owed = self.account.obligations(restriction.scope)
        if not owed:
            return f"Rung {restriction.rung} brought it."
        oldest = owed[0]
        lasted = self.now - (oldest.first_failed_at or oldest.created_at)
        sums = " and ".join(map(str, totals(invoice.remaining for invoice in owed)))
        return (
            f"{sums} is owed, invoice {oldest.processor_id} for {span(lasted)}; "
            f"rung {restriction.rung} brought it."
        )

    def holds(self) -> Iterator[HoldView]:
        for hold in self.account.holds:
            during = hold.during
            yield HoldView(
                id=hold.id,
                reason=hold.reason,
                since=during.start,
                until=during.end,
                in_force=self.now in during,
                kind=str(hold.kind),
                actor=hold.actor,
            )
