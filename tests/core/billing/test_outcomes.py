"""Paid is not resolved: what people see of an invoice, and of an attempt to pay it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from recoup.core.billing.outcomes import DECIDED, outcome, owed_again, pay_of, resolution
from recoup.core.billing.views import Outcome, Pay
from recoup.core.states import AttemptState, InvoiceStatus

DUE = datetime(2026, 3, 1, 12, tzinfo=UTC)
MADE = DUE - timedelta(days=14)
TICK = timedelta(microseconds=1)
DRAFT, OPEN, PAID, VOID, UNCOLLECTIBLE = (
    InvoiceStatus.DRAFT,
    InvoiceStatus.OPEN,
    InvoiceStatus.PAID,
    InvoiceStatus.VOID,
    InvoiceStatus.UNCOLLECTIBLE,
)


def seen(status, **fields):
    """Return what is seen of an invoice a moment before it is due."""
    plain = {
        "paid": 0,
        "credited": 0,
        "charged_back": 0,
        "out_of_band": False,
        "resolved_as": None,
        "since": MADE,
        "due_at": DUE,
        "first_failed_at": None,
        "now": DUE - TICK,
    }
    return outcome(status, **plain | fields)


class TestAnInvoice:
    @pytest.mark.parametrize(
        ("status", "fields", "expected"),
        [
            (DRAFT, {}, (Outcome.DRAFT, None)),
            (OPEN, {}, (Outcome.OPEN, None)),
            (OPEN, {"paid": 400}, (Outcome.OPEN, None)),
            (OPEN, {"resolved_as": "written_off"}, (Outcome.OPEN, None)),
            (OPEN, {"resolved_as": "superseded"}, (Outcome.RESOLVED, "superseded")),
            (PAID, {"paid": 1000}, (Outcome.PAID, None)),
            (PAID, {"paid": 1}, (Outcome.PAID, None)),
            (PAID, {"paid": 400, "credited": 600}, (Outcome.PAID, None)),
            (PAID, {"paid": 1000, "resolved_as": "written_off"}, (Outcome.PAID, None)),
            (PAID, {"paid": 1000, "resolved_as": "forgiven"}, (Outcome.PAID, None)),
            (PAID, {}, (Outcome.RESOLVED, "nothing_due")),
            (PAID, {"credited": 1000}, (Outcome.RESOLVED, "credited")),
            (PAID, {"out_of_band": True}, (Outcome.RESOLVED, "paid_out_of_band")),
            (
                PAID,
                {"paid": 1000, "out_of_band": True},
                (Outcome.RESOLVED, "paid_out_of_band"),
            ),
            (VOID, {}, (Outcome.RESOLVED, "voided")),
            (VOID, {"resolved_as": "written_off"}, (Outcome.RESOLVED, "voided")),
            (VOID, {"resolved_as": "forgiven"}, (Outcome.RESOLVED, "forgiven")),
            (UNCOLLECTIBLE, {}, (Outcome.RESOLVED, "written_off")),
            (UNCOLLECTIBLE, {"paid": 400}, (Outcome.RESOLVED, "written_off")),
            (UNCOLLECTIBLE, {"charged_back": 400}, (Outcome.RESOLVED, "written_off")),
            (UNCOLLECTIBLE, {"resolved_as": "forgiven"}, (Outcome.RESOLVED, "forgiven")),
        ],
    )
    def test_is_shown_as_what_became_of_the_money(self, status, fields, expected):
        assert seen(status, **fields) == expected

    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            pytest.param(DUE - TICK, Outcome.OPEN, id="just before"),
            pytest.param(DUE, Outcome.OVERDUE, id="at the instant"),
            pytest.param(DUE + TICK, Outcome.OVERDUE, id="just after"),
        ],
    )
    def test_is_overdue_from_the_very_instant_it_is_due(self, now, expected):
        assert seen(OPEN, now=now) == (expected, None)

    def test_without_a_date_is_open_until_a_payment_fails(self):
        late = DUE + timedelta(days=900)

        assert seen(OPEN, due_at=None, now=late) == (Outcome.OPEN, None)
        assert seen(OPEN, due_at=None, now=late, first_failed_at=MADE) == (Outcome.OVERDUE, None)

    def test_is_overdue_before_its_date_once_a_payment_failed(self):
        assert seen(OPEN, first_failed_at=MADE) == (Outcome.OVERDUE, None)

    @pytest.mark.parametrize("due_at", [DUE, None], ids=["dated", "undated"])
    def test_is_owed_again_from_its_own_date_when_a_dispute_is_lost(self, due_at):
        fields = {"paid": 1000, "charged_back": 600, "due_at": due_at}
        own = due_at or MADE

        assert seen(PAID, now=own - TICK, **fields) == (Outcome.OPEN, None)
        assert seen(PAID, now=own, **fields) == (Outcome.OVERDUE, None)

    def test_can_be_forgiven_what_a_dispute_took_back(self):
        fields = {"paid": 1000, "charged_back": 600}

        assert seen(PAID, resolved_as="forgiven", **fields) == (Outcome.RESOLVED, "forgiven")
        assert seen(PAID, resolved_as="credited", **fields) == (Outcome.OPEN, None)

    def test_is_shown_as_paid_only_when_money_was_received(self):
        for status, paid, credited, back, elsewhere, how in product(
            InvoiceStatus, (0, 7), (0, 7), (0, 7), (False, True), (None, "credited", *DECIDED)
        ):
            shown, reason = seen(
                status,
                paid=paid,
                credited=credited,
                charged_back=back,
                out_of_band=elsewhere,
                resolved_as=how,
            )

            received = status == PAID and paid > 0 and not back and not elsewhere
            assert (shown == Outcome.PAID) == received
            assert (shown == Outcome.RESOLVED) == (reason is not None)


class TestAResolution:
    def test_is_what_would_be_stored_again(self):
        for status, paid, credited, back, elsewhere, how in product(
            InvoiceStatus, (0, 7), (0, 7), (0, 7), (False, True), (None, "credited", *DECIDED)
        ):
            given = {"paid": paid, "credited": credited, "out_of_band": elsewhere}
            first = resolution(status, charged_back=back, decided=how, **given)

            assert resolution(status, charged_back=back, decided=first, **given) == first


class TestWhatIsOwedAgain:
    @pytest.mark.parametrize("shown", Outcome)
    def test_counts_while_the_invoice_is_owed(self, shown):
        owed = shown in {Outcome.OPEN, Outcome.OVERDUE}

        assert owed_again(shown, 600) == (600 if owed else 0)


class TestAPayment:
    def test_has_a_word_for_every_state(self):
        assert {state: pay_of(state) for state in AttemptState} == {
            AttemptState.INTENDED: Pay.PROCESSING,
            AttemptState.REQUESTED: Pay.PROCESSING,
            AttemptState.PROCESSING: Pay.PROCESSING,
            AttemptState.UNKNOWN: Pay.UNKNOWN,
            AttemptState.ACTION_REQUIRED: Pay.REQUIRES_ACTION,
            AttemptState.DECLINED: Pay.DECLINED,
            AttemptState.CANCELED: Pay.CANCELED,
            AttemptState.SUCCEEDED: Pay.SUCCEEDED,
        }
