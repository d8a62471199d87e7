"""What an operator reads about a first payment that is awaited, and about money that came late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recoup.core.account import Account, Gate, Late, Subscription
from recoup.core.explain.activation import late_of, waiting_of
from recoup.core.money import Money
from recoup.core.states import (
    AttemptState,
    GateStatus,
    InvoiceStatus,
    LateState,
    SubscriptionStatus,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DECLINED = AttemptState.DECLINED
GATE = Gate(
    id=3, purpose="start", status=GateStatus.PENDING, tries=None,
    expires_at=NOW + timedelta(hours=5), ended_at=None, reason=None, withdrawal=None,
    subscription_id=7, called=SubscriptionStatus.INCOMPLETE, invoice_id=9, invoice="in_9",
    invoice_status=InvoiceStatus.OPEN, due=Money(900, "EUR"), paid_at=None,
)  # fmt: skip
LATE = Late(
    None, 5, 9, "ch_5", Money(900, "EUR"), "refund", LateState.ASKED, "its gate is expired"
)


def account(*gates: Gate, late: tuple[Late, ...] = ()) -> Account:
    mine = Subscription(7, "sub_7", SubscriptionStatus.INCOMPLETE, None, None, None, None)
    return Account(
        1, "fake", "EUR", "DE", None, True, False, "current", None,
        subscriptions=(mine,), gates=gates, late=late,
    )  # fmt: skip


def words(**values: object) -> str:
    gate = replace(GATE, **values)  # type: ignore[arg-type]
    return next(waiting_of(account(gate), now=NOW)).words


class TestWhatIsAwaited:
    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({}, "gives nothing before its payment has come, which is awaited for 5 h more."),
            ({}, "Nobody has tried to pay it."),
            ({"purpose": "change"}, "stays on its old plan before its payment"),
            ({"expires_at": None}, "its payment is asked for when it begins"),
            ({"expires_at": NOW}, "awaited no longer: its time is up"),
            ({"invoice_status": None}, "Its invoice is not known yet."),
            ({"invoice_status": InvoiceStatus.DRAFT}, "Its invoice is being prepared."),
            ({"attempts": (DECLINED, DECLINED)}, "2 tries were declined; the customer may try"),
            ({"attempts": (DECLINED,), "tries": 3}, "1 of 3 tries were declined"),
            ({"attempts": (DECLINED, AttemptState.ACTION_REQUIRED)}, "has to authenticate it"),
            ({"attempts": (AttemptState.PROCESSING,)}, "under way, and takes its time"),
        ],
    )  # fmt: skip
    def test_is_said_with_what_it_waits_for(self, values, said):
        assert said in words(**values)

    @pytest.mark.parametrize(
        ("invoice", "said"),
        [(None, "its invoice is not known yet"), ("in_9", "what was begun is being withdrawn")],
    )
    def test_says_what_is_still_to_do_when_it_is_over(self, invoice, said):
        dead = {"status": GateStatus.EXPIRED, "reason": "timeout", "withdrawal": "waiting"}

        assert f"did not get its payment (timeout): {said}" in words(**dead, invoice=invoice)

    def test_that_has_no_subscription_yet_is_a_start_to_come(self):
        unborn = replace(GATE, subscription_id=None, expires_at=None)

        assert next(waiting_of(account(unborn), now=NOW)).about == "a start to come"


class TestLateMoney:
    @pytest.mark.parametrize(
        ("values", "becomes"),
        [
            ({}, "it is on its way back"),
            ({"decision": "reactivate"}, "what it was for is begun again"),
            ({"state": LateState.STUCK}, "it could not be given back: a person must see to it"),
            ({"state": LateState.FOUND}, "the next recompute sees to it"),
        ],
    )
    def test_is_told_with_what_becomes_of_it(self, values, becomes):
        (told,) = late_of(account(late=(replace(LATE, **values),)))

        assert (told.amount, told.becomes) == (Money(900, "EUR"), becomes)
