"""Stripe, asked by its SDK over HTTP, does what people ask for as every processor does."""

from __future__ import annotations

import pytest
from stripe_shop import VERSIONS, Shop

from recoup.testing import bills
from recoup.testing.bills import BillsConformance

#: Stripe takes no keys with what it deletes; repeating that can do no harm.
KEYLESS = {"CancelSubscription", "DeleteCoupon"}
#: How many requests are answered before the one that does what was asked for.
STEPS = {"ChangeSubscription later": 1}

#: With it the subscription is shown that may stand differently now. No event tells of one that
#: does not; and a day later it is another thing, because 23 h after its beginning it is over.
SHOWS_MORE = {"WithdrawPayment"}

each_alone = pytest.mark.parametrize(
    "name", [name for name in bills.ORDINARY if name not in SHOWS_MORE]
)
each_keyed = pytest.mark.parametrize(
    "name", [name for name in bills.ORDINARY if name not in KEYLESS]
)


class TestStripeProcessor(BillsConformance):
    @pytest.fixture(params=VERSIONS)
    def shop(self, request):
        with Shop(request.param) as shop:
            yield shop

    @each_keyed
    def test_refuses_a_key_that_was_used_for_something_else(self, shop, name):
        super().test_refuses_a_key_that_was_used_for_something_else(shop, name)

    @each_alone
    def test_keeps_an_answer_for_nearly_a_day(self, shop, name):
        super().test_keeps_an_answer_for_nearly_a_day(shop, name)

    @each_alone
    def test_tells_what_it_answered(self, shop, name):
        super().test_tells_what_it_answered(shop, name)

    @bills.each_ordinary
    def test_finds_what_became_of_a_lost_reply(self, shop, name):
        shop.skips = STEPS.get(name, 0)

        super().test_finds_what_became_of_a_lost_reply(shop, name)
