"""What is bought, changed at Stripe: at once, once it is paid, or with the next period."""

from __future__ import annotations

import pytest
from stripe import StripeClient
from stripe_shop import MOODS, VERSIONS, Shop, both, gist

from recoup.core import states
from recoup.core.billing import requests as ask
from recoup.core.billing.requests import ItemChange
from recoup.core.facts import InvoiceFact
from recoup.core.money import Money
from recoup.errors import Rejected, Unreachable
from recoup.processors.fake import Slow
from recoup.processors.stripe.calls.errors import Declined
from recoup.testing.bills import DAY, started, subscription
from recoup.testing.stripe_server import Fault

KEY = "recoup:changing:1"
DEAR = Money(6200, "EUR")
SCHEDULES = "POST /v1/subscription_schedules"


def change(shop, sub, *, price=None, quantity=None, **how):
    to = ItemChange(sub.items[0].processor_id, price, quantity)
    return ask.ChangeSubscription(sub.processor_id, (to,), **how)


def dearer(mood="pays", interval="month", **how):
    """Return what makes a request for a dearer price, of somebody whose bank is in a mood."""

    def make(shop):
        sub = started(shop)
        card = shop.fake.attach_method(sub.customer)
        shop.fake.update_method(card, payer=MOODS[mood])
        shop.wait(10 * DAY)
        return change(shop, sub, price=shop.price(DEAR, interval), **how)

    return make


def several(**how):
    """Return what makes a request that adds, changes and removes."""

    def make(shop):
        wanted = tuple(ask.ItemWanted(shop.price(Money(cents, "EUR"))) for cents in (900, 2100))
        begun = shop.processor.ask(
            ask.StartSubscription(shop.customer(), wanted), key="recoup:several"
        )
        first, second = subscription(begun).items
        shop.wait(3 * DAY)
        to = (
            ItemChange(first.processor_id, removed=True),
            ItemChange(second.processor_id, quantity=4),
            ItemChange(None, shop.price(Money(700, "EUR")), 2),
        )
        return ask.ChangeSubscription(begun.object, to, **how)

    return make


def cheaper(shop):
    """Give back what is left of the period, to the customer's good."""
    sub = started(shop)
    shop.wait(10 * DAY)
    return change(shop, sub, price=shop.price(Money(100, "EUR")), proration="invoice_now")


def debited(shop):
    """Change what is paid by a debit that takes days."""
    customer = shop.fake.create_customer(email="ada@example.com")
    shop.fake.attach_method(customer, Slow(), kind="sepa_debit")
    wanted = (ask.ItemWanted(shop.price(DEAR)),)
    begun = shop.processor.ask(ask.StartSubscription(customer, wanted), key="recoup:slow")
    shop.wait(8 * DAY)
    return change(shop, subscription(begun), quantity=3, proration="invoice_now")


CHANGES = {
    "to the customer's good": cheaper,
    "on its way for days": debited,
    "on the next bill": dearer(),
    "billed now": dearer(proration="invoice_now"),
    "for nothing": dearer(proration="none"),
    "from now": dearer(restart=True),
    "to another interval": dearer(interval="year"),
    "later": dearer(at_period_end=True),
    "gated": dearer(gated=True, proration="invoice_now"),
    "gated and nothing due": dearer(gated=True),
    "gated and declined": dearer("declines", gated=True, proration="invoice_now"),
    "gated and to be authenticated": dearer("asks", gated=True, proration="invoice_now"),
    "gated, declined, from now": dearer("declines", gated=True, restart=True),
    "of several items": several(proration="invoice_now"),
    "of several items later": several(at_period_end=True),
}


@pytest.fixture
def shop():
    with Shop() as shop:
        yield shop


def bills_of(answer):
    return {fact.processor_id for fact in answer.facts if isinstance(fact, InvoiceFact)}


class TestChanges:
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("name", CHANGES)
    def test_are_as_with_the_fake(self, name, version):
        fake, stripe = both(CHANGES[name], version)

        assert gist(stripe) == gist(fake)

    @pytest.mark.parametrize(
        ("version", "word"),
        [
            (VERSIONS[0], "billing_cycle_anchor=now"),
            (VERSIONS[1], "billing_cycle_anchor[type]=now"),
        ],
    )
    def test_begin_a_period_in_the_words_of_the_version(self, version, word):
        with Shop(version) as shop:
            shop.processor.ask(dearer(restart=True)(shop), key=KEY)

            assert word in shop.forms("POST /v1/subscriptions/")[-1]

    def test_say_nothing_with_a_gate_that_stripe_does_not_take(self, shop):
        shop.processor.ask(dearer(gated=True, proration="invoice_now")(shop), key=KEY)

        form = shop.forms("POST /v1/subscriptions/")[-1]
        assert "payment_behavior=pending_if_incomplete" in form
        assert "metadata" not in form

    @pytest.mark.parametrize("mood", ["declines", "asks"])
    def test_that_are_not_paid_leave_everything_as_it_is(self, shop, mood):
        request, since = dearer(mood, proration="invoice_now")(shop), shop.now()
        before = shop.fake.subscription(request.subscription).items

        with pytest.raises(Declined):
            shop.processor.ask(request, key=KEY)

        assert shop.fake.subscription(request.subscription).items == before
        assert shop.processor.find(request, key=KEY, since=since) is None

    def test_of_the_price_alone_keep_the_quantity(self, shop):
        sub = started(shop)
        shop.processor.ask(change(shop, sub, quantity=7), key="recoup:7")

        answer = shop.processor.ask(change(shop, sub, price=shop.price(DEAR)), key=KEY)

        assert subscription(answer).items[0].quantity == 7

    @pytest.mark.parametrize(
        "how",
        [
            {"gated": True, "at_period_end": True},
            {"restart": True, "at_period_end": True},
            {"quantity": 0},
            {"proration": "sometimes"},
        ],
        ids=str,
    )
    def test_that_stripe_would_take_otherwise_are_not_asked_for(self, shop, how):
        request = change(shop, started(shop), **how)

        with pytest.raises(Rejected):
            shop.processor.ask(request, key=KEY)

        assert shop.forms("POST /v1/subscriptions/") == []


class TestTheBillOfAChange:
    def test_is_not_that_of_the_change_before(self, shop):
        request = dearer(proration="invoice_now")(shop)
        assert bills_of(shop.processor.ask(request, key="recoup:billed"))

        sub = shop.fake.subscription(request.subscription)
        more = ask.ChangeSubscription(sub.id, (ItemChange(sub.items[0].id, quantity=3),))

        for _ in range(2):
            assert bills_of(shop.processor.ask(more, key=KEY)) == set()

    def test_is_shown_again_and_found_again(self, shop):
        request, since = dearer(proration="invoice_now")(shop), shop.now()

        first = shop.processor.ask(request, key=KEY)

        assert len(bills_of(first)) == 1
        assert gist(shop.processor.ask(request, key=KEY)) == gist(first)
        assert gist(shop.processor.find(request, key=KEY, since=since)) == gist(first)

    def test_waits_for_the_customer_who_must_authenticate(self, shop):
        request = dearer("asks", gated=True, proration="invoice_now")(shop)

        answer = shop.processor.ask(request, key=KEY)
        (bill,) = bills_of(answer)
        shop.fake.customer_authenticates(str(shop.fake.invoice(bill).intent))

        assert answer.action is not None
        assert answer.action.client_secret
        items = shop.fake.subscription(request.subscription).items
        assert items[0].price == request.items[0].price


class TestFindingAChange:
    def test_does_not_take_what_somebody_else_did_for_ours(self, shop):
        request, since = dearer(proration="invoice_now")(shop), shop.now()
        shop.processor.ask(request, key="recoup:others")

        assert shop.processor.find(request, key=KEY, since=since) is None

    def test_goes_on_for_days_after_the_key_is_forgotten(self, shop):
        request, since = dearer()(shop), shop.now()
        shop.processor.ask(request, key=KEY)
        shop.wait(15 * DAY)

        assert shop.processor.find(request, key=KEY, since=since) is not None


class TestAChangeForLater:
    def make(self, shop, **how):
        """Begin, and schedule twice as many; return what was begun."""
        sub = started(shop, **how)
        later = change(shop, sub, quantity=2, at_period_end=True)
        return sub, later, shop.processor.ask(later, key="recoup:later")

    def test_comes_with_the_next_period_and_then_needs_no_schedule(self, shop):
        sub, _, answer = self.make(shop)
        assert subscription(answer).quantity == 1

        shop.wait(31 * DAY)
        now = shop.fake.subscription(sub.processor_id)
        assert (now.items[0].quantity, bool(now.schedule)) == (2, True)

        shop.wait(28 * DAY)
        assert shop.fake.subscription(sub.processor_id).schedule is None

    def test_keeps_the_discount_of_the_subscription(self, shop):
        coupon = ask.CreateCoupon("TENTH", percent_off="10", duration="forever")
        shop.processor.ask(coupon, key="recoup:coupon")
        sub, _, _ = self.make(shop, coupon="TENTH")

        shop.wait(31 * DAY)

        latest = shop.fake.subscription(sub.processor_id).latest_invoice
        assert shop.fake.invoice(str(latest)).total == 3100 * 2 * 9 // 10

    def test_takes_the_place_of_another(self, shop):
        sub, _, _ = self.make(shop)

        shop.processor.ask(change(shop, sub, quantity=5, at_period_end=True), key=KEY)

        shop.wait(31 * DAY)
        assert shop.fake.subscription(sub.processor_id).items[0].quantity == 5
        assert len(shop.forms(f"{SCHEDULES}/")) == 2

    def test_to_what_it_is_calls_another_off(self, shop):
        sub, _, _ = self.make(shop)

        shop.processor.ask(change(shop, sub, quantity=1, at_period_end=True), key=KEY)

        now = shop.fake.subscription(sub.processor_id)
        assert (now.next_items, now.schedule) == (None, None)

    def test_is_called_off_by_one_that_is_made_now(self, shop):
        sub, _, _ = self.make(shop)

        shop.processor.ask(change(shop, sub, quantity=3), key=KEY)

        shop.wait(31 * DAY)
        now = shop.fake.subscription(sub.processor_id)
        assert (now.items[0].quantity, now.schedule) == (3, None)

    def test_lets_no_other_wait_to_be_paid(self, shop):
        sub, _, _ = self.make(shop)
        gated = change(shop, sub, quantity=3, gated=True, proration="invoice_now")

        with pytest.raises(Rejected, match="scheduled"):
            shop.processor.ask(gated, key=KEY)

        assert shop.fake.subscription(sub.processor_id).next_items is not None

    def test_is_refused_for_what_is_to_end(self, shop):
        sub = started(shop)
        leave = ask.CancelSubscription(sub.processor_id, at_period_end=True)
        shop.processor.ask(leave, key="recoup:leave")

        with pytest.raises(Rejected, match="set to cancel"):
            shop.processor.ask(change(shop, sub, quantity=2, at_period_end=True), key=KEY)

    @pytest.mark.parametrize("lost", ["drop", "lost_reply"])
    def test_that_stopped_half_way_never_took_effect_and_goes_on(self, shop, lost):
        sub, since = started(shop), shop.now()
        later = change(shop, sub, quantity=2, at_period_end=True)
        shop.server.add_fault(Fault(lost, to=SCHEDULES))
        with pytest.raises(Unreachable):
            shop.processor.ask(later, key=KEY)

        assert shop.processor.find(later, key=KEY, since=since) is None
        assert shop.fake.subscription(sub.processor_id).next_items is None

        shop.processor.ask(later, key=KEY)
        assert shop.processor.find(later, key=KEY, since=since) is not None
        assert shop.fake.subscription(sub.processor_id).next_items is not None

    def test_leaves_a_schedule_of_somebody_else_alone(self, shop):
        sub = started(shop)
        item = {"price": sub.items[0].price, "quantity": 1}
        phase = {"start_date": sub.period_start, "end_date": sub.period_end, "items": [item]}
        theirs = self.schedule(shop, sub, [phase, {"items": [{**item, "quantity": 9}]}])

        with pytest.raises(Rejected, match="already attached"):
            shop.processor.ask(change(shop, sub, quantity=2, at_period_end=True), key=KEY)
        leave = ask.CancelSubscription(sub.processor_id, at_period_end=True)
        with pytest.raises(Rejected, match="managed by"):
            shop.processor.ask(leave, key="recoup:leave")
        with pytest.raises(Rejected, match="Nothing is scheduled"):
            shop.processor.ask(ask.ResumeSubscription(sub.processor_id), key="recoup:resume")
        shop.processor.ask(change(shop, sub, quantity=3), key="recoup:now")

        stands = shop.fake.subscription(sub.processor_id)
        assert (stands.schedule, stands.items[0].quantity) == (theirs, 3)

    def schedule(self, shop, sub, phases):
        """Make a schedule as somebody does who is not Recoup."""
        sdk = StripeClient(
            shop.server.key, base_addresses={"api": shop.server.url}, max_network_retries=0
        )
        made = sdk.v1.subscription_schedules.create({"from_subscription": sub.processor_id})
        whole = [
            {name: at if isinstance(at, list) else int(at.timestamp()) for name, at in one.items()}
            for one in phases
        ]
        sdk.v1.subscription_schedules.update(made.id, {"phases": whole})
        return made.id

    def test_leaves_a_change_now_whole_whose_release_was_lost(self, shop):
        sub, _, _ = self.make(shop)
        now = change(shop, sub, quantity=3)
        shop.server.add_fault(Fault("drop", to="POST *release"))
        with pytest.raises(Unreachable):
            shop.processor.ask(now, key=KEY)

        shop.processor.ask(now, key=KEY)

        stands = shop.fake.subscription(sub.processor_id)
        assert (stands.items[0].quantity, stands.next_items) == (3, None)
        assert states.is_live(stands.status)
