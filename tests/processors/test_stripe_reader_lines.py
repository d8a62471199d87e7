"""What an invoice's lines sell, in the shapes of old and new API versions."""

from __future__ import annotations

import pytest

from recoup.processors.stripe.reader import read
from recoup.testing import events
from recoup.testing.events import NEW_YEAR, VERSIONS, is_new


def line(price, amount, *, version):
    if is_new(version):
        details = {"price_details": {"price": price}, "type": "price_details"}
        return {"amount": amount, "currency": "eur", "pricing": price and details}
    return {"amount": amount, "currency": "eur", "price": price and {"id": price}}


def sold(*lines, version=VERSIONS[-1], has_more=False):
    """Return what an invoice with lines of these prices and amounts sells."""
    shown = [line(price, amount, version=version) for price, amount in lines]
    listed = {"object": "list", "data": shown, "has_more": has_more}
    bill = events.invoice("in_1", "cus_1", version=version, lines=listed)
    return read(
        events.event("invoice.updated", bill, id="evt_1", at=NEW_YEAR, version=version)
    ).facts[0].prices  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
class TestTheLinesOfAnInvoice:
    def test_sell_their_prices_each_once_and_in_their_order(self, version):
        assert sold(("b", 1), ("a", 1), ("b", 2), version=version) == ("b", "a")

    def test_sell_nothing_that_is_given_back_or_costs_nothing(self, version):
        assert sold(("old", -500), ("free", 0), ("new", 1), version=version) == ("new",)

    def test_may_have_no_price(self, version):
        assert sold((None, 500), version=version) == ()

    def test_say_nothing_where_not_all_are_shown(self, version):
        assert sold(("a", 1), version=version, has_more=True) is None


class TestAnInvoiceWithoutLines:
    def test_says_nothing_of_what_it_sells(self):
        bill = events.invoice("in_1", "cus_1")

        facts = read(events.event("invoice.updated", bill, id="evt_1", at=NEW_YEAR)).facts

        assert facts[0].prices is None

    def test_of_an_old_plan_names_that(self):
        listed = {"data": [{"amount": 5, "plan": {"id": "gold"}}]}
        bill = events.invoice("in_1", "cus_1", version=VERSIONS[0], lines=listed)

        told = events.event("invoice.updated", bill, id="evt_1", at=NEW_YEAR, version=VERSIONS[0])

        assert read(told).facts[0].prices == ("gold",)
