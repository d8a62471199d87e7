"""What a network charges for the next try is known before it is made."""

from __future__ import annotations

import pytest

from recoup.core.account import Signal
from recoup.core.money import Money


class TestTheNextTry:
    @pytest.mark.parametrize("brand", ["visa", "mastercard"])
    def test_costs_nothing_within_the_limits_that_a_network_publishes(self, make, brand):
        account = make.account(make.attempt(brand=brand), methods=(make.method(brand=brand),))

        made = make.plan(account)

        assert (made.price, made.fee) == (Money(0, "USD"), None)

    @pytest.mark.parametrize(
        ("kind", "brand", "signal"),
        [
            ("card", "amex", Signal(decline_code="insufficient_funds")),
            ("card", None, Signal(decline_code="insufficient_funds")),
            ("sepa_debit", None, Signal(network_decline_code="AM04")),
        ],
    )
    def test_costs_nobody_knows_what_where_none_is_published(self, make, kind, brand, signal):
        account = make.account(
            make.attempt(signal=signal, brand=brand),
            methods=(make.method(kind=kind, brand=brand),),
        )

        made = make.plan(account)

        assert (made.at is None, made.price) == (False, None)

    def test_has_no_price_when_it_is_not_made(self, make):
        made = make.plan(make.account(make.attempt(signal=Signal(decline_code="lost_card"))))

        assert (made.at, made.price) == (None, None)
