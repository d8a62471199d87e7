"""Subscriptions of the fake, as a host begins, ends, pauses and keeps them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.billing.requests import (
    ApplyDiscount,
    CancelSubscription,
    ChangeSubscription,
    ExtendTrial,
    ItemChange,
    ItemWanted,
    PauseSubscription,
    ResumeSubscription,
    StartSubscription,
    UnpauseSubscription,
    UpdateSubscription,
)
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus, SubscriptionStatus
from recoup.errors import Rejected
from recoup.processors.fake import NO_FUNDS, Asks, Declines
from recoup.processors.fake.model import instant

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
FIRST_OF_FEBRUARY = 31 * DAY  # after the fake's first instant


class TestASubscriptionThatBegins:
    def test_bills_every_item_at_once(self, host):
        seat = host.fake.create_price(Money(500, "EUR"))

        begun = host.start(ItemWanted(host.price), ItemWanted(seat, 3), metadata={"team": "7"})

        (invoice,) = host.invoices(begun)
        assert begun.status == SubscriptionStatus.ACTIVE
        assert [(line.price, line.amount, line.quantity) for line in invoice.lines] == [
            (host.price, 2900, 1),
            (seat, 1500, 3),
        ]
        assert (invoice.total, invoice.status) == (4400, InvoiceStatus.PAID)
        assert host.newest(begun).prices == (host.price, seat)
        assert host.newest(begun).metadata == {"team": "7"}

    def test_in_a_trial_owes_nothing_before_it_is_over(self, host):
        begun = host.start(trial_end=host.fake.now + 14 * DAY)

        host.wait(14 * DAY + HOUR)

        assert begun.status == SubscriptionStatus.TRIALING
        assert [i.amount for i in host.invoices(begun)] == [0, 2900]
        assert host.sub(begun).status == SubscriptionStatus.ACTIVE

    @pytest.mark.parametrize(
        ("span", "fine"),
        [(timedelta(0), False), (SECOND, True), (730 * DAY, True), (730 * DAY + SECOND, False)],
    )
    def test_takes_a_trial_of_up_to_730_days(self, host, span, fine):
        if fine:
            assert host.start(trial_end=host.fake.now + span).status == "trialing"
        else:
            with pytest.raises(Rejected, match="trial_end"):
                host.start(trial_end=host.fake.now + span)

    def test_is_incomplete_when_its_first_payment_is_declined(self, host):
        begun = host.start(payer=Declines(NO_FUNDS))
        host.wait(23 * HOUR - SECOND)
        before = host.sub(begun).status
        host.wait(SECOND)

        assert (begun.status, begun.action, before) == ("incomplete", None, "incomplete")
        assert host.sub(begun).status == SubscriptionStatus.INCOMPLETE_EXPIRED

    @pytest.mark.parametrize("payer", [Asks(), Asks(declines=True)])
    def test_waits_for_its_customer_when_the_bank_does(self, host, payer):
        begun = host.start(payer=payer)

        assert begun.status == "requires_action"
        assert begun.action.kind == "authenticate"
        assert begun.action.client_secret.startswith("pi_fake_")
        assert host.sub(begun).status == SubscriptionStatus.INCOMPLETE

    def test_is_active_once_the_customer_has_authenticated(self, host):
        begun = host.start(payer=Asks())
        (invoice,) = host.invoices(begun)

        host.fake.customer_authenticates(invoice.intent, ok=True)

        assert host.sub(begun).status == SubscriptionStatus.ACTIVE

    def test_is_sent_its_invoices_when_it_asks_for_that(self, host):
        begun = host.start(payer=Declines(NO_FUNDS), collection="send_invoice", days_until_due=10)

        (invoice,) = host.invoices(begun)
        assert begun.status == SubscriptionStatus.ACTIVE
        assert instant(invoice.due_date) == host.fake.now + 10 * DAY

    @pytest.mark.parametrize(
        ("how", "words"),
        [
            ({"items": ()}, "1 to 20 items"),
            ({"items": (ItemWanted("price_none"),)}, "No such price"),
            ({"items": ("price", "price")}, "same price"),
            ({"items": ("price", "dollars")}, "same currency"),
            ({"items": ("price", "yearly")}, "same interval"),
            ({"customer": "cus_none"}, "No such customer"),
            ({"default_method": "pm_none"}, "No such method"),
            ({"default_method": "foreign"}, "not the customer's"),
            ({"coupon": "NONE"}, "No such coupon"),
            ({"promotion_code": "promo_none"}, "No such promotion code"),
            ({"coupon": "A", "promotion_code": "B"}, "only specify one"),
            ({"trial_end": DAY, "anchor": DAY}, "trial ends on the anchor"),
            ({"anchor": 32 * DAY}, "billing_cycle_anchor"),
            ({"anchor": timedelta(0)}, "billing_cycle_anchor"),
            ({"collection": "send_invoice"}, "days_until_due"),
            ({"days_until_due": 3}, "days_until_due"),
            ({"metadata": {"k" * 41: "v"}}, "Metadata keys"),
            ({"metadata": {"k": "v" * 501}}, "Metadata values"),
            ({"metadata": {f"k{n}": "v" for n in range(51)}}, "50 metadata keys"),
        ],
    )
    def test_is_refused_when_stripe_would_not_take_it(self, host, how, words):
        prices = {
            "price": host.price,
            "dollars": host.fake.create_price(Money(2900, "USD")),
            "yearly": host.fake.create_price(Money(2900, "EUR"), interval="year"),
        }
        foreign = host.fake.attach_method(host.fake.create_customer())
        given = {"customer": host.customer(), "items": ("price",)} | how
        if given.get("default_method") == "foreign":
            given["default_method"] = foreign
        given["items"] = tuple(
            ItemWanted(prices[one]) if isinstance(one, str) else one for one in given["items"]
        )
        for name in ("trial_end", "anchor"):
            if name in given:
                given[name] = host.fake.now + given[name]
        before = host.fake.events()

        with pytest.raises(Rejected, match=words):
            host.ask(StartSubscription(**given))

        assert host.fake.events() == before

    @pytest.mark.parametrize("quantity", [0, -1])
    def test_is_refused_without_a_quantity(self, host, quantity):
        with pytest.raises(Rejected, match="Invalid quantity"):
            host.start(ItemWanted(host.price, quantity))

    def test_is_refused_in_another_currency_than_the_customers(self, host):
        dollars = ItemWanted(host.fake.create_price(Money(2900, "USD")))

        with pytest.raises(Rejected, match="combine currencies"):
            host.ask(StartSubscription(host.sub(host.start()).customer, (dollars,)))


class TestEnding:
    def test_is_at_once_unless_said_otherwise(self, host):
        begun = host.start()

        ended = host.ask(
            CancelSubscription(begun.object, feedback="unused", comment="no time for it")
        )

        sub = host.sub(begun)
        assert (sub.feedback, sub.end_comment) == ("unused", "no time for it")
        assert (host.newest(ended).status, host.newest(ended).feedback) == ("canceled", "unused")

    def test_keeps_our_reason_where_nothing_else_is_said(self, host):
        begun = host.start()

        host.ask(CancelSubscription(begun.object, reason="fraud"))

        assert host.sub(begun).end_comment == "fraud"

    def test_with_the_period_is_shown_beforehand(self, host):
        begun = host.start()
        asked_at = host.fake.now

        told = host.newest(host.ask(CancelSubscription(begun.object, at_period_end=True)))
        host.wait(FIRST_OF_FEBRUARY - SECOND)
        before = host.sub(begun).status
        host.wait(SECOND)

        assert (told.status, told.cancel_at) == ("active", told.period_end)
        assert (before, host.sub(begun).status) == ("active", "canceled")
        assert instant(host.sub(begun).canceled_at) == asked_at
        assert len(host.invoices(begun)) == 1

    @pytest.mark.parametrize("days", [3, 31, 40])
    def test_at_an_instant_happens_at_that_instant(self, host, days):
        begun = host.start()
        host.ask(CancelSubscription(begun.object, at=host.fake.now + days * DAY))

        host.wait(days * DAY - SECOND)
        before = host.sub(begun).status
        host.wait(SECOND)

        assert (before, host.sub(begun).status) == ("active", "canceled")
        assert len(host.invoices(begun)) == (2 if days > 31 else 1)

    def test_can_be_put_off_and_brought_forward(self, host):
        begun = host.start()
        host.ask(CancelSubscription(begun.object, at=host.fake.now + 3 * DAY))
        host.ask(CancelSubscription(begun.object, at=host.fake.now + 5 * DAY))

        host.wait(5 * DAY - SECOND)
        before = host.sub(begun).status
        host.wait(SECOND)

        assert (before, host.sub(begun).status) == ("active", "canceled")

    @pytest.mark.parametrize("how", [{"at_period_end": True}, {"at": 3 * DAY}])
    def test_can_be_undone_before_it_comes(self, host, how):
        begun = host.start()
        if "at" in how:
            how = {"at": host.fake.now + how["at"]}
        host.ask(CancelSubscription(begun.object, feedback="other", **how))

        told = host.newest(host.ask(ResumeSubscription(begun.object)))
        host.wait(60 * DAY)

        assert (told.cancel_at, told.canceled_at, told.feedback) == (None, None, None)
        assert host.sub(begun).status == SubscriptionStatus.ACTIVE

    @pytest.mark.parametrize(
        ("how", "words"),
        [
            ({"feedback": "bored"}, "feedback"),
            ({"at": timedelta(0)}, "in the future"),
            ({"at": DAY, "at_period_end": True}, "only specify one"),
        ],
    )
    def test_is_refused_in_words_stripe_does_not_know(self, host, how, words):
        begun = host.start()
        if "at" in how:
            how = how | {"at": host.fake.now + how["at"]}

        with pytest.raises(Rejected, match=words):
            host.ask(CancelSubscription(begun.object, **how))

        assert host.sub(begun).ends_at is None


class TestWhatHasEnded:
    @pytest.mark.parametrize(
        "request_of",
        [
            ResumeSubscription,
            PauseSubscription,
            UnpauseSubscription,
            lambda sub: ApplyDiscount(sub, "ANY"),
            lambda sub: UpdateSubscription(sub, default_method=""),
            lambda sub: ChangeSubscription(sub, (ItemChange(price="price_fake_000001"),)),
        ],
    )
    def test_can_not_be_changed(self, host, request_of):
        begun = host.start()
        host.ask(CancelSubscription(begun.object))

        with pytest.raises(Rejected, match="canceled subscription"):
            host.ask(request_of(begun.object))

    def test_gets_no_longer_trial(self, host):
        begun = host.start(trial_end=host.fake.now + DAY)
        host.ask(CancelSubscription(begun.object))

        with pytest.raises(Rejected, match="canceled subscription"):
            host.ask(ExtendTrial(begun.object, host.fake.now + 2 * DAY))

    def test_keeps_its_notes(self, host):
        begun = host.start(metadata={"a": "1", "b": "2"})
        host.ask(CancelSubscription(begun.object))

        told = host.ask(UpdateSubscription(begun.object, metadata={"a": "", "c": "3"}))

        assert host.newest(told).metadata == {"b": "2", "c": "3"}


class TestAnUpdate:
    def test_names_another_method_and_takes_it_away_again(self, host):
        begun = host.start()
        card = host.fake.attach_method(host.sub(begun).customer, default=False)

        given = host.newest(host.ask(UpdateSubscription(begun.object, default_method=card)))
        taken = host.newest(host.ask(UpdateSubscription(begun.object, default_method="")))

        assert (given.default_method, taken.default_method) == (card, None)

    def test_that_changes_nothing_is_no_news(self, host):
        begun = host.start(metadata={"a": "1"})

        assert host.ask(UpdateSubscription(begun.object, metadata={"a": "1"})).facts == ()

    def test_with_the_method_of_somebody_else_is_refused(self, host):
        begun = host.start()
        other = host.fake.attach_method(host.fake.create_customer())

        with pytest.raises(Rejected, match="not the customer's"):
            host.ask(UpdateSubscription(begun.object, default_method=other))
