"""Every event about a payment that is read says the same in the shape of every API version."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recoup.core.account import Signal
from recoup.core.facts import DisputeFact, PaymentFact, PaymentLink, RefundFact, Seen
from recoup.core.money import Money
from recoup.core.states import ATTEMPT_RANK, AttemptState
from recoup.processors.stripe.reader import read
from recoup.testing import events
from recoup.testing.events import NEW_YEAR, VERSIONS, is_new

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + timedelta(hours=1)

every_version = pytest.mark.parametrize("version", VERSIONS)


def told(type, object, **more):
    return read(events.event(type, object, id="evt_1", **{"at": NEW_YEAR + 3600} | more)).facts


class TestACharge:
    @every_version
    def test_that_failed_says_all_that_the_network_said(self, version):
        shown = events.charge(
            "ch_1",
            "cus_1",
            invoice="in_1",
            payment_intent="pi_1",
            status="failed",
            version=version,
        )

        (fact,) = told("charge.failed", shown, version=version, key="recoup:in_1:retry:2")

        assert replace(fact, invoice=None) == PaymentFact(
            processor_id="ch_1",
            payment_intent="pi_1",
            invoice=None,
            customer="cus_1",
            seen=Seen(ATTEMPT_RANK[AttemptState.DECLINED], LATER, 0, "evt_1"),
            state=AttemptState.DECLINED,
            amount=Money(1000, "EUR"),
            method="pm_cus_1",
            kind="card",
            instrument="fp_pm_cus_1",
            brand="visa",
            at=START,
            signal=Signal("insufficient_funds", "try_again_later", "51", "02"),
            idempotency_key="recoup:in_1:retry:2",
        )
        assert fact.invoice == (None if is_new(version) else "in_1")

    @pytest.mark.parametrize(
        ("status", "state"),
        [("succeeded", "succeeded"), ("pending", "processing"), ("failed", "declined")],
    )
    def test_has_a_state_of_ours(self, status, state):
        (fact,) = told("charge.updated", events.charge("ch_1", "cus_1", status=status))

        assert (fact.state, fact.signal == Signal()) == (state, status != "failed")

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            pytest.param({"failure_code": "expired_card"}, "expired_card", id="a code of its own"),
            pytest.param({"outcome": None}, "card_declined", id="nothing more precise"),
            pytest.param(
                {"outcome": {"type": "blocked", "reason": "highest_risk_level"}},
                "fraudulent",
                id="blocked by Radar",
            ),
        ],
    )
    def test_names_the_most_precise_decline_code(self, fields, code):
        shown = events.charge("ch_1", "cus_1", status="failed") | fields

        assert told("charge.failed", shown)[0].signal.decline_code == code

    def test_of_another_program_has_no_key_of_ours(self):
        (fact,) = told("charge.succeeded", events.charge("ch_1", "cus_1"), key="theirs")

        assert fact.idempotency_key is None

    def test_for_no_invoice_is_ignored_by_name(self):
        shown = events.charge("ch_1", "cus_1", version=events.OLDEST)

        assert read(events.event("charge.succeeded", shown, id="evt_1")).ignored

    def test_lists_its_refunds_where_they_are_expanded(self):
        listed = {"object": "list", "data": [events.refund("re_1", "ch_1")]}
        shown = events.charge("ch_1", "cus_1", refunds=listed)

        assert [type(f) for f in told("charge.refunded", shown)] == [PaymentFact, RefundFact]


class TestWhoseAPaymentIs:
    @pytest.mark.parametrize("version", [v for v in VERSIONS if not is_new(v)])
    def test_is_told_by_the_intent_in_the_old_shapes(self, version):
        shown = events.payment_intent("pi_1", "cus_1", invoice="in_1", version=version)

        assert told("payment_intent.created", shown) == (PaymentLink("pi_1", "in_1"),)

    def test_is_not_told_by_the_intent_in_the_new_ones(self):
        event = events.event(
            "payment_intent.succeeded", events.payment_intent("pi_1", "cus_1"), id="evt_1"
        )

        assert read(event).ignored

    def test_is_told_by_the_invoice_payment_in_the_new_ones(self):
        shown = events.invoice_payment("inpay_1", "in_1", "pi_1")

        assert told("invoice_payment.paid", shown) == (PaymentLink("pi_1", "in_1"),)


class TestWhatIsTakenBack:
    @pytest.mark.parametrize("type", ["refund.created", "refund.updated", "charge.refund.updated"])
    def test_is_read_as_a_refund(self, type):
        assert told(type, events.refund("re_1", "ch_1")) == (
            RefundFact(
                "re_1",
                "ch_1",
                Seen(0, LATER, 2, "evt_1"),
                Money(400, "EUR"),
                "succeeded",
                START,
            ),
        )

    @pytest.mark.parametrize(
        ("status", "is_open", "lost"),
        [
            ("needs_response", True, False),
            ("warning_under_review", True, False),
            ("won", False, False),
            ("lost", False, True),
        ],
    )
    def test_is_read_as_a_dispute(self, status, is_open, lost):
        (fact,) = told("charge.dispute.updated", events.dispute("dp_1", "ch_1", status=status))

        assert isinstance(fact, DisputeFact)
        assert (fact.charge, fact.open, fact.lost) == ("ch_1", is_open, lost)
