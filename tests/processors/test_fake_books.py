"""Whatever happens, the fake's own books balance and agree with its objects."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recoup.core import states
from recoup.core.billing.requests import CreateInvoice, LineWanted
from recoup.core.money import Money
from recoup.errors import Rejected, Unreachable
from recoup.processors.fake import (
    LOST,
    NO_FUNDS,
    Asks,
    Broke,
    Declines,
    FakeProcessor,
    Fault,
    Pays,
    Slow,
    Sometimes,
)
from recoup.processors.fake.model import Dispute

DAY = timedelta(days=1)
PAYERS = (
    Pays(),
    Declines(LOST),
    Declines(NO_FUNDS, 2),
    Sometimes(400),
    Broke(datetime(2026, 1, 25, tzinfo=UTC)),
    Asks(),
    Slow(3 * DAY),
    Slow(3 * DAY, NO_FUNDS),
)
AMOUNTS = (Money(2900, "EUR"), Money(500, "JPY"), Money(12340, "KWD"), Money(0, "USD"))

person = st.tuples(st.sampled_from(PAYERS), st.sampled_from(AMOUNTS))
deed = st.tuples(
    st.sampled_from(
        "wait pay customer refund void give_up elsewhere cancel lose break new_card "
        "one_off dispute win lose_dispute".split()
    ),
    st.integers(0, 7),
    st.integers(1, 40),
)


class History:
    """A small world and everything that can be done to it."""

    def __init__(self, fake, people):
        self.fake = fake
        self.subscriptions = []
        self.disputes = []
        self.keys = 0
        for payer, amount in people:
            customer = fake.create_customer()
            method = fake.attach_method(customer)
            price = fake.create_price(amount)
            self.subscriptions.append(fake.subscribe(customer, price))
            fake.update_method(method, payer=payer)

    def do(self, what, who, number):
        subscription = self.subscriptions[who % len(self.subscriptions)]
        invoices = self.invoices_of(subscription)
        invoice = invoices[number % len(invoices)].id
        self.keys += 1
        with suppress(Rejected, Unreachable):
            self.deed(what, subscription, invoice, number)

    def deed(self, what, subscription, invoice, number):
        fake, key = self.fake, f"k{self.keys}"
        match what:
            case "wait":
                fake.advance(fake.now + number * DAY)
            case "pay":
                fake.pay_invoice(invoice, method=None, key=key)
            case "customer":
                fake.customer_pays(invoice)
            case "refund":
                charge = fake.charges_of(invoice)[-1:] or [None]
                fake.refund(charge[0].id if charge[0] else "ch_none")
            case "void":
                fake.void(invoice)
            case "give_up":
                fake.mark_uncollectible(invoice)
            case "elsewhere":
                fake.mark_paid_out_of_band(invoice)
            case "cancel":
                fake.cancel_subscription(subscription, reason="test", key=key)
            case "lose" | "break":
                fake.add_fault(Fault("lost_reply" if what == "lose" else "error_after"))
            case _:
                self.other_deed(what, subscription, invoice, number)

    def other_deed(self, what, subscription, invoice, number):
        fake, charges = self.fake, self.fake.charges_of(invoice)
        if what == "one_off":
            line = LineWanted("Line", Money(number * 10, "KWD"), tax=number % 2 * 10)
            customer = fake.subscription(subscription).customer
            fake.ask(CreateInvoice(customer, (line,)), key=f"k{self.keys}")
        elif what == "new_card":
            fake.attach_method(fake.subscription(subscription).customer)
        elif what == "dispute" and charges:
            part = Money(number * 10, charges[-1].currency) if number % 2 else None
            self.disputes.append(fake.open_dispute(charges[-1].id, part))
        elif what in {"win", "lose_dispute"} and self.disputes:
            one = self.disputes[number % len(self.disputes)]
            fake.close_dispute(one, won=what == "win")

    def invoices(self):
        return [i for each in self.subscriptions for i in self.invoices_of(each)]

    def taken_back(self, currency):
        """Return what banks have and have not returned, by the disputes themselves."""
        with self.fake._world.session() as s:
            found = [s.get(Dispute, id_) for id_ in self.disputes]
        return sum(d.amount for d in found if d.currency == currency and (d.open or d.lost))

    def invoices_of(self, subscription):
        """Return the subscription's invoices, and the others of its customer."""
        customer = self.fake.subscription(subscription).customer
        return self.fake.invoices_of(subscription) + self.fake.invoices_of(customer)


def check(history):
    books = history.fake.books()
    assert books.imbalance() == {}
    owed = {}
    for invoice in history.invoices():
        charges = history.fake.charges_of(invoice.id)
        taken = sum(c.amount for c in charges if states.succeeded(c.state))
        given = sum(c.refunded for c in charges)
        assert taken <= invoice.amount
        assert given <= taken
        assert books.captured.get(invoice.id, Money(0, invoice.currency)).minor == taken
        assert books.refunded.get(invoice.id, Money(0, invoice.currency)).minor == given
        if states.is_paid(invoice.status):
            assert taken == invoice.amount or invoice.out_of_band
        if states.is_owed(invoice.status):
            owed[invoice.currency] = owed.get(invoice.currency, 0) + invoice.remaining
    for (account, currency), minor in books.balances.items():
        if account == "receivable":
            assert minor == owed.get(currency, 0)
        if account == "cash":
            kept = books.captured_in(currency) - books.refunded_in(currency)
            assert minor == kept - history.taken_back(currency) >= 0


class TestTheBooks:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        people=st.lists(person, min_size=1, max_size=4),
        deeds=st.lists(deed, min_size=5, max_size=30),
    )
    def test_balance_after_any_history(self, people, deeds):
        with FakeProcessor(":memory:") as fake:
            history = History(fake, people)
            for one in deeds:
                history.do(*one)
                check(history)

    @pytest.mark.parametrize(
        ("how", "left"),
        [("void", {"cash": 2900, "revenue": -2900}), ("pay", {"cash": 5800, "revenue": -5800})],
    )
    def test_owe_nothing_more_once_what_was_given_up_is_settled(self, town, how, left):
        invoice, _, _ = town.debt()
        town.fake.mark_uncollectible(invoice)

        {"void": town.fake.void, "pay": town.fake.customer_pays}[how](invoice)

        balances = town.fake.books().balances
        assert {account: minor for (account, _), minor in balances.items() if minor} == left

    def test_refuse_to_give_back_more_than_was_taken(self, town):
        invoice, _, _ = town.debt()
        town.fake.pay_invoice(invoice, method=None, key="k1")
        charge = town.fake.charges_of(invoice)[-1].id
        town.fake.refund(charge, Money(2000, "EUR"))

        with pytest.raises(Rejected, match="what is left"):
            town.fake.refund(charge, Money(901, "EUR"))
        town.fake.refund(charge, Money(900, "EUR"))

        with pytest.raises(Rejected, match="what is left"):
            town.fake.refund(charge)
        assert town.fake.books().refunded[invoice] == Money(2900, "EUR")

    def test_refuse_to_give_back_what_was_declined(self, town):
        invoice, _, _ = town.debt()

        with pytest.raises(Rejected, match="what is left"):
            town.fake.refund(town.fake.charges_of(invoice)[0].id)

    def test_refuse_another_currency(self, town):
        invoice, _, _ = town.debt()
        town.fake.pay_invoice(invoice, method=None, key="k1")

        with pytest.raises(Rejected, match="what is left"):
            town.fake.refund(town.fake.charges_of(invoice)[-1].id, Money(1, "USD"))

    def test_see_an_entry_that_does_not_balance(self, town):
        with (
            pytest.raises(AssertionError, match="does not balance"),
            town.fake._world.session() as s,
        ):
            s.post("wrong", "in_1", "EUR", {"cash": 2, "receivable": -1})
