"""Subscriptions at Stripe: begun, ended, paused and kept as the fake does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stripe_shop import VERSIONS, Shop, both, gist

from recoup.core import states
from recoup.core.billing import requests as ask
from recoup.core.facts import SubscriptionFact
from recoup.core.money import Money
from recoup.errors import Rejected
from recoup.testing import bills
from recoup.testing.bills import DAY, started, subscription

KEY = "recoup:subscribing:1"
TO = "POST /v1/subscriptions"


def start(mood="pays", **how):
    """Return what makes a request to start, for somebody whose bank is in a mood."""
    return lambda shop: replace(bills._start(shop), customer=shop.customer(mood), **how)


def coupon(shop):
    made = ask.CreateCoupon("TENTH", percent_off="10", duration="forever")
    return shop.processor.ask(made, key="recoup:coupon").object


def code(shop):
    made = ask.CreatePromotionCode(coupon(shop), "HELLO")
    return shop.processor.ask(made, key="recoup:code").object


def about(kind, **how):
    return lambda shop: kind(started(shop).processor_id, **how)


def left(shop, **how):
    """Leave a subscription whose first payment was declined."""
    begun = shop.processor.ask(start("declines")(shop), key="recoup:begin")
    return ask.CancelSubscription(begun.object, **how)


BEGINNINGS = {
    "paid": start(),
    "declined": start("declines"),
    "to be authenticated": start("asks"),
    "on trial": lambda shop: start(trial_end=shop.now() + 5 * DAY)(shop),
    "anchored": lambda shop: start(anchor=shop.now() + 9 * DAY)(shop),
    "free up to its anchor": lambda shop: start(anchor=shop.now() + 9 * DAY, prorate=False)(shop),
    "backdated": lambda shop: start(backdate=shop.now() - 40 * DAY)(shop),
    "with a coupon": lambda shop: start(coupon=coupon(shop))(shop),
    "with a code": lambda shop: start(promotion_code=code(shop))(shop),
    "sent": start(collection="send_invoice", days_until_due=10),
    "with texts": start(metadata={"team": "7", "empty": ""}),
}
LATER = {
    "ends": about(ask.CancelSubscription),
    "ends for a reason": about(ask.CancelSubscription, reason="fraud", feedback="unused"),
    "ends unpaid": lambda shop: left(shop, reason="timeout"),
    "ends with its period": about(ask.CancelSubscription, at_period_end=True, comment="Bye"),
    "ends some day": lambda shop: about(ask.CancelSubscription, at=shop.now() + 50 * DAY)(shop),
    "is paused": about(ask.PauseSubscription, behavior="keep_as_draft"),
    "is paused a while": lambda shop: about(
        ask.PauseSubscription, resumes_at=shop.now() + 3 * DAY
    )(shop),
    "begins a trial": lambda shop: about(ask.ExtendTrial, trial_end=shop.now() + 9 * DAY)(shop),
    "has other texts": about(ask.UpdateSubscription, metadata={"team": "8"}),
    "has a discount": lambda shop: about(ask.ApplyDiscount, coupon=coupon(shop))(shop),
    "has a code": lambda shop: about(ask.ApplyDiscount, promotion_code=code(shop))(shop),
}


@pytest.fixture
def shop():
    with Shop() as shop:
        yield shop


class TestSubscriptions:
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("name", BEGINNINGS)
    def test_begin_as_with_the_fake(self, name, version):
        fake, stripe = both(BEGINNINGS[name], version)

        assert gist(stripe) == gist(fake)

    @pytest.mark.parametrize("name", LATER)
    def test_go_on_as_with_the_fake(self, name):
        fake, stripe = both(LATER[name])

        assert gist(stripe) == gist(fake)

    @pytest.mark.parametrize(("version", "said"), [(VERSIONS[0], False), (VERSIONS[1], True)])
    def test_are_billed_in_the_classic_mode_where_that_must_be_said(self, version, said):
        with Shop(version) as shop:
            shop.processor.ask(start()(shop), key=KEY)

            (form,) = shop.forms(TO)
        assert ("billing_mode[type]=classic" in form) is said
        assert "payment_behavior=allow_incomplete" in form
        assert "off_session=false" in form

    @pytest.mark.parametrize(
        "how",
        [
            lambda shop: {"trial_end": shop.now() + DAY, "anchor": shop.now() + DAY},
            lambda shop: {"coupon": coupon(shop), "promotion_code": "promo_1"},
            lambda _: {"items": ()},
        ],
        ids=["a trial and an anchor", "a coupon and a code", "nothing"],
    )
    def test_are_not_begun_with_what_stripe_would_take_otherwise(self, shop, how):
        request = start(**how(shop))(shop)

        with pytest.raises(Rejected):
            shop.processor.ask(request, key=KEY)

        assert shop.forms(TO) == []

    def test_do_not_show_our_mark_to_the_host(self, shop):
        answer = shop.processor.ask(start(metadata={"team": "7"})(shop), key=KEY)

        assert subscription(answer).metadata == {"team": "7"}

    def test_that_others_began_are_not_taken_for_ours(self, shop):
        request, since = start()(shop), shop.now()
        shop.processor.ask(request, key="recoup:others")

        assert shop.processor.find(request, key=KEY, since=since) is None


class TestEnding:
    def test_what_is_to_change_with_its_period_calls_the_change_off(self, shop):
        sub = started(shop)
        double = ask.ItemChange(sub.items[0].processor_id, quantity=2)
        later = ask.ChangeSubscription(sub.processor_id, (double,), at_period_end=True)
        shop.processor.ask(later, key="recoup:later")

        request = ask.CancelSubscription(sub.processor_id, at_period_end=True)
        first = shop.processor.ask(request, key=KEY)

        assert subscription(first).cancel_at == sub.period_end
        assert shop.fake.subscription(sub.processor_id).next_items is None
        assert gist(shop.processor.ask(request, key=KEY)) == gist(first)

    def test_later_than_a_scheduled_change_is_refused(self, shop):
        sub = started(shop)
        double = ask.ItemChange(sub.items[0].processor_id, quantity=2)
        later = ask.ChangeSubscription(sub.processor_id, (double,), at_period_end=True)
        shop.processor.ask(later, key="recoup:later")

        with pytest.raises(Rejected, match="scheduled"):
            shop.processor.ask(
                ask.CancelSubscription(sub.processor_id, at=shop.now() + 50 * DAY), key=KEY
            )

        assert shop.fake.subscription(sub.processor_id).next_items is not None

    def test_is_found_whoever_did_it(self, shop):
        request, since = ask.CancelSubscription(started(shop).processor_id), shop.now()
        assert shop.processor.find(request, key=KEY, since=since) is None

        shop.processor.ask(request, key="recoup:others")

        found = shop.processor.find(request, key=KEY, since=since)
        assert found is not None
        assert states.has_ended(subscription(found).status)


class TestResuming:
    @pytest.mark.parametrize("how", ["with the period", "some day", "a change"])
    def test_undoes_what_is_scheduled_and_says_the_same_again(self, shop, how):
        sub = started(shop)
        id_, double = sub.processor_id, ask.ItemChange(sub.items[0].processor_id, quantity=2)
        scheduled = {
            "with the period": ask.CancelSubscription(id_, at_period_end=True),
            "some day": ask.CancelSubscription(id_, at=shop.now() + 50 * DAY),
            "a change": ask.ChangeSubscription(id_, (double,), at_period_end=True),
        }[how]
        shop.processor.ask(scheduled, key="recoup:scheduled")

        first = shop.processor.ask(ask.ResumeSubscription(id_), key=KEY)

        assert subscription(first).cancel_at is None
        now = shop.fake.subscription(id_)
        assert (now.next_items, now.schedule, now.ends_at) == (None, None, None)
        assert gist(shop.processor.ask(ask.ResumeSubscription(id_), key=KEY)) == gist(first)

    def test_is_refused_where_nothing_is_scheduled(self, shop):
        with pytest.raises(Rejected, match="Nothing is scheduled"):
            shop.processor.ask(ask.ResumeSubscription(started(shop).processor_id), key=KEY)


class TestAnAnswerThatIsGivenAgain:
    def test_tells_how_things_stand_now(self, shop):
        id_ = started(shop).processor_id
        shop.processor.ask(ask.PauseSubscription(id_), key=KEY)
        shop.processor.ask(ask.UnpauseSubscription(id_), key="recoup:others")

        again = shop.processor.ask(ask.PauseSubscription(id_), key=KEY)

        assert subscription(again).pause_behavior is None

    def test_is_not_found_in_what_somebody_else_did(self, shop):
        id_, since = started(shop).processor_id, shop.now()
        shop.processor.ask(ask.PauseSubscription(id_), key="recoup:others")

        assert shop.processor.find(ask.PauseSubscription(id_), key=KEY, since=since) is None


class TestUnpausing:
    def test_what_is_not_paused_changes_nothing_and_shows_it(self, shop):
        id_ = started(shop).processor_id
        before = len(shop.events())

        answer = shop.processor.ask(ask.UnpauseSubscription(id_), key=KEY)

        assert subscription(answer).pause_behavior is None
        assert len(shop.events()) == before


class TestMethods:
    def test_of_a_subscription_are_put_and_taken_away(self, shop):
        sub = started(shop)
        other = shop.fake.attach_method(sub.customer, default=False)
        put = ask.UpdateSubscription(sub.processor_id, default_method=other)

        assert subscription(shop.processor.ask(put, key=KEY)).default_method == other

        gone = ask.UpdateSubscription(sub.processor_id, default_method="")
        assert subscription(shop.processor.ask(gone, key="recoup:2")).default_method is None

    def test_of_others_are_refused(self, shop):
        sub, stranger = started(shop), shop.customer()
        theirs = shop.fake.attach_method(stranger)

        with pytest.raises(Rejected):
            shop.processor.ask(
                ask.UpdateSubscription(sub.processor_id, default_method=theirs), key=KEY
            )


class TestCurrencies:
    def test_without_minor_units_count_as_stripe_counts_them(self, shop):
        answer = shop.processor.ask(
            ask.StartSubscription(
                shop.customer(), (ask.ItemWanted(shop.price(Money(5000, "ISK"))),)
            ),
            key=KEY,
        )

        assert bills.invoice(answer).paid == Money(5000, "ISK")
        assert any(isinstance(fact, SubscriptionFact) for fact in answer.facts)
