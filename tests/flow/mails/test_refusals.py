"""Money that does not come: at most one mail for each refusal, and none that a campaign tells."""

from __future__ import annotations

from datetime import timedelta

import pytest
from mailed import DEAR, SILENT, TEN

from recoup import Money, PaymentGate
from recoup.errors import NotPaid
from recoup.processors.fake import NO_FUNDS, Asks, Declines

DEARER = Money(50_000, "EUR")


class TestPaymentFailed:
    def test_is_sent_where_a_start_was_refused(self, town):
        who, card = town.ada(Declines(NO_FUNDS))

        town.recoup.subscriptions.start(who, town.price(), default_method=card)
        town.hear()

        assert town.sent()["payment_failed"] == 1
        assert town.sent()["invoice_payment_failed"] == 0

    def test_is_sent_for_the_first_refusal_of_a_gate_that_waits(self, town):
        who, card = town.ada(Declines(NO_FUNDS))
        gate = PaymentGate(timeout=timedelta(days=1), tries=3)
        begun = town.recoup.subscriptions.start(who, town.price(), default_method=card, gate=gate)

        bill = town.recoup.invoices.get(begun.invoice_id).processor_id
        town.fake.customer_pays(bill)
        town.hear()

        assert town.sent()["payment_failed"] == 1
        assert town.why("payment_failed") == ["the first refusal was told of"]

    def test_is_left_out_of_a_charge_that_leaves_no_debt_but_sent_where_it_is_asked_for(
        self, town
    ):
        who, _ = town.ada(Declines(NO_FUNDS))
        refused = town.recoup.payments.charge(who, TEN, description="A book")
        town.hear()
        assert town.sent()["payment_failed"] == 0
        assert town.why("payment_failed") == ["the page on which it was tried tells of it"]

        town.recoup.mail.deliver("payment_failed", customer_id=who, payment_id=refused.id)
        town.pace.settle()

        assert town.sent()["payment_failed"] == 1
        text = town.outbox.messages[-1].get_body(("plain",)).get_content()
        assert "€10.00" in text
        assert "You owe nothing for it." in text
        assert "Pay now" not in text

    def test_is_left_out_where_nobody_was_there_and_another_type_tells_of_it(self, town):
        who, _ = town.ada(Declines(NO_FUNDS))

        town.recoup.payments.charge(who, TEN, description="A book", off_session=True)
        town.hear()

        assert town.sent()["payment_failed"] == 0


class TestInvoicePaymentFailed:
    @pytest.fixture
    def town(self, make, request):
        made = make(policies=SILENT)
        made.order = request.param
        return made

    @pytest.mark.parametrize("town", ["told", "backwards"], indirect=True)
    def test_is_sent_where_no_campaign_tells_of_it(self, town):
        town.subscriber(Declines(NO_FUNDS))

        town.fake.advance(town.now + timedelta(days=31.1))
        town.clock.set(town.now + timedelta(days=31.1))
        town.hear()

        assert town.sent()["invoice_payment_failed"] == 1

    def test_is_left_out_where_a_campaign_does(self, make):
        town = make()
        town.debtor()

        assert town.sent()["invoice_payment_failed"] == 0
        assert town.sent()["dunning_reminder"] == 1
        assert set(town.why("invoice_payment_failed")) == {"its campaign tells of it"}


class TestPaymentActionRequired:
    @pytest.mark.parametrize("order", ["told", "backwards"])
    def test_is_sent_where_a_renewal_waits_for_its_customer(self, make, order):
        town = make(policies=SILENT)
        town.order = order
        town.subscriber(Asks())

        town.fake.advance(town.now + timedelta(days=31.1))
        town.clock.set(town.now + timedelta(days=31.1))
        town.hear()

        assert town.sent()["payment_action_required"] == 1

    def test_is_left_out_where_a_campaign_tells_of_it(self, make):
        town = make()
        town.subscriber(Asks())
        town.live(days=31.1)

        assert town.sent()["payment_action_required"] == 0


class TestActivationExpired:
    def test_is_sent_where_a_start_was_not_paid_and_nothing_else_is(self, town):
        who, card = town.ada(Declines(NO_FUNDS))
        gate = PaymentGate(tries=1)

        town.recoup.subscriptions.start(who, town.price(), default_method=card, gate=gate)
        town.hear()

        assert town.sent() == {"activation_expired": 1}
        assert town.why("payment_failed") == ["activation_expired tells of it"]
        assert town.why("subscription_canceled") == ["it never began"]


class TestUpgradeWithdrawn:
    def test_is_sent_once_where_the_change_was_refused(self, town):
        who = town.subscriber(Declines(NO_FUNDS))
        before = town.sent()

        with pytest.raises(NotPaid):
            town.recoup.subscriptions.change_plan(who.subscription, prices=town.price(DEAR))
        town.hear()

        assert (town.sent() - before)["upgrade_withdrawn"] == 1

    def test_is_sent_once_where_its_bill_was_withdrawn(self, town):
        who = town.subscriber(Declines(NO_FUNDS))
        town.fake.change_price(who.subscription, town.price(DEAR))
        town.hear()

        town.live(hours=2)

        assert town.sent()["upgrade_withdrawn"] == 1

    def test_names_the_sum_of_its_own_bill(self, town):
        """A change that left no bill borrows none from an older one."""
        who = town.subscriber(Declines(NO_FUNDS))
        town.fake.change_price(who.subscription, town.price(DEAR))
        town.hear()
        town.live(hours=2)
        billed = spoken(town)
        before = town.sent()["upgrade_withdrawn"]

        with pytest.raises(NotPaid):
            town.recoup.subscriptions.change_plan(who.subscription, prices=town.price(DEARER))
        town.hear()

        assert (before, town.sent()["upgrade_withdrawn"]) == (1, 2)
        assert "The payment of €" in billed
        assert spoken(town) != billed
        assert billed.partition("The payment of ")[2].split()[0] not in spoken(town)

    def test_is_sent_for_each_of_two_that_are_withdrawn_at_once(self, make):
        town = make()
        who = town.subscriber(Declines(NO_FUNDS))
        for price in (DEAR, DEARER):
            town.fake.change_price(who.subscription, town.price(price))
        town.hear()

        town.live(hours=2)

        assert town.sent()["upgrade_withdrawn"] == 2
        # Which mail is of which bill is not known, so no sum is told.
        assert "The payment for the change of your plan" in spoken(town)


def spoken(town):
    """What the newest mail of a change that was withdrawn says."""
    texts = [mail.get_body(("plain",)).get_content() for mail in town.outbox.messages]
    return next(text for text in reversed(texts) if "the change of your plan" in text)
