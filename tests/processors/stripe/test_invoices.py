"""Invoices of the host's own, and what becomes of invoices, asked of Stripe."""

from __future__ import annotations

from datetime import timedelta

import pytest
from two_sides import compared, equal_to

from recoup.core import states
from recoup.core.billing.requests import (
    ChangeSubscription,
    CreateInvoice,
    FinalizeInvoice,
    ItemChange,
    LineWanted,
    MarkPaidOutOfBand,
    MarkUncollectible,
    SendInvoice,
    VoidInvoice,
)
from recoup.core.facts import CustomerFact, InvoiceFact, SubscriptionFact
from recoup.core.money import Money
from recoup.errors import KeyReused, Rejected, Unreachable, Unreadable
from recoup.processors.fake import NO_FUNDS, Declines, Slow
from recoup.processors.stripe.calls.client import PINNED, Client
from recoup.processors.stripe.desk.invoices import status
from recoup.processors.stripe.processor import StripeProcessor
from recoup.testing.stripe_server import Fault

KEY = "recoup:invoices:1"
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
BASIL = "2025-03-31.basil"
LINES = (
    LineWanted("A day of work", Money(80000, "EUR"), tax=15200),
    LineWanted("Rebate", Money(-5000, "EUR"), tax=-950),
    LineWanted("Cables", Money(900, "EUR"), quantity=3),
)
STEPS = ("POST /v1/invoices", "POST /v1/invoices/*/add_lines", "POST /v1/invoices/*/finalize")


def somebody(fake, **how):
    customer = fake.create_customer(email="ann@example.com")
    fake.attach_method(customer, **how)
    return customer


def bill(fake, **how):
    return CreateInvoice(somebody(fake), LINES, description="Set-up", **how)


def made(fake, **how):
    """Make an invoice and return its id."""
    return fake.ask(bill(fake, **how), key="recoup:made").object


def subscribed(fake):
    customer = somebody(fake)
    return customer, fake.subscribe(customer, fake.create_price(Money(6200, "EUR")))


def renewed(fake, *, after=31 * DAY + HOUR):
    """Return the invoice of a renewal that failed."""
    customer = fake.create_customer(email="ann@example.com")
    method = fake.attach_method(customer)
    subscription = fake.subscribe(customer, fake.create_price(Money(2900, "EUR")))
    fake.update_method(method, payer=Declines(NO_FUNDS))
    fake.advance(fake.now + after)
    return fake.subscription(subscription).latest_invoice


def with_credit(fake):
    """Return a customer with something to its good."""
    customer, subscription = subscribed(fake)
    cheaper = fake.create_price(Money(100, "EUR"))
    item = fake.subscription(subscription).items[0].id
    change = ChangeSubscription(
        subscription, (ItemChange(item, cheaper),), proration="invoice_now"
    )
    fake.ask(change, key="recoup:cheaper")
    return customer


def twice_closed(fake):
    invoice = made(fake)
    fake.mark_uncollectible(invoice)
    return invoice


#: What is asked, by name; each stages a world and returns its request.
STAGED = {
    "a bill": bill,
    "a draft": lambda fake: bill(fake, finalize=False),
    "a bill to be sent": lambda fake: bill(fake, collection="send_invoice", days_until_due=14),
    "a bill of nothing": lambda fake: CreateInvoice(
        somebody(fake), (LINES[1], LineWanted("Its like", Money(5000, "EUR"), tax=950))
    ),
    "a bill in yen": lambda fake: CreateInvoice(
        somebody(fake), (LineWanted("Sushi", Money(3000, "JPY"), tax=240),)
    ),
    "a bill in krónur": lambda fake: CreateInvoice(
        somebody(fake), (LineWanted("Fish", Money(3000, "ISK"), tax=240),)
    ),
    "a bill that credit covers": lambda fake: CreateInvoice(
        with_credit(fake), (LineWanted("Ten", Money(1000, "EUR")),)
    ),
    "a draft, finalised": lambda fake: FinalizeInvoice(made(fake, finalize=False)),
    "a renewal's draft, finalised": lambda fake: FinalizeInvoice(renewed(fake, after=31 * DAY)),
    "a draft, sent": lambda fake: SendInvoice(
        made(fake, finalize=False, collection="send_invoice", days_until_due=14)
    ),
    "a bill, void": lambda fake: VoidInvoice(made(fake)),
    "a renewal, void": lambda fake: VoidInvoice(renewed(fake)),
    "what was given up, void": lambda fake: VoidInvoice(twice_closed(fake)),
    "a bill, given up": lambda fake: MarkUncollectible(made(fake)),
    "a renewal, given up": lambda fake: MarkUncollectible(renewed(fake)),
    "a bill, paid elsewhere": lambda fake: MarkPaidOutOfBand(made(fake)),
    "a renewal, paid elsewhere": lambda fake: MarkPaidOutOfBand(renewed(fake)),
}


@pytest.fixture
def equal(stripe_town):
    with equal_to(stripe_town) as fake:
        yield fake


class TestStripe:
    @pytest.mark.parametrize("version", [BASIL, PINNED], ids=["basil", "pinned"])
    @pytest.mark.parametrize("what", STAGED)
    def test_tells_what_the_fake_tells(self, equal, stripe_town, what):
        expected, answer = compared(equal, stripe_town, STAGED[what])

        assert expected.facts
        assert answer.request_id

    @pytest.mark.parametrize("what", STAGED)
    def test_finds_what_it_did_long_after_its_key_is_forgotten(self, stripe_town, what):
        since, request = stripe_town.now(), STAGED[what](stripe_town.fake)
        asked_at = stripe_town.now()
        made = stripe_town.processor.ask(request, key=KEY)
        stripe_town.wait(2 * DAY)

        found = stripe_town.processor.find(request, key=KEY, since=asked_at)

        assert since <= asked_at
        assert found is not None
        assert (found.object, found.status) == (made.object, made.status)

    @pytest.mark.parametrize("what", STAGED)
    def test_finds_nothing_that_was_not_asked(self, stripe_town, what):
        request = STAGED[what](stripe_town.fake)
        before = len(stripe_town.events())

        found = stripe_town.processor.find(request, key=KEY, since=stripe_town.now())

        assert found is None
        assert len(stripe_town.events()) == before

    @pytest.mark.parametrize(
        "request_", [VoidInvoice("in_nobody"), CreateInvoice("cus_nobody", LINES)], ids=str
    )
    def test_finds_nothing_of_what_never_was(self, stripe_town, request_):
        assert stripe_town.processor.find(request_, key=KEY, since=stripe_town.now()) is None

    def test_does_not_take_a_refused_key_for_an_answer(self, stripe_town, line):
        request = VoidInvoice(made(stripe_town.fake))
        stranger = Client("sk_test_other", line=line, base=stripe_town.server.url, version=PINNED)

        with pytest.raises(Rejected, match="key"):
            StripeProcessor(stranger).find(request, key=KEY, since=stripe_town.now())
        stranger.close()


class TestAStatus:
    def test_that_is_new_is_not_guessed_at(self):
        assert states.is_draft(status({"id": "in_1", "status": "draft"}))
        with pytest.raises(Unreadable, match="in_1: its status 'molten'"):
            status({"id": "in_1", "status": "molten"})


class TestCreating:
    def test_bills_its_lines_with_their_taxes_on_top(self, stripe_town):
        answer = stripe_town.processor.ask(bill(stripe_town.fake), key=KEY)

        (fact,) = [one for one in answer.facts if isinstance(one, InvoiceFact)]
        assert (fact.due, fact.tax) == (Money(90150, "EUR"), 14250)
        lines = stripe_town.fake.invoice(answer.object).lines
        assert [line.description for line in lines] == ["A day of work", "Rebate", "3 × Cables"]

    def test_keeps_the_hosts_metadata_beside_our_mark(self, stripe_town):
        request = bill(stripe_town.fake, metadata={"order": "7", "nothing": ""})

        answer = stripe_town.processor.ask(request, key=KEY)

        kept = stripe_town.fake.invoice(answer.object).metadata
        assert kept == {"order": "7", "recoup_request": KEY}

    def test_is_never_collected_by_itself(self, stripe_town):
        bills = [bill(stripe_town.fake), bill(stripe_town.fake, finalize=False)]
        made = [
            stripe_town.processor.ask(one, key=f"recoup:{n}").object for n, one in enumerate(bills)
        ]

        stripe_town.wait(40 * DAY)

        assert [stripe_town.fake.charges_of(one) for one in made] == [[], []]
        assert stripe_town.fake.invoice(made[1]).finalized_at is None

    @pytest.mark.parametrize(
        "lines",
        [
            pytest.param((), id="none"),
            pytest.param(
                (LineWanted("a", Money(5, "EUR")), LineWanted("b", Money(5, "USD"))),
                id="two currencies",
            ),
            pytest.param((LineWanted("a", Money(-1, "EUR")),), id="below 0"),
            pytest.param((LineWanted("", Money(5, "EUR")),), id="no words"),
            pytest.param((LineWanted("a", Money(5, "EUR"), quantity=0),), id="no quantity"),
            pytest.param((LineWanted("a", Money(5, "EUR"), tax=-1),), id="tax against it"),
            pytest.param((LineWanted("a", Money(1005, "KWD")),), id="too fine"),
            pytest.param((LineWanted("a", Money(1050, "MGA")),), id="too fine for Stripe"),
        ],
    )
    def test_refuses_lines_that_no_invoice_has_before_it_asks(self, stripe_town, lines):
        request = CreateInvoice(somebody(stripe_town.fake), lines)
        before = len(stripe_town.watched)

        with pytest.raises(Rejected):
            stripe_town.processor.ask(request, key=KEY)

        assert len(stripe_town.watched) == before

    def test_leaves_nothing_of_what_stripe_refuses_half_way(self, stripe_town):
        lines = (LineWanted("a\0b", Money(5, "EUR")),)
        request = CreateInvoice(somebody(stripe_town.fake), lines)

        for _ in range(2):
            with pytest.raises(Rejected, match="NUL"):
                stripe_town.processor.ask(request, key=KEY)

        types = [event["type"] for event in stripe_town.events()]
        assert types[-2:] == ["invoice.created", "invoice.deleted"]
        assert stripe_town.processor.find(request, key=KEY, since=stripe_town.now()) is None

    def test_refuses_a_key_of_another_request(self, stripe_town):
        stripe_town.processor.ask(bill(stripe_town.fake), key=KEY)

        with pytest.raises(KeyReused):
            stripe_town.processor.ask(bill(stripe_town.fake), key=KEY)

    @pytest.mark.parametrize("kind", ["drop", "lost_reply", "truncated", "error_after"])
    @pytest.mark.parametrize("step", STEPS)
    def test_ends_in_one_invoice_wherever_it_stopped(self, stripe_town, step, kind):
        request, since = bill(stripe_town.fake), stripe_town.now()
        stripe_town.server.add_fault(Fault(kind, to=step))
        with pytest.raises(Unreachable):
            stripe_town.processor.ask(request, key=KEY)
        if kind == "error_after":  # the 500 is kept with its key, and that for a day
            stripe_town.wait(DAY + HOUR)

        found = stripe_town.processor.find(request, key=KEY, since=since)
        again = stripe_town.processor.ask(request, key=KEY) if found is None else found

        (only,) = self._invoices(stripe_town)
        assert only == again.object
        invoice = stripe_town.fake.invoice(only)
        assert states.is_owed(invoice.status)
        assert (len(invoice.lines), invoice.amount) == (3, 90150)

    @pytest.mark.parametrize("step", STEPS)
    def test_is_repeated_with_the_same_key_after_a_lost_reply(self, stripe_town, step):
        request = bill(stripe_town.fake)
        stripe_town.server.add_fault(Fault("lost_reply", to=step))
        with pytest.raises(Unreachable):
            stripe_town.processor.ask(request, key=KEY)

        answer = stripe_town.processor.ask(request, key=KEY)

        assert self._invoices(stripe_town) == [answer.object]
        assert stripe_town.fake.invoice(answer.object).amount == 90150

    @staticmethod
    def _invoices(town):
        events = town.events()
        return [
            event["data"]["object"]["id"] for event in events if event["type"] == "invoice.created"
        ]


class TestClosing:
    def test_voids_what_is_void(self, stripe_town):
        request = VoidInvoice(made(stripe_town.fake))
        stripe_town.processor.ask(request, key=KEY)
        before = len(stripe_town.events())

        answer = stripe_town.processor.ask(request, key="recoup:other")

        assert (answer.object, answer.status) == (request.invoice, "void")
        assert len(stripe_town.events()) == before

    def test_says_who_is_good_again(self, stripe_town):
        invoice = renewed(stripe_town.fake)

        answer = stripe_town.processor.ask(MarkPaidOutOfBand(invoice), key=KEY)

        kinds = [type(fact) for fact in answer.facts]
        assert kinds[:3] == [CustomerFact, SubscriptionFact, InvoiceFact]
        assert states.is_active(answer.facts[1].status, ended=False, paused=False)
        assert answer.facts[2].out_of_band

    @pytest.mark.parametrize(
        "request_", [VoidInvoice, MarkUncollectible, MarkPaidOutOfBand, FinalizeInvoice]
    )
    def test_does_not_touch_what_is_paid(self, stripe_town, request_):
        invoice = made(stripe_town.fake)
        stripe_town.fake.customer_pays(invoice)
        before = len(stripe_town.events())

        with pytest.raises(Rejected):
            stripe_town.processor.ask(request_(invoice), key=KEY)

        assert len(stripe_town.events()) == before

    @pytest.mark.parametrize("request_", [VoidInvoice, MarkUncollectible, MarkPaidOutOfBand])
    def test_does_not_touch_what_is_on_its_way(self, stripe_town, request_):
        customer = somebody(stripe_town.fake, payer=Slow(), kind="sepa_debit")
        request = CreateInvoice(customer, LINES)
        invoice = stripe_town.fake.ask(request, key="recoup:slow").object
        stripe_town.fake.customer_pays(invoice)

        with pytest.raises(Rejected, match="processing"):
            stripe_town.processor.ask(request_(invoice), key=KEY)

    @pytest.mark.parametrize("request_", [FinalizeInvoice, MarkUncollectible])
    def test_does_not_take_what_was_long_ago_for_its_own(self, stripe_town, request_):
        invoice = made(stripe_town.fake)
        stripe_town.fake.mark_uncollectible(invoice)
        stripe_town.wait(DAY)

        found = stripe_town.processor.find(request_(invoice), key=KEY, since=stripe_town.now())

        assert found is None

    def test_does_not_take_money_that_came_here_for_money_from_elsewhere(self, stripe_town):
        invoice = made(stripe_town.fake)
        stripe_town.fake.customer_pays(invoice)
        request = MarkPaidOutOfBand(invoice)

        assert stripe_town.processor.find(request, key=KEY, since=stripe_town.now()) is None

    def test_tells_of_now_when_an_answer_is_given_again(self, stripe_town):
        request = bill(stripe_town.fake)
        first = stripe_town.processor.ask(request, key=KEY)
        stripe_town.fake.customer_pays(first.object)

        again = stripe_town.processor.ask(request, key=KEY)

        assert (first.status, again.status) == ("open", "paid")
