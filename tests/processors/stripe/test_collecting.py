"""Tries at Stripe, and what became of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.shared.scripted_server import error, whole

from recoup.core import states
from recoup.core.billing.requests import CreateInvoice, LineWanted
from recoup.core.money import Money
from recoup.errors import Busy, Rejected, Unreachable
from recoup.processors.fake import Pays, payments
from recoup.processors.stripe import collecting
from recoup.testing.stripe_server import Fault

KEY = "recoup:try:1"
OTHER = "recoup:try:2"
SECOND = timedelta(seconds=1)
PAY = "POST /v1/invoices/*/pay"


@pytest.fixture
def town(stripe_town):
    return stripe_town


@pytest.fixture
def stripe(town):
    return town.processor


def intent_of(town, invoice):
    return town.fake.invoice(invoice).intent


def forget_events(town):
    """Let Stripe's list of events be behind, or 30 days old."""
    with town.fake._world.session() as s:
        s.connection.execute("DELETE FROM events")


class TestPaying:
    def test_says_what_the_bank_the_network_and_stripe_said(self, town, stripe):
        owed = town.owed("declines")

        signal = stripe.pay_invoice(owed.invoice, method=None, key=KEY).signal

        assert (signal.decline_code, signal.advice_code) == (
            "insufficient_funds",
            "try_again_later",
        )
        assert signal.network_decline_code == "51"

    def test_is_on_session_only_when_the_customer_is_there(self, town, stripe):
        owed = town.owed("pays")

        stripe.pay_invoice(owed.invoice, method=owed.method, key=KEY, off_session=False)

        (form,) = [form for method, path, form in town.watched if path.endswith("/pay")]
        assert "off_session=false" in form
        assert f"payment_method={owed.method}" in form

    def test_answers_alike_after_what_it_answered_has_gone_on(self, town, stripe):
        """The key's answer is of the first time; another try may have followed."""
        owed = town.owed("declines")
        first = stripe.pay_invoice(owed.invoice, method=None, key=KEY)
        town.wait(timedelta(hours=1))
        second = stripe.pay_invoice(owed.invoice, method=None, key=OTHER)

        again = stripe.pay_invoice(owed.invoice, method=None, key=KEY)

        assert again == first
        assert second.processor_id != first.processor_id

    def test_takes_two_requests(self, town, stripe):
        owed = town.owed("pays")

        stripe.pay_invoice(owed.invoice, method=None, key=KEY)

        assert len(town.watched) == 2

    @pytest.mark.parametrize("refusal", [
        error(400, collecting.NEEDED),
        error(402, collecting.NEEDED, "card_error"),
    ])  # fmt: skip
    def test_knows_that_the_customer_is_needed_whatever_the_status(self, scripted, refusal):
        intent = {
            "id": "pi_1",
            "object": "payment_intent",
            "status": "requires_action",
            "amount": 700,
            "currency": "eur",
            "customer": "cus_1",
            "payment_method": "pm_1",
            "latest_charge": "ch_old",
        }
        payment = {
            "id": "inpay_1",
            "created": 1,
            "is_default": True,
            "payment": {"type": "payment_intent", "payment_intent": intent},
        }
        shown = {"id": "in_1", "object": "invoice", "payments": {"data": [payment]}}
        client, _ = scripted(refusal, whole(body=shown))

        asked = collecting.pay(client, "in_1", method=None, key=KEY, off_session=True)

        assert states.awaits_customer(asked.state)
        assert (asked.processor_id, asked.invoice) == (f"pi_1/{KEY}", "in_1")
        assert (asked.amount, asked.idempotency_key) == (Money(700, "EUR"), KEY)

    def test_of_what_credit_covered_is_refused_because_nothing_was_tried(self, scripted):
        client, _ = scripted(whole(body={"id": "in_1", "object": "invoice"}))

        with pytest.raises(Rejected, match="settled without a payment"):
            collecting.pay(client, "in_1", method=None, key=KEY, off_session=True)

    def test_whose_answer_is_not_understood_is_unknown(self, scripted):
        """It must not stop the tries of others, and may have taken money."""
        refusal = error(402, "card_declined", "card_error", charge="ch_1")
        charge = {"id": "ch_1", "object": "charge", "created": 1, "status": "new"}
        client, _ = scripted(refusal, whole(body=charge))

        with pytest.raises(Unreachable, match=r"not understood.*status is unknown: 'new'"):
            collecting.pay(client, "in_1", method=None, key=KEY, off_session=True)

    @pytest.mark.parametrize(("kind", "done"), [("error_after", True), ("error", False)])
    def test_that_broke_is_looked_up_not_repeated(self, town, stripe, kind, done):
        owed, since = town.owed("pays"), town.now()
        town.server.add_fault(Fault(kind, to=PAY))
        for _ in range(2):  # the second time it is the saved 500
            with pytest.raises(Unreachable):
                stripe.pay_invoice(owed.invoice, method=None, key=KEY)

        found = stripe.find_payment(owed.invoice, key=KEY, since=since)

        assert (found is not None and states.succeeded(found.state)) == done
        assert town.captured(owed.invoice) == (owed.due.minor if done else 0)

    @pytest.mark.parametrize("kind", ["busy", "locked", "conflict"])
    def test_that_was_not_begun_is_repeated_or_left_for_later(self, town, stripe, kind):
        owed = town.owed("pays")
        town.server.add_fault(Fault(kind, to=PAY, times=3, should_retry=False))

        for _ in range(3):
            with pytest.raises(Busy):
                stripe.pay_invoice(owed.invoice, method=None, key=KEY)

        assert states.succeeded(stripe.pay_invoice(owed.invoice, method=None, key=KEY).state)
        assert town.tries(owed.invoice) == 2  # the renewal's own, and ours


class TestWhatWaitedForItsCustomer:
    @pytest.fixture
    def owed(self, town, stripe):
        made = town.owed("asks")
        self.since = town.now()
        stripe.pay_invoice(made.invoice, method=None, key=KEY)
        return made

    def found(self, stripe, owed, key=KEY):
        return stripe.find_payment(owed.invoice, key=key, since=self.since)

    def test_still_waits(self, town, stripe, owed):
        town.wait(timedelta(days=2))

        assert states.awaits_customer(self.found(stripe, owed).state)

    def test_is_what_the_customer_finished(self, town, stripe, owed):
        town.wait(timedelta(hours=1))
        town.fake.customer_authenticates(intent_of(town, owed.invoice))

        found = self.found(stripe, owed)

        assert states.succeeded(found.state)
        assert (found.invoice, found.idempotency_key) == (owed.invoice, KEY)
        assert found.processor_id.startswith("ch_")

    def test_is_the_challenge_that_was_not_passed(self, town, stripe, owed):
        town.wait(timedelta(hours=1))
        town.fake.customer_authenticates(intent_of(town, owed.invoice), ok=False)

        found = self.found(stripe, owed)

        assert found.signal.decline_code == "authentication_not_handled"
        told = [fact for event in town.events() for fact in stripe.read(event).facts]
        assert found.processor_id in {getattr(fact, "processor_id", "") for fact in told}

    def test_is_gone_when_another_try_took_its_place(self, town, stripe, owed):
        town.wait(timedelta(hours=1))
        town.fake.update_method(owed.method, payer=Pays())
        stripe.pay_invoice(owed.invoice, method=None, key=OTHER)

        assert self.found(stripe, owed) is None
        assert states.succeeded(self.found(stripe, owed, key=OTHER).state)

    def test_is_not_found_under_another_key(self, stripe, owed):
        assert self.found(stripe, owed, key=OTHER) is None


class TestFinding:
    def test_tells_tries_of_one_second_apart(self, town, stripe):
        owed, since = town.owed("declines"), town.now()
        first = stripe.pay_invoice(owed.invoice, method=None, key=KEY)
        second = stripe.pay_invoice(owed.invoice, method=None, key=OTHER)

        assert stripe.find_payment(owed.invoice, key=KEY, since=since) == first
        assert stripe.find_payment(owed.invoice, key=OTHER, since=since) == second

    def test_knows_a_try_by_the_event_of_its_making(self, town, stripe):
        """A debit whose failure comes at once has another event, which no request made."""
        owed, since = town.owed("waits"), town.now()
        made = stripe.pay_invoice(owed.invoice, method=None, key=KEY)
        with town.fake._world.session() as s:
            payments.settle(s, made.processor_id)

        found = stripe.find_payment(owed.invoice, key=KEY, since=since)

        assert found.processor_id == made.processor_id
        assert not states.in_flight(found.state)

    def test_does_not_take_the_customers_own_payment_for_ours(self, town, stripe):
        owed, since = town.owed("pays"), town.now()
        town.fake.customer_pays(owed.invoice)

        assert stripe.find_payment(owed.invoice, key=KEY, since=since) is None

    def test_is_put_off_while_nobody_says_whose_a_charge_is(self, town, stripe):
        owed, since = town.owed("pays"), town.now()
        stripe.pay_invoice(owed.invoice, method=None, key=KEY)
        forget_events(town)
        town.wait(timedelta(minutes=10) - SECOND)

        with pytest.raises(Busy, match="not told yet whose"):
            stripe.find_payment(owed.invoice, key=KEY, since=since)

    def test_gives_up_when_nobody_will_ever_say(self, town, stripe):
        owed, since = town.owed("pays"), town.now()
        stripe.pay_invoice(owed.invoice, method=None, key=KEY)
        forget_events(town)
        town.wait(timedelta(minutes=10))

        assert stripe.find_payment(owed.invoice, key=KEY, since=since) is None

    def test_of_an_invoice_that_nobody_knows_is_refused(self, stripe, town):
        with pytest.raises(Rejected):
            stripe.find_payment("in_nobody", key=KEY, since=town.now())

    def test_finds_nothing_for_an_invoice_without_a_payment(self, town, stripe):
        customer = town.fake.create_customer(email="ann@example.com")
        lines = (LineWanted("Ten", Money(1000, "EUR")),)
        made = town.fake.ask(CreateInvoice(customer, lines, finalize=False), key="k")

        assert stripe.find_payment(made.object, key=KEY, since=town.now()) is None


class TestCancelling:
    def test_leaves_the_reason_with_the_subscription(self, town, stripe):
        owed = town.owed("declines")

        stripe.cancel_subscription(owed.subscription, reason="x" * 600, key=KEY)

        told = [event for event in town.events() if event["type"].endswith("tion.deleted")]
        details = told[-1]["data"]["object"]["cancellation_details"]
        assert details["comment"] == "x" * 500

    def test_that_is_refused_for_another_reason_is_refused(self, scripted):
        living = {"id": "sub_1", "object": "subscription", "status": "active"}
        client, _ = scripted(error(400, "x"), whole(body=living))

        with pytest.raises(Rejected, match="Not so"):
            collecting.cancel(client, "sub_1", reason="r", key=KEY)
