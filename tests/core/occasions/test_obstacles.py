"""Why a mail is left out: what is told otherwise, and what is not true any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recoup.core.account import DebtExit, Signal
from recoup.core.money import Money
from recoup.core.occasions.base import stamp
from recoup.core.occasions.obstacles import LATER, Around, obstacle
from recoup.core.occasions.story import (
    Awaited,
    Bill,
    Bought,
    Closed,
    Dunned,
    GivenBack,
    Owed,
    Payment,
    Story,
    Way,
)
from recoup.core.states import (
    AttemptState,
    CaseEnd,
    GateStatus,
    InvoiceStatus,
    SubscriptionStatus,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY, INSTANT = timedelta(days=1), timedelta(microseconds=1)
TEN, NOTHING = Money(1000, "EUR"), Money(0, "EUR")
SCOPE = "subscription:7"

CARD = Way("card", "visa", "4242", (2026, 3), used=True)
BOUGHT = Bought(
    7, SubscriptionStatus.ACTIVE, "price_1", NOON - 40 * DAY, None, None, None, NOON - 9 * DAY,
    collection_paused=False, resumes_at=None, renews_at=NOON + DAY, coupon="spring",
)  # fmt: skip
OVER = replace(BOUGHT, status=SubscriptionStatus.CANCELED, ended_at=NOON)
TRYING = replace(BOUGHT, status=SubscriptionStatus.TRIALING, trial_ends_at=NOON + 3 * DAY)
OPEN = Bill(
    1, 7, 5, "INV-1", InvoiceStatus.OPEN, TEN, NOTHING, TEN, ("price_1",), None, NOON, None, None,
    None, by_itself=True, hidden=False, withdrawn=False,
)  # fmt: skip
PAID = replace(OPEN, status=InvoiceStatus.PAID, paid=TEN, left=NOTHING, closed_at=NOON)
VOID = replace(OPEN, status=InvoiceStatus.VOID, left=NOTHING, resolved_as="superseded")
REFUSED = Payment(3, 1, AttemptState.DECLINED, TEN, NOON, CARD, Signal(), None)
CASE = Dunned(5, SCOPE, "default@1", NOON - 9 * DAY, None, None, told=True)
SAVED = replace(CASE, end=CaseEnd.RECOVERED, ended_at=NOON)
READ_ONLY = Closed(5, SCOPE, "read_only", NOON, None)
GATE = Awaited(4, GateStatus.SATISFIED, 1, None, "refund", None, None)
DEBT = Owed(6, 1, 5, DebtExit.PAID, NOON)

#: Type -> a story in which nothing speaks against it.
SENT = {
    "receipt": {"bill": PAID},
    "invoice_paid": {"bill": PAID},
    "payment_recovered": {"case": SAVED, "bills": (PAID,)},
    "bad_debt_paid": {"debt": DEBT},
    "payment_failed": {"payment": REFUSED, "bill": OPEN},
    "invoice_payment_failed": {"payment": REFUSED, "bill": OPEN},
    "payment_action_required": {
        "payment": replace(REFUSED, state=AttemptState.ACTION_REQUIRED), "bill": OPEN,
    },
    "activation_expired": {"gate": replace(GATE, status=GateStatus.FAILED)},
    "upgrade_withdrawn": {"bought": BOUGHT},
    "invoice_finalized": {"bill": OPEN},
    "refund_issued": {"refund": GivenBack(3, TEN, "succeeded", NOON)},
    "trial_ended": {"bought": replace(BOUGHT, trial_ends_at=NOON)},
    "trial_ending": {"bought": TRYING, "args": {"day": stamp(NOON + 3 * DAY)[:10]}},
    "subscription_canceled": {"bought": OVER},
    "subscription_paused": {"bought": replace(BOUGHT, collection_paused=True)},
    "subscription_resumed": {"bought": BOUGHT},
    "coupon_applied": {"bought": BOUGHT, "args": {"coupon": "spring"}},
    "access_restricted": {
        "closed": (READ_ONLY,), "args": {"case_id": 5, "since": stamp(NOON)},
    },
    "access_restored": {
        "case": CASE, "closed": (replace(READ_ONLY, lifted_at=NOON),),
        "args": {"case_id": 5, "lifted_at": stamp(NOON)},
    },
    "card_expiring_soon": {"way": CARD, "args": {"month": "2026-03"}},
}  # fmt: skip

MILDER = replace(READ_ONLY, consequence="restrict_features")
STRICTER = replace(READ_ONLY, consequence="suspend", since=NOON - DAY, lifted_at=NOON)
#: Type, what is otherwise in its story, and why it is left out then.
LEFT_OUT = [
    ("receipt", {"bill": OPEN}, "the payment has not come"),
    ("receipt", {"bill": replace(PAID, hidden=True)},
     "its customer does not get to see the invoice"),
    ("receipt", {"args": {"gate_id": 4}, "gate": replace(GATE, status=GateStatus.PENDING)},
     "the payment has not come"),
    ("invoice_paid", {"gate": GATE}, "receipt tells of it"),
    ("invoice_paid", {"debt": DEBT}, "bad_debt_paid tells of it"),
    ("invoice_paid", {"case": SAVED, "bills": (PAID,)}, "payment_recovered tells of it"),
    ("invoice_paid", {"bill": replace(PAID, resolved_as="forgiven")}, "the payment has not come"),
    ("payment_recovered", {"case": CASE}, "its money has not come"),
    ("payment_recovered", {"case": replace(SAVED, told=False)},
     "its customer was never told of a debt"),
    ("payment_recovered", {"bills": (OPEN,)}, "no payment ended it"),
    ("bad_debt_paid", {"debt": replace(DEBT, exit=None)}, "its money has not come"),
    ("payment_failed", {"payment": replace(REFUSED, state=AttemptState.SUCCEEDED)},
     "it was not refused"),
    ("payment_failed", {"bill": PAID}, "nothing is owed any more"),
    ("payment_failed", {"bill": replace(VOID, subscription_id=None)},
     "the page on which it was tried tells of it"),
    ("payment_failed", {"bill": VOID}, "nothing is owed any more"),
    ("payment_failed", {"bill": replace(OPEN, withdrawn=True)}, "upgrade_withdrawn tells of it"),
    ("invoice_payment_failed", {"payment": replace(REFUSED, state=AttemptState.SUCCEEDED)},
     "it was not refused"),
    ("payment_action_required", {"payment": REFUSED},
     "it does not wait for its customer any more"),
    ("activation_expired", {"gate": GATE}, "what it is about is gone"),
    ("upgrade_withdrawn", {"bought": OVER}, "subscription_canceled tells of it"),
    ("invoice_finalized", {"bill": PAID}, "nothing of it is owed any more"),
    ("invoice_finalized", {"bill": replace(OPEN, hidden=True)},
     "its customer does not get to see the invoice"),
    ("refund_issued", {"refund": GivenBack(3, TEN, "failed", NOON)},
     "the money has not gone back"),
    ("trial_ended", {"bought": TRYING}, "it was given more time"),
    ("trial_ended", {"bought": OVER}, "subscription_canceled tells of it"),
    ("trial_ended", {"bought": replace(TRYING, collection_paused=True)},
     "subscription_paused tells of it"),
    ("trial_ending", {"bought": replace(TRYING, status=SubscriptionStatus.ACTIVE)},
     "the trial is over"),
    ("trial_ending", {"args": {"day": "2026-03-04"}}, "it ends on another day"),
    ("subscription_canceled", {"bought": replace(OVER, began_at=None)}, "it never began"),
    ("subscription_canceled", {"bought": BOUGHT}, "it is not over"),
    ("subscription_canceled", {"bought": BOUGHT, "args": {"ends_at": stamp(NOON)}},
     "it does not end on that day any more"),
    ("subscription_canceled", {"bought": replace(OVER, told_ends=(stamp(NOON),))},
     "its customer was told when its day was set"),
    ("subscription_paused", {"bought": BOUGHT}, "it rests no more"),
    ("subscription_paused", {"closed": (replace(READ_ONLY, consequence="pause_collection"),)},
     "access_restricted tells of it"),
    ("subscription_resumed", {"bought": replace(BOUGHT, collection_paused=True)},
     "it does not go on"),
    ("subscription_resumed",
     {"closed": (replace(READ_ONLY, consequence="pause_collection", lifted_at=NOON),)},
     "what lifts its restriction tells of it"),
    ("coupon_applied", {"args": {"coupon": "autumn"}}, "it is not taken off any more"),
    ("coupon_applied", {"bought": OVER}, "it is over"),
    ("access_restricted", {"closed": (replace(READ_ONLY, lifted_at=NOON),)},
     "it was given back since"),
    ("access_restricted", {"closed": (STRICTER, READ_ONLY)}, "it takes away less than before"),
    ("access_restricted", {"bought": OVER}, "subscription_canceled tells of it"),
    ("access_restored", {"closed": ()}, "nothing came back that was missed"),
    ("access_restored", {"closed": (replace(READ_ONLY, lifted_at=NOON), MILDER)},
     "another restriction holds"),
    ("access_restored", {"case": SAVED, "bills": (PAID,)}, "payment_recovered tells of it"),
    ("card_expiring_soon", {"args": {"month": "2026-04"}}, "it was renewed"),
    ("card_expiring_soon", {"way": replace(CARD, used=False)}, "nothing is paid with it"),
]  # fmt: skip


def story(mail: str, **otherwise: object) -> Story:
    told = {"args": {}, "queued_at": NOON} | SENT[mail] | otherwise
    return Story(mail, **told)


def against(mail: str, *, noticed: bool = False, asked: bool = False, **otherwise: object):
    return obstacle(story(mail, **otherwise), Around(NOON, noticed=noticed, asked=asked))


def reason(found):
    return None if found is None else found.reason


class TestAMail:
    @pytest.mark.parametrize("mail", SENT)
    def test_is_sent_where_it_is_true_and_no_other_tells_of_it(self, mail):
        assert against(mail) is None

    @pytest.mark.parametrize("mail", SENT)
    def test_is_left_out_where_what_it_is_about_is_gone(self, mail):
        assert reason(against(mail, found=False)) == "what it is about is gone"

    @pytest.mark.parametrize(("mail", "otherwise", "why"), LEFT_OUT)
    def test_is_left_out(self, mail, otherwise, why):
        assert reason(against(mail, **otherwise)) == why

    @pytest.mark.parametrize(("mail", "otherwise", "why"), LEFT_OUT)
    def test_that_is_asked_for_is_left_out_only_where_it_is_not_true(self, mail, otherwise, why):
        told = why.endswith(" tells of it")

        assert reason(against(mail, asked=True, **otherwise)) == (None if told else why)

    @pytest.mark.parametrize("mail", ["invoice_payment_failed", "payment_action_required"])
    def test_is_left_out_where_a_campaign_tells_of_it(self, mail):
        assert reason(against(mail, case=CASE, noticed=True)) == "its campaign tells of it"
        assert against(mail, case=CASE, noticed=False) is None
        assert against(mail, case=None, noticed=True) is None


class TestACouponOfWhatHasNotBegun:
    def test_is_told_of_once_its_first_payment_is_there(self):
        waits = replace(BOUGHT, status=SubscriptionStatus.INCOMPLETE)

        found = against("coupon_applied", bought=waits)

        assert (found.reason, found.until) == ("its first payment is awaited", NOON + LATER)


class TestARestriction:
    def test_is_told_of_where_a_stricter_one_comes_in_its_place(self):
        milder = replace(MILDER, since=NOON - DAY, lifted_at=NOON)

        assert against("access_restricted", closed=(milder, READ_ONLY)) is None

    @pytest.mark.parametrize("later", [INSTANT, DAY])
    def test_is_told_of_where_a_stricter_one_was_lifted_before(self, later):
        before = replace(STRICTER, lifted_at=NOON - later)

        assert against("access_restricted", closed=(before, READ_ONLY)) is None

    def test_is_told_of_where_a_stricter_one_of_something_else_is_lifted(self):
        other = replace(STRICTER, scope="subscription:8")

        assert against("access_restricted", closed=(other, READ_ONLY)) is None

    def test_is_told_of_where_one_of_two_takes_more_away(self):
        two = (STRICTER, READ_ONLY, replace(READ_ONLY, consequence="pause_collection"))

        assert against("access_restricted", closed=two) is None


class TestWhatHappenedLongAgo:
    @pytest.mark.parametrize(("age", "told"), [(3 * DAY, True), (3 * DAY + INSTANT, False)])
    def test_is_told_of_for_72_hours_and_not_an_instant_longer(self, age, told):
        ended = replace(OVER, ended_at=NOON - age)
        issued = replace(OPEN, issued_at=NOON - age)

        assert (against("subscription_canceled", bought=ended) is None) == told
        assert (against("invoice_finalized", bill=issued) is None) == told
