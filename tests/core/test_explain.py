from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from recoup.core.account import BAD_DEBT, CURRENT, Account, Hold, Restriction, Task
from recoup.core.decide import decide
from recoup.core.diff import diff
from recoup.core.explain import Facts, MethodView, Order, Record, Trouble, Who, explain, story
from recoup.core.explain.words import about, named, span, standing_words
from recoup.core.ledger import GENESIS, VERSION, Entry
from recoup.core.money import Money
from recoup.core.periods import Period
from recoup.core.policy import DAY, Policies, Policy
from recoup.core.states import CommandState, HoldKind, NoticeState
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, TEN_EUROS, invoice, owing, paid

POLICIES, RULES = Policies(), load_rules()
WHO = Who(1, "fake", "cus_1", "user:42")


def decided(account: Account, now: datetime) -> Account:
    """The account as it is after one recompute and what the store adds."""
    return decide(account, policies=POLICIES, rules=RULES, now=now).desired


def page(account: Account, now: datetime, **more: Any):
    made = decide(account, policies=POLICIES, rules=RULES, now=now)
    facts = Facts(
        WHO, account.standing, account.next_wake_at, account, made, diff(account, made.desired),
        methods={"pm_1": MethodView("card", "visa", "4242")}, **more,
    )  # fmt: skip
    return explain(facts, policies=POLICIES, rules=RULES, now=now)


def entry(seq: int, subject: str, body: str, *, type: str = "x", cause: str = "ingest",
          at: datetime = NOON) -> Entry:  # fmt: skip
    return Entry(1, seq, type, VERSION, subject, body, "engine", cause, at, at, GENESIS, GENESIS)


class TestExplain:
    def test_tells_what_is_owed_since_when_for_what(self):
        (owed,) = page(owing(), NOON).obligations

        assert (owed.invoice, owed.amount, owed.since) == ("in_1", TEN_EUROS, NOON)
        assert owed.about == "subscription sub_1"

    def test_tells_of_the_next_try_its_method_and_its_reasons(self):
        account = decided(owing(), NOON)

        (plan,) = page(account, NOON + timedelta(minutes=1)).plan

        assert plan.at is not None
        assert plan.at > NOON
        assert plan.method == MethodView("card", "visa", "4242")
        assert plan.reasons
        assert plan.need is None
        assert (plan.price, plan.fee) == (Money(0, "USD"), None)

    def test_tells_what_is_needed_where_no_try_comes(self):
        (plan,) = page(owing(code="lost_card"), NOON).plan

        assert plan.at is None
        assert plan.method is None
        assert plan.need == "new_method"

    def test_tells_what_an_attempt_came_to_in_words(self):
        (attempt,) = page(owing(), NOON).attempts

        assert (attempt.outcome, attempt.code) == ("declined", "insufficient_funds")
        assert attempt.meaning == RULES.declines["insufficient_funds"].meaning

    def test_tells_of_a_deadline_that_a_hold_moves(self):
        account = decided(owing(), NOON)
        (case,) = page(account, NOON).cases
        held = replace(account, holds=(Hold(1, "asked", Period(NOON, NOON + 3 * DAY)),))
        (moved,) = page(held, NOON).cases

        assert case.deadline is not None
        assert moved.deadline == case.deadline + 3 * DAY

    def test_knows_no_deadline_on_a_hold_without_end(self):
        account = decided(owing(), NOON)
        held = replace(account, holds=(Hold(1, "asked", Period(NOON)),))

        told = page(held, NOON + DAY)

        assert told.cases[0].deadline is None
        assert told.holds[0].in_force
        assert [one.due_at for one in told.notices.due if one.state == "due"] == [None] * 3

    @pytest.mark.parametrize(
        ("age", "due"),
        [
            (5 * DAY - timedelta(microseconds=1),
             ["action_required", "restriction_notice", "final_notice"]),
            (5 * DAY, ["restriction_notice", "final_notice"]),
        ],
    )  # fmt: skip
    def test_counts_a_notice_as_to_come_until_its_instant(self, age, due):
        account = replace(decided(owing(), NOON), notices=())

        told = page(account, NOON + age)

        assert [one.step for one in told.notices.due] == due

    def test_tells_notices_apart_by_what_became_of_them(self):
        account = decided(owing(), NOON)
        (waiting,) = account.notices
        skipped = replace(account, notices=(replace(waiting, reason="late"),))

        assert page(account, NOON).notices.due[0].step == "reminder"
        assert [one.reason for one in page(skipped, NOON).notices.skipped] == ["late"]
        assert page(account, NOON).notices.sent == ()

    def test_tells_the_reason_a_restriction_has_now(self):
        restricted = _restricted(decided(owing(), NOON))

        (held,) = page(restricted, NOON + 9 * DAY).restrictions

        assert held.live
        assert held.why == "10.00 EUR is owed, invoice in_1 for 9 d; rung soft brought it."
        assert held.inverse == "growth features are open again"

    def test_tells_that_a_restriction_has_no_reason_any_more(self):
        restricted = paid(_restricted(decided(owing(), NOON)), 1, at=NOON + 9 * DAY)

        told = page(restricted, NOON + 9 * DAY)

        assert [one.live for one in told.restrictions] == [False]
        assert any(words.startswith("lift restrict_features") for words in told.pending)

    def test_leaves_the_wake_up_out_of_what_would_change(self):
        account = replace(decided(owing(), NOON), next_wake_at=None)

        assert not any("look again" in words for words in page(account, NOON).pending)

    def test_names_the_hold_and_says_that_its_time_is_not_counted(self):
        hold = Hold(1, "asked", Period(NOON + DAY, NOON + 30 * DAY), actor="ann")
        account = replace(_restricted(decided(owing(), NOON)), holds=(hold,))

        told = page(account, NOON + 10 * DAY)
        before = page(account, NOON + DAY - timedelta(microseconds=1))

        assert "Held until" in told.words
        assert told.words.endswith("(asked).")
        assert "held until" in told.cases[0].why
        assert told.cases[0].why.endswith("; 9 d on hold are not counted")
        assert "Held" not in before.words
        assert "hold" not in before.cases[0].why

    def test_of_who_is_exempt_does_not_say_that_nothing_has_begun(self):
        hold = Hold(1, "vip", Period(NOON, NOON + 30 * DAY), HoldKind.EXEMPT, "ann")
        account = replace(decided(owing(), NOON), holds=(hold,), standing=CURRENT)

        words = page(account, NOON + DAY).words

        assert "exempt until" in words
        assert "(vip): nothing is taken away." in words
        assert "has not begun" not in words

    def test_says_who_paused_charging_and_asks_for_no_person(self):
        account = replace(decided(owing(), NOON), stopped="by ann: a bad release")

        (plan,) = page(account, NOON + timedelta(minutes=1)).plan
        (lost,) = page(replace(owing(code="lost_card"), stopped="by ann: x"), NOON).plan

        assert (plan.at, plan.need, plan.stopped) == (None, None, "by ann: a bad release")
        assert (lost.need, lost.stopped) == ("new_method", None)

    def test_names_no_rung_before_its_notice_has_had_its_time(self):
        account = decided(owing(), NOON)
        policy = POLICIES.named(account.cases[0].policy)
        (case,) = page(account, NOON).cases
        late = NOON + 20 * DAY
        (told_late,) = page(_delivered(account, policy, late), late).cases
        (untold,) = page(replace(account, notices=()), late).cases

        assert case.not_before == NOON + policy.ladder[1].after
        assert told_late.not_before == late + policy.min_notice
        assert untold.not_before == late + policy.min_notice

    def test_of_an_account_that_can_not_be_read_tells_the_trouble(self):
        trouble = Trouble("parked", 8, "InvalidPolicy: gone", None)
        facts = Facts(WHO, "soft", None, None, None, trouble=trouble)

        told = explain(facts, policies=POLICIES, rules=RULES, now=NOON)

        assert told.trouble == trouble
        assert told.standing == "soft"
        assert told.obligations == told.cases == told.plan == ()

    def test_tells_of_tasks_and_names_the_customer(self):
        account = replace(owing(), tasks=(Task("call:1", "call", "ring them up", 7),))

        told = page(account, NOON)

        assert [(one.id, one.detail) for one in told.tasks] == [(7, "ring them up")]
        assert told.customer.name == "user:42"
        assert Who(1, "fake", "cus_1", None).name == "cus_1"
        assert Who(1, "fake", None, None).name == "customer 1"


def _delivered(account: Account, policy: Policy, at: datetime) -> Account:
    """The account on its first rung, told of the next one at `at`."""
    (case,), (first,) = account.cases, account.notices
    step = next(one for one in policy.steps if policy.place(one.announces) >= 1)
    notice = replace(first, step=step.key, delivered_at=at, state=NoticeState.SENT)
    on = replace(case, rung=policy.ladder[0].name, rung_since=NOON + 3 * DAY)
    return replace(account, cases=(on,), notices=(first, notice))


def _restricted(account: Account) -> Account:
    """The account on the rung that closes growth features."""
    (case,) = account.cases
    return replace(
        account,
        cases=(replace(case, id=1, rung="soft", rung_since=NOON + 8 * DAY),),
        invoices=tuple(replace(one, case_id=1) for one in account.invoices),
        restrictions=(Restriction(1, case.scope, "restrict_features", "soft", NOON + 8 * DAY),),
        standing="soft",
    )


class TestTheStory:
    def test_puts_the_reason_before_what_it_caused(self):
        entries = [
            entry(1, "invoice:7", '{"first_failed_at": [null, "2026"]}'),
            entry(2, "case:3", '{"scope": [null, "s"]}', type="case.opened", cause="run:5"),
        ]
        record = Record(5, NOON, "event", "default/1", ("It failed",), ("open a case",))

        told = story(entries, [record], labels={"invoice:7": "in_1", "case:3": "invoice in_1"})

        assert [line.words for line in told] == [
            "An automatic payment of invoice in_1 failed.",
            "Decided (event): It failed.",
            "A case was opened for invoice in_1.",
        ]
        assert [line.kind for line in told] == ["fact", "decision", "fact"]

    def test_goes_by_when_things_happened_not_by_when_they_were_heard_of(self):
        later = entry(1, "standing:1", '{"standing": ["current", "soft"]}', at=NOON + DAY)
        earlier = entry(2, "customer:1", '{"deleted": [false, true]}', at=NOON)

        told = story([later, earlier], [], labels={})

        assert [line.at for line in told] == [NOON, NOON + DAY]

    def test_says_a_reason_again_only_when_it_is_new(self):
        records = [
            Record(1, NOON, "event", "p", ("A.", "B."), ("x",)),
            Record(2, NOON + DAY, "clock", "p", ("A.", "C."), ("y",)),
            Record(3, NOON + 2 * DAY, "clock", "p", ("A.", "C."), ("z",)),
        ]

        assert [line.words for line in story([], records, labels={})] == [
            "Decided (event): A. B.",
            "Decided (clock): C.",
            "Decided (clock): z.",
        ]

    @pytest.mark.parametrize(
        ("verb", "subject", "words"),
        [
            ("forgive", "invoice:1", "Invoice in_1 was forgiven by ann: kind."),
            ("retry", "invoice:1", "A try of invoice in_1 was ordered by ann: kind."),
            ("skip_step", "case:3", "Step final of the case for it was left out by ann: kind."),
            ("resend_step", "case:3",
             "Step final of the case for it was ordered to be sent again by ann: kind."),
            ("write_off", "", "What is owed was written off by ann: kind."),
        ],
    )  # fmt: skip
    def test_says_who_ordered_what_and_why(self, verb, subject, words):
        labels = {"invoice:1": "in_1", "case:3": "it"}
        order = Order(verb, subject, "final", "ann", "kind.", CommandState.DONE, NOON)
        refused = replace(order, state=CommandState.REFUSED, reason=None)

        (line,) = story([], [], [order], labels=labels)
        (no,) = story([], [], [refused], labels=labels)

        assert line.words == words
        assert no.words == words.removesuffix(": kind.") + ". It was refused."

    def test_tells_why_a_hold_was_ended_and_not_why_it_was_made(self):
        ended = entry(1, "hold:1", '{"until": ["2027", "2026"]}', type="hold.released")
        order = Order("release", "", None, "engine", "done", CommandState.DONE, NOON)
        other = replace(order, at=NOON + DAY)

        (told,) = story([ended], [], [order, other], labels={"hold:1": "asked"})
        (alone,) = story([ended], [], [other], labels={"hold:1": "asked"})

        assert told.words == "A hold (asked) was ended by engine: done."
        assert alone.words == "A hold (asked) was ended by engine."

    @pytest.mark.parametrize(
        ("subject", "body", "words"),
        [
            ("invoice:1", """{"status": [null, "open"], "amount_due": [null, 1000],
             "currency": [null, "EUR"]}""", "Invoice it: 10.00 EUR billed, open."),
            ("invoice:1", '{"status": ["open", "paid"]}', "Invoice it: open → paid."),
            ("invoice:1", '{"disputed": [false, true]}', "Invoice it is disputed."),
            ("invoice:1", '{"disputed": [true, false]}', "Invoice it is disputed no longer."),
            ("attempt:1", '{"state": ["requested", "declined"], "decline_code": [null, "x"]}',
             "A try of it: declined, x."),
            ("attempt:1", '{"state": [null, "intended"], "origin": [null, "retry"]}',
             "A try of it was decided (retry)."),
            ("case:1", '{"ending": [null, "recovered"]}', "The case for it ended: recovered."),
            ("case:1", '{"rung": ["soft", null]}',
             "The case for it stands on no rung any more."),
            ("notice:1", '{"state": ["scheduled", "sent"]}', "Notice it was sent."),
            ("notice:1", '{"state": [null, "skipped"], "reason": [null, "late"]}',
             "Notice it was not sent: late."),
            ("notice:1", '{"bounced_at": [null, "2026"]}', "Notice it bounced."),
            ("restriction:1", '{"lifted_at": [null, "2026"]}', "Lifted: it."),
            ("method:1", '{"detached": [false, true]}', "A way to pay was removed: it."),
            ("method:1", '{"exp_year": [2026, 2030]}', "A way to pay was updated: it."),
            ("dispute:1", '{"open": [true, false], "lost": [false, true]}',
             "The dispute of it was lost."),
            ("dispute:1", '{"open": [true, false]}', "The dispute of it was settled."),
            ("hold:1", '{"reason": [null, "asked"], "since": [null, "2026"]}',
             "Dunning was put on hold: it."),
            ("subscription:1", '{"status": ["past_due", "canceled"]}',
             "Subscription it: past_due → canceled."),
            ("subscription:1", """{"end_requested_at": [null, "2026"],
             "end_reason": [null, "requested"]}""",
             "The end of subscription it was asked for: requested."),
            ("subscription:1", '{"end_requested_at": ["2025", "2026"]}',
             "The end of subscription it was asked for."),
        ],
    )  # fmt: skip
    def test_has_a_sentence_for(self, subject, body, words):
        told = story([entry(1, subject, body)], [], labels={subject: "it"})

        assert [line.words for line in told] == [words]

    @pytest.mark.parametrize(
        ("subject", "body"),
        [
            ("attempt:1", '{"state": ["intended", "requested"]}'),
            ("standing:1", '{"standing": [null, "current"]}'),
            ("invoice:1", '{"case_id": [null, 4]}'),
            ("somethingnew:1", '{"a": [1, 2]}'),
        ],
    )
    def test_leaves_out_what_says_nothing_to_people(self, subject, body):
        assert story([entry(1, subject, body)], [], labels={}) == ()


class TestWords:
    @pytest.mark.parametrize(
        ("lasted", "words"),
        [
            (timedelta(0), "0 min"),
            (timedelta(minutes=59, seconds=59), "59 min"),
            (timedelta(hours=1), "1 h"),
            (timedelta(hours=23, minutes=59), "23 h"),
            (timedelta(days=1), "1 d"),
            (timedelta(days=9, hours=4), "9 d 4 h"),
            (-timedelta(hours=1), "0 min"),
        ],
    )
    def test_of_a_span(self, lasted, words):
        assert span(lasted) == words

    @pytest.mark.parametrize(
        ("standing", "owed", "words"),
        [
            (CURRENT, (), "Nothing is owed that has failed, and nothing is restricted."),
            (CURRENT, (TEN_EUROS,), "10.00 EUR is owed for 1 d; the ladder has not begun."),
            ("soft", (TEN_EUROS,), "On rung soft for 1 d; 10.00 EUR is owed."),
            (BAD_DEBT, (TEN_EUROS, Money(5, "JPY")),
             "Bad debt: the ladder has ended and 10.00 EUR and 5 JPY is still owed for 1 d."),
        ],
    )  # fmt: skip
    def test_of_a_standing(self, standing, owed, words):
        assert standing_words(standing, owed, NOON, now=NOON + DAY) == words

    def test_call_a_scope_by_the_processors_name(self):
        account = owing(invoice(1), invoice(2, subscription=None))

        assert about(account, "subscription:1") == "subscription sub_1"
        assert about(account, "invoice:2") == "invoice in_2"
        assert about(account, "invoice:9") == "invoice 9"

    def test_replace_our_numbers_by_names_we_know(self):
        labels = {"subscription:1": "sub_1"}

        assert named("lift x on subscription:1", labels) == "lift x on subscription sub_1"
        assert named("subscription:12 and invoice:1", labels) == "subscription:12 and invoice:1"
