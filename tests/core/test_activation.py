"""What becomes of a gate, and of money that comes too late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.account import Account, Gate, Subscription
from recoup.core.activation import resolved
from recoup.core.diff import diff
from recoup.core.money import Money
from recoup.core.states import (
    AttemptState,
    GateStatus,
    InvoiceStatus,
    SubscriptionStatus,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
DUE = Money(900, "EUR")

DECLINED, SUCCEEDED = AttemptState.DECLINED, AttemptState.SUCCEEDED
WAITS, PROCESSING = AttemptState.ACTION_REQUIRED, AttemptState.PROCESSING
CANCELED = AttemptState.CANCELED

SUBSCRIPTION = Subscription(7, "sub_7", SubscriptionStatus.INCOMPLETE, "price_1", None, None, None)
GATE = Gate(
    id=3,
    purpose="start",
    status=GateStatus.PENDING,
    tries=None,
    expires_at=NOW + HOUR,
    ended_at=None,
    reason=None,
    withdrawal=None,
    subscription_id=7,
    called=SubscriptionStatus.INCOMPLETE,
    invoice_id=9,
    invoice="in_9",
    invoice_status=InvoiceStatus.OPEN,
    due=DUE,
    paid_at=None,
)


def account(
    gate: Gate = GATE,
    subscription: Subscription = SUBSCRIPTION,
    deleted: bool = False,
) -> Account:
    return Account(
        id=1,
        processor="fake",
        currency="EUR",
        country="DE",
        segment=None,
        reachable=True,
        deleted=deleted,
        standing="current",
        next_wake_at=None,
        subscriptions=(subscription,),
        gates=(gate,),
    )


def decided(gate: Gate = GATE, subscription: Subscription = SUBSCRIPTION, **more: bool) -> Gate:
    return resolved(account(gate, subscription, **more), now=NOW).gates[0]


def called(status: SubscriptionStatus, **values: object) -> tuple[Gate, Subscription]:
    """The gate and the subscription when the processor calls it this."""
    shown = None if status == SubscriptionStatus.INCOMPLETE else status
    return (
        replace(GATE, called=status),
        replace(SUBSCRIPTION, processor_status=shown, **values),  # type: ignore[arg-type]
    )


class TestAGate:
    @pytest.mark.parametrize(
        ("now", "status"),
        [
            (GATE.expires_at - TICK, GateStatus.PENDING),
            (GATE.expires_at, GateStatus.EXPIRED),
            (GATE.expires_at + TICK, GateStatus.EXPIRED),
        ],
    )
    def test_expires_at_its_instant_and_not_before(self, now, status):
        assert resolved(account(), now=now).gates[0].status == status

    @pytest.mark.parametrize(
        "now", [GATE.expires_at - TICK, GATE.expires_at, GATE.expires_at + TICK]
    )
    def test_is_satisfied_by_money_that_is_known_whatever_the_hour(self, now):
        found = resolved(account(replace(GATE, paid_at=NOW)), now=now)

        assert found.gates[0].status == GateStatus.SATISFIED

    def test_waits_for_what_has_not_begun(self):
        gate = replace(GATE, expires_at=None, subscription_id=None, called=None, invoice_id=None)

        assert decided(gate) == gate

    @pytest.mark.parametrize(
        ("purpose", "status"),
        [
            ("start", InvoiceStatus.UNCOLLECTIBLE),
            ("change", InvoiceStatus.VOID),
        ],
    )
    def test_fails_with_an_invoice_that_was_given_up(self, purpose, status):
        gate = decided(replace(GATE, purpose=purpose, invoice_status=status))

        assert (gate.status, gate.reason) == (GateStatus.FAILED, "payment_failed")

    def test_waits_for_what_becomes_of_a_subscription_whose_first_invoice_is_void(self):
        gate = replace(GATE, invoice_status=InvoiceStatus.VOID)

        assert decided(gate) == gate

    def test_fails_with_a_first_invoice_that_is_void_and_does_not_end_the_subscription(self):
        gate, mine = called(SubscriptionStatus.ACTIVE)

        dead = decided(replace(gate, invoice_status=InvoiceStatus.VOID), mine)

        assert (dead.status, dead.reason) == (GateStatus.FAILED, "payment_failed")

    @pytest.mark.parametrize(
        ("tries", "attempts", "status"),
        [
            (None, (DECLINED,) * 9, GateStatus.PENDING),
            (2, (DECLINED,), GateStatus.PENDING),
            (2, (DECLINED, DECLINED), GateStatus.FAILED),
            (1, (DECLINED, WAITS), GateStatus.PENDING),  # abandoned for another
            (1, (DECLINED, PROCESSING), GateStatus.PENDING),
            (1, (CANCELED,), GateStatus.PENDING),
            (1, (WAITS,), GateStatus.PENDING),
            (2, (DECLINED, CANCELED, DECLINED), GateStatus.FAILED),
        ],
    )
    def test_fails_with_the_last_try_it_may_have(self, tries, attempts, status):
        assert decided(replace(GATE, tries=tries, attempts=attempts)).status == status

    @pytest.mark.parametrize(
        "gate",
        [
            replace(GATE, due=Money(0, "EUR"), invoice_status=InvoiceStatus.PAID),
            replace(GATE, due=Money(-5, "EUR"), invoice_status=InvoiceStatus.OPEN),
            replace(
                GATE,
                called=SubscriptionStatus.TRIALING,
                invoice_id=None,
                invoice=None,
                invoice_status=None,
                due=None,
            ),
        ],
    )
    def test_does_not_apply_where_nothing_is_due(self, gate):
        assert decided(gate).status == GateStatus.NOT_APPLICABLE

    def test_waits_for_an_invoice_that_is_still_prepared_but_not_for_ever(self):
        draft = replace(GATE, due=Money(0, "EUR"), invoice_status=InvoiceStatus.DRAFT)

        assert decided(draft).status == GateStatus.PENDING
        assert decided(replace(draft, expires_at=NOW)).status == GateStatus.EXPIRED

    def test_expires_without_an_invoice_and_waits_for_its_name_to_withdraw_it(self):
        bare = replace(
            GATE, expires_at=NOW, invoice_id=None, invoice=None, invoice_status=None, due=None
        )

        dead = decided(bare)

        assert (dead.status, dead.withdrawal) == (GateStatus.EXPIRED, "waiting")
        named = replace(dead, invoice_id=9, invoice="in_9", invoice_status=InvoiceStatus.CLOSED)
        assert decided(named).withdrawal == "asked"

    def test_holds_even_where_the_processor_calls_it_active(self):
        gate, mine = called(SubscriptionStatus.ACTIVE)

        assert decided(gate, mine).status == GateStatus.PENDING

    @pytest.mark.parametrize(
        ("status", "reason", "found"),
        [
            (SubscriptionStatus.INCOMPLETE_EXPIRED, None, (GateStatus.EXPIRED, "timeout")),
            (SubscriptionStatus.INCOMPLETE_EXPIRED, "processor", (GateStatus.EXPIRED, "timeout")),
            (SubscriptionStatus.INCOMPLETE_EXPIRED, "requested", (GateStatus.FAILED, "requested")),
            (SubscriptionStatus.CANCELED, "requested", (GateStatus.FAILED, "requested")),
            (SubscriptionStatus.CANCELED, None, (GateStatus.FAILED, "processor")),
        ],
    )
    def test_dies_with_what_the_processor_has_ended(self, status, reason, found):
        gate, mine = called(status, ended_at=NOW - HOUR, end_reason=reason)
        mine = replace(mine, status=SubscriptionStatus.CANCELED)

        dead = decided(gate, mine)

        assert (dead.status, dead.reason) == found

    @pytest.mark.parametrize(
        ("paid", "status"),
        [
            (timedelta(hours=-2), GateStatus.SATISFIED),
            (-HOUR, GateStatus.SATISFIED),
            (-HOUR + TICK, GateStatus.FAILED),
        ],
    )
    def test_was_satisfied_if_it_was_paid_before_it_ended(self, paid, status):
        gate, mine = called(SubscriptionStatus.CANCELED, ended_at=NOW - HOUR)

        assert decided(replace(gate, paid_at=NOW + paid), mine).status == status

    def test_dies_when_its_end_is_asked_for(self):
        mine = replace(SUBSCRIPTION, end_requested_at=NOW, end_reason="requested")

        dead = decided(GATE, mine)

        assert (dead.status, dead.reason) == (GateStatus.FAILED, "requested")

    def test_dies_with_its_customer_also_before_it_has_begun(self):
        assert decided(deleted=True).status == GateStatus.FAILED
        unborn = replace(GATE, subscription_id=None, called=None, expires_at=None)
        assert decided(unborn, deleted=True).status == GateStatus.FAILED

    @pytest.mark.parametrize("status", sorted(set(GateStatus) - {GateStatus.PENDING}))
    def test_stays_as_it_was_decided(self, status):
        over = replace(GATE, status=status, ended_at=NOW, reason=None, paid_at=NOW)

        assert decided(over) == over

    @pytest.mark.parametrize("status", [InvoiceStatus.VOID, InvoiceStatus.PAID])
    def test_withdraws_nothing_where_no_money_can_come(self, status):
        gate = replace(GATE, invoice_status=status, expires_at=NOW, due=Money(0, "EUR"))
        gone, mine = replace(gate, called=SubscriptionStatus.CANCELED), SUBSCRIPTION

        assert decided(gone, mine).withdrawal is None


class TestASubscription:
    @pytest.mark.parametrize(
        "status", [SubscriptionStatus.ACTIVE, SubscriptionStatus.INCOMPLETE], ids=str
    )
    def test_begins_with_its_money_also_before_the_processor_says_so(self, status):
        gate, mine = called(status)

        (begun,) = resolved(account(replace(gate, paid_at=NOW), mine), now=NOW).subscriptions

        assert (begun.status, begun.activated_at) == (SubscriptionStatus.ACTIVE, NOW)
        assert begun.processor_status == (None if status == begun.status else status)

    def test_is_canceled_with_its_gate_and_ended_at_the_processor(self):
        gate, mine = called(SubscriptionStatus.ACTIVE)

        (dead,) = resolved(account(replace(gate, expires_at=NOW), mine), now=NOW).subscriptions

        assert dead.status == SubscriptionStatus.CANCELED
        assert dead.processor_status == SubscriptionStatus.ACTIVE
        assert (dead.ended_at, dead.end_reason, dead.end_requested_at) == (NOW, "timeout", NOW)

    def test_keeps_the_end_that_its_processor_gave_it(self):
        gate, mine = called(SubscriptionStatus.INCOMPLETE_EXPIRED, ended_at=NOW - HOUR)
        mine = replace(mine, status=SubscriptionStatus.CANCELED)

        (dead,) = resolved(account(gate, mine), now=NOW).subscriptions

        assert (dead.ended_at, dead.end_reason) == (NOW - HOUR, "timeout")
        assert dead.end_requested_at is None

    @pytest.mark.parametrize(
        ("answer", "status", "withdrawal"),
        [
            (None, GateStatus.PENDING, "asked"),
            ("asked", GateStatus.PENDING, "asked"),
            ("too_late", GateStatus.PENDING, "too_late"),
            ("unsupported", GateStatus.PENDING, "unsupported"),
            ("canceled", GateStatus.EXPIRED, "canceled"),
            ("refused", GateStatus.EXPIRED, "refused"),
        ],
    )
    def test_of_an_offer_is_its_end_once_no_money_comes_any_more(self, answer, status, withdrawal):
        offer = replace(
            GATE,
            purpose="change",
            expires_at=NOW,
            called=SubscriptionStatus.ACTIVE,
            withdrawal=answer,
        )
        mine = replace(SUBSCRIPTION, status=SubscriptionStatus.ACTIVE)

        found = resolved(account(offer, mine), now=NOW)

        assert (found.gates[0].status, found.gates[0].withdrawal) == (status, withdrawal)
        assert found.subscriptions == (mine,)

    def test_of_an_offer_is_a_timeout_though_its_invoice_was_given_up_for_that(self):
        offer = replace(
            GATE,
            purpose="change",
            expires_at=NOW,
            called=SubscriptionStatus.ACTIVE,
            withdrawal="canceled",
            invoice_status=InvoiceStatus.VOID,
        )

        assert decided(offer).reason == "timeout"

    def test_that_came_to_be_after_its_gate_died_is_ended_too(self):
        gate, _ = called(SubscriptionStatus.ACTIVE)
        dead = replace(
            gate,
            status=GateStatus.FAILED,
            ended_at=NOW - HOUR,
            reason="requested",
            withdrawal="waiting",
        )
        mine = replace(
            SUBSCRIPTION,
            status=SubscriptionStatus.CANCELED,
            processor_status=SubscriptionStatus.ACTIVE,
            ended_at=NOW - HOUR,
        )

        found = resolved(account(dead, mine), now=NOW)

        assert found.subscriptions[0].end_requested_at is not None


@st.composite
def situations(draw: st.DrawFn) -> tuple[Account, datetime]:
    """Any gate with any subscription at any hour."""
    status = draw(st.sampled_from(SubscriptionStatus))
    paid = draw(st.sampled_from([None, NOW - 3 * HOUR, NOW]))
    gate = replace(
        GATE,
        purpose=draw(st.sampled_from(["start", "change"])),
        called=status,
        tries=draw(st.sampled_from([None, 1, 2])),
        attempts=tuple(draw(st.lists(st.sampled_from(AttemptState), max_size=3))),
        paid_at=paid,
        invoice_status=InvoiceStatus.PAID if paid else draw(st.sampled_from(InvoiceStatus)),
        expires_at=draw(st.sampled_from([None, NOW - HOUR, NOW, NOW + HOUR])),
    )
    over = status in {SubscriptionStatus.CANCELED, SubscriptionStatus.INCOMPLETE_EXPIRED}
    shown = SubscriptionStatus.CANCELED if over else SubscriptionStatus.INCOMPLETE
    mine = replace(
        SUBSCRIPTION,
        status=shown,
        processor_status=None if shown == status else status,
        ended_at=NOW - HOUR if over else None,
    )
    return account(gate, mine, deleted=draw(st.booleans())), NOW


class TestDeciding:
    @given(situations())
    def test_again_changes_nothing(self, situation):
        before, now = situation
        once = resolved(before, now=now)

        assert resolved(once, now=now) == once
        assert diff(once, resolved(once, now=now)) == ()

    @given(situations())
    def test_never_opens_what_is_not_paid(self, situation):
        before, now = situation
        gate = resolved(before, now=now).gates[0]

        if gate.status == GateStatus.SATISFIED:
            assert gate.paid_at is not None
        if gate.paid_at is None and gate.expires_at is not None and gate.expires_at <= now:
            assert gate.status != GateStatus.PENDING or gate.withdrawal == "asked"
