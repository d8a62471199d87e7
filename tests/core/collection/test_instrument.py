"""Whether one obligation is tried again by itself, when, with what, and why."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.account import Signal
from recoup.core.collection.plan import Need
from recoup.core.money import Money
from recoup.core.states import AttemptState

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TICK = timedelta(microseconds=1)


class TestAnInstrument:
    def test_stays_barred_by_another_invoice(self, make):
        before = make.attempt(
            make.T - 50 * DAY, Signal(decline_code="invalid_account"), invoice_id=7
        )
        account = make.account(make.attempt(), uses=(before,))

        assert make.plan(account).at is None

    def test_that_paid_later_is_alive(self, make):
        before = make.attempt(
            make.T - 50 * DAY, Signal(decline_code="not_permitted"), invoice_id=7
        )
        paid = make.attempt(make.T - 40 * DAY, state=AttemptState.SUCCEEDED, invoice_id=7)
        account = make.account(make.attempt(), uses=(before, paid))

        assert make.plan(account).at == make.T + 3 * DAY

    def test_that_paid_something_else_later_is_not_tried_for_what_it_refused(self, make):
        refused = make.attempt(signal=Signal(decline_code="not_permitted"))
        paid = make.attempt(make.T + DAY, state=AttemptState.SUCCEEDED, invoice_id=7)

        made = make.plan(make.account(refused, uses=(refused, paid)), make.T + 2 * DAY)

        assert (made.at, made.need) == (None, Need.NEW_METHOD)

    def test_that_paid_later_is_not_alive_to_visa(self, make):
        before = make.attempt(make.T - 50 * DAY, Signal(network_decline_code="57"), invoice_id=7)
        paid = make.attempt(make.T - 40 * DAY, state=AttemptState.SUCCEEDED, invoice_id=7)
        account = make.account(make.attempt(), uses=(before, paid))

        made = make.plan(account)
        assert made.at is None
        assert "category 1" in made.reasons[-1]

    @pytest.mark.parametrize(("currency", "tried"), [("EUR", True), ("USD", False)])
    def test_that_cannot_pay_one_currency_may_pay_another(self, make, currency, tried):
        before = make.attempt(
            make.T - 9 * DAY,
            Signal(decline_code="currency_not_supported"),
            invoice_id=7,
            amount=Money(900, currency),
        )

        assert (make.plan(make.account(make.attempt(), uses=(before,))).at is not None) == tried

    def test_of_a_payer_who_has_died_is_a_persons_business(self, make):
        signal = Signal(network_decline_code="R15")
        bank = make.method(kind="us_bank_account", brand=None)

        made = make.plan(make.account(make.attempt(signal=signal, brand=None), methods=(bank,)))

        assert (made.at, made.need) == (None, Need.PERSON)
        assert made.verdict.stop_mail
