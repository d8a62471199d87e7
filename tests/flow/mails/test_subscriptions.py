"""The turns of a subscription: one mail for each, whatever the news."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from mailed import DEAR, TEN

from recoup.processors.fake import NO_FUNDS, Declines

DAY = timedelta(days=1)


def half_paid(town, bill):
    """The news that half of a bill was paid, which the fake's customers can not do."""
    told = (json.loads(body) for _, body in town.fake.events(limit=100_000))
    event = [one for one in told if one["data"]["object"]["id"] == bill][-1]
    half = event["data"]["object"]["amount_due"] // 2
    event["data"]["object"] |= {"amount_paid": half, "amount_remaining": half}
    return json.dumps(event | {"id": "evt_part", "created": int(town.now.timestamp())}).encode()


class TestSubscriptionCanceled:
    def test_is_sent_when_it_ends_at_once(self, town):
        who = town.subscriber()
        before = town.sent()

        town.recoup.subscriptions.cancel(who.subscription, reason="requested")
        town.hear()

        assert town.sent() - before == {"subscription_canceled": 1}

    def test_is_sent_when_its_day_is_set_and_not_again_on_that_day(self, town):
        who = town.subscriber()
        before = town.sent()

        town.fake.cancel_at_period_end(who.subscription)
        town.hear()
        assert town.sent() - before == {"subscription_canceled": 1}
        town.live(days=32)

        assert town.sent() - before == {"subscription_canceled": 1}
        assert town.why("subscription_canceled") == ["its customer was told when its day was set"]

    def test_is_sent_at_the_end_of_the_ladder(self, town):
        who = town.debtor()
        town.order = "told"
        town.live(days=32)

        assert town.run(who).ended
        assert town.sent()["subscription_canceled"] == 1


class TestSubscriptionPaused:
    def test_is_sent_and_so_is_that_it_goes_on(self, town):
        who = town.subscriber()
        before = town.sent()

        town.recoup.subscriptions.pause(who.subscription)
        town.hear()
        paused = town.sent() - before
        town.recoup.subscriptions.unpause(who.subscription)
        town.hear()

        assert paused == {"subscription_paused": 1}
        assert town.sent() - before == {"subscription_paused": 1, "subscription_resumed": 1}

    def test_is_sent_for_every_pause(self, make):
        town = make()
        who = town.subscriber()

        for _ in range(2):
            town.recoup.subscriptions.pause(who.subscription)
            town.live(days=1)
            town.recoup.subscriptions.unpause(who.subscription)
            town.live(days=1)

        assert town.sent()["subscription_paused"] == 2
        assert town.sent()["subscription_resumed"] == 2


class TestCouponApplied:
    def test_is_sent_once(self, town):
        who = town.subscriber()
        town.recoup.coupons.create("spring", percent_off=25, duration="forever", name="Spring")
        before = town.sent()

        town.recoup.subscriptions.apply_discount(who.subscription, coupon="spring")
        town.hear()

        assert town.sent() - before == {"coupon_applied": 1}
        assert "25" in town.outbox.messages[-1].get_body(("plain",)).get_content()


class TestATrial:
    @pytest.fixture
    def trying(self, town):
        who, _ = town.ada()
        name = town.recoup.customers.get(who).processor_id
        town.fake.subscribe(name, town.price(TEN), trial=10 * DAY)
        town.hear()
        return town

    def test_is_told_of_three_days_before_its_end_and_not_earlier(self, trying):
        trying.live(days=6.9)
        assert trying.sent()["trial_ending"] == 0

        trying.live(days=0.2)
        trying.tick()
        trying.live(days=1)

        assert trying.sent()["trial_ending"] == 1

    def test_is_told_of_at_its_end(self, trying):
        trying.fake.advance(trying.now + 10.1 * DAY)
        trying.clock.set(trying.now + 10.1 * DAY)
        trying.hear()

        assert trying.sent()["trial_ended"] == 1

    def test_that_was_given_up_is_told_of_as_canceled_alone(self, trying):
        (row,) = trying.rows("SELECT id FROM subscriptions")
        trying.recoup.subscriptions.cancel(row["id"], reason="requested")
        trying.hear()

        assert trying.sent()["trial_ended"] == 0
        assert trying.sent()["subscription_canceled"] == 1


class TestAccess:
    def test_is_told_of_once_for_a_rung_that_takes_something_away(self, town):
        who = town.debtor(days=9)

        assert town.standing(who) != "current"
        assert town.sent()["access_restricted"] == 1

    def test_is_told_of_when_a_person_gives_it_back(self, town):
        who = town.debtor(days=9)
        before = town.sent()

        town.recoup.dunning.exempt(
            town.customer_id(who), until=town.now + 3 * DAY, reason="they are moving house"
        )
        town.hear()

        assert town.sent() - before == {"access_restored": 1}

    def test_is_not_told_of_where_a_stricter_rung_comes(self, make):
        town = make()
        town.debtor(days=17)

        assert town.sent()["access_restored"] == 0
        assert town.sent()["access_restricted"] == 2

    def test_is_not_told_of_where_a_payment_of_a_part_makes_a_rung_milder(self, make):
        town = make()
        who = town.debtor(days=17)
        before, bill = town.sent(), town.bill(who)
        held = town.rows("SELECT consequence FROM restrictions WHERE lifted_at IS NULL")

        town.recoup.ingest([half_paid(town, bill)])
        town.pace.settle()

        left = town.rows("SELECT consequence FROM restrictions WHERE lifted_at IS NULL")
        assert (held, left) == (
            [{"consequence": "read_only"}], [{"consequence": "restrict_features"}],
        )  # fmt: skip
        assert town.sent() == before
        assert town.why("access_restricted") == ["it takes away less than before"]


class TestAnInvoice:
    def test_that_is_to_be_paid_is_told_of_once(self, town):
        who, _ = town.ada(Declines(NO_FUNDS))
        before = town.sent()

        town.recoup.invoices.create(
            who, [("A chair", DEAR)], collection="send_invoice", days_until_due=14
        )
        town.hear()

        assert town.sent() - before == {"invoice_finalized": 1}


class TestWhatHappenedLongAgo:
    def test_is_not_told_of(self, make):
        """News of a week that nobody heard of fills no mailbox."""
        town = make()
        who = town.subscriber()
        before = town.sent()

        town.fake.cancel_at_period_end(who.subscription)
        town.fake.advance(town.now + 40 * DAY)
        town.clock.set(town.now + 40 * DAY)
        town.hear()

        assert town.sent() == before

    def test_is_told_of_within_72_hours(self, make):
        town = make()
        who = town.subscriber()
        before = town.sent()

        town.fake.cancel_at_period_end(who.subscription)
        town.fake.advance(town.now + 31 * DAY)
        town.clock.set(town.now + 33.9 * DAY)
        town.hear()

        assert town.sent() - before == {"subscription_canceled": 1}
