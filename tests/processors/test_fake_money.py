"""Money given back, and money that banks take back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.billing.requests import CreateRefund
from recoup.core.facts import DisputeFact
from recoup.core.money import Money
from recoup.errors import Rejected
from recoup.processors.fake import Declines, Slow

DAY = timedelta(days=1)
TEN = Money(1000, "EUR")


class TestARefund:
    def test_gives_back_a_part_and_then_the_rest(self, town, till):
        charge, invoice = till.charge()

        part = till.ask(CreateRefund(charge, Money(400, "EUR"), "duplicate", {"why": "twice"}))
        rest = till.ask(CreateRefund(charge, Money(600, "EUR")))

        assert [answer.status for answer in (part, rest)] == ["succeeded"] * 2
        assert part.facts[0].amount == Money(400, "EUR")
        assert part.facts[0].processor_id == part.object
        assert town.told()[-2:] == ["refund.created", "charge.refunded"]
        shown = town.events()[-4]["data"]["object"]
        assert (shown["reason"], shown["metadata"]) == ("duplicate", {"why": "twice"})
        assert till.fake.books().refunded == {invoice: TEN}
        assert till.cash() == 0

    def test_is_given_once_per_key(self, town, till):
        charge, _ = till.charge()
        asked = CreateRefund(charge, Money(400, "EUR"))

        assert till.ask(asked, key="same") == till.ask(asked, key="same")

        assert till.cash() == 600

    @pytest.mark.parametrize(
        ("asked", "why"),
        [
            ({"amount": Money(601, "EUR")}, "what is left"),
            ({"amount": Money(0, "EUR")}, "what is left"),
            ({"amount": Money(-1, "EUR")}, "what is left"),
            ({"amount": Money(600, "USD")}, "what is left"),
            ({"charge": "ch_none"}, "No such charge"),
            ({"reason": "bored"}, "Invalid reason"),
            ({"metadata": {"k": "v" * 501}}, "500"),
        ],
    )
    def test_refuses_what_can_not_be_given(self, town, till, asked, why):
        charge, _ = till.charge()
        till.ask(CreateRefund(charge, Money(400, "EUR")))

        with town.unchanged(why):
            till.ask(CreateRefund(**{"charge": charge, "amount": Money(600, "EUR"), **asked}))

    def test_is_not_finer_than_the_processor_counts(self, town, till):
        charge, _ = till.charge(amount=Money(1000, "KWD"))

        with town.unchanged("what is left"):
            till.ask(CreateRefund(charge, Money(5, "KWD")))
        till.ask(CreateRefund(charge, Money(10, "KWD")))

        assert till.cash("KWD") == 990

    def test_is_for_charges_that_took_money(self, town, till):
        refused, _, _ = till.invoice(Declines())
        moving, _, _ = till.invoice(Slow(DAY), kind="sepa_debit")
        charges = [till.pay(i, key=i).processor_id for i in (refused, moving)]

        for charge in charges:
            with town.unchanged("what is left"):
                till.ask(CreateRefund(charge, Money(1, "EUR")))

    def test_is_refused_while_a_dispute_is_open_and_when_it_is_lost(self, town, till):
        charge, _ = till.charge()
        dispute = till.fake.open_dispute(charge, Money(100, "EUR"))
        asked = CreateRefund(charge, Money(1, "EUR"))
        with town.unchanged("charge_disputed"):
            till.ask(asked)
        with pytest.raises(Rejected, match="charge_disputed"):
            till.fake.refund(charge)
        till.fake.close_dispute(dispute, won=False)

        with town.unchanged("charge_disputed"):
            till.ask(asked)

    def test_is_given_after_a_dispute_was_won(self, till):
        charge, _ = till.charge()
        till.fake.close_dispute(till.fake.open_dispute(charge), won=True)

        till.ask(CreateRefund(charge, TEN))

        assert till.cash() == 0


class TestADispute:
    def test_takes_the_money_back_until_it_is_won(self, town, till):
        charge, _ = till.charge()
        before = till.fake.books()

        dispute = till.fake.open_dispute(charge)
        open_books = till.fake.books()
        till.fake.close_dispute(dispute, won=True)

        assert open_books.balances["disputed", "EUR"] == 1000
        assert open_books.balances["cash", "EUR"] == 0
        assert till.cash() == before.balances["cash", "EUR"]
        assert town.told()[-4:] == [
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
            "charge.dispute.closed",
        ]
        assert [(fact.open, fact.lost) for fact in till.facts(DisputeFact)] == [
            *((True, False),) * 2,
            *((False, False),) * 2,
        ]

    def test_keeps_the_money_when_it_is_lost(self, town, till):
        charge, invoice = till.charge()
        dispute = till.fake.open_dispute(charge, Money(300, "EUR"))

        till.fake.close_dispute(dispute, won=False)

        fact = till.facts(DisputeFact)[-1]
        assert (fact.processor_id, fact.charge, fact.amount.minor) == (dispute, charge, 300)
        assert (fact.open, fact.lost) == (False, True)
        assert town.told()[-1] == "charge.dispute.closed"
        books = till.fake.books()
        assert (books.balances["disputed", "EUR"], till.cash()) == (300, 700)
        assert (books.imbalance(), books.captured) == ({}, {invoice: TEN})

    def test_is_open_once_at_a_time_and_closed_once(self, town, till):
        charge, _ = till.charge()
        dispute = till.fake.open_dispute(charge, Money(300, "EUR"))
        with town.unchanged("disputed already"):
            till.fake.open_dispute(charge, Money(300, "EUR"))
        till.fake.close_dispute(dispute, won=True)

        with town.unchanged("is closed"):
            till.fake.close_dispute(dispute, won=False)

    def test_takes_no_more_than_is_left(self, town, till):
        charge, _ = till.charge()
        till.ask(CreateRefund(charge, Money(200, "EUR")))
        lost = till.fake.open_dispute(charge, Money(300, "EUR"))
        till.fake.close_dispute(lost, won=False)

        for amount in (Money(501, "EUR"), Money(0, "EUR"), Money(500, "USD")):
            with town.unchanged("what is left"):
                till.fake.open_dispute(charge, amount)
        till.fake.open_dispute(charge)

        assert till.cash() == 0

    def test_is_for_charges_that_took_money(self, town, till):
        invoice, _, _ = till.invoice(Declines())
        charge = till.pay(invoice).processor_id

        with town.unchanged("what is left"):
            till.fake.open_dispute(charge)
        with town.unchanged("No such dispute"):
            till.fake.close_dispute("dp_none", won=True)
