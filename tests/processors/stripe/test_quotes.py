"""What a change would bill, asked of Stripe's previews: what the fake says by doing it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stripe_shop import VERSIONS, Plain, Shop

from recoup.core.billing import requests as ask
from recoup.core.billing.requests import ItemChange
from recoup.core.money import Money
from recoup.errors import Rejected
from recoup.testing.bills import DAY, KEY, SECOND, started, subscription


def change(sub, *items, **how):
    return ask.ChangeSubscription(sub.processor_id, items, **how)


def coupon(shop, **how):
    made = ask.CreateCoupon("LESS", **how)
    return shop.processor.ask(made, key="recoup:coupon").object


def same(sub, **to):
    return ItemChange(sub.items[0].processor_id, **to)


#: How the subscription stands -> how it begins, and what is asked for afterwards.
STANDINGS = {
    "plain": (lambda _: {}, lambda _, __: None),
    "cheaper": (
        lambda shop: {"coupon": coupon(shop, percent_off="10", duration="forever")},
        lambda _, __: None,
    ),
    "cheaper once": (
        lambda shop: {"coupon": coupon(shop, amount_off=Money(500, "EUR"))},
        lambda _, __: None,
    ),
    "cheaper next time": (
        lambda _: {},
        lambda shop, sub: ask.ApplyDiscount(
            sub.processor_id, coupon(shop, amount_off=Money(500, "EUR"))
        ),
    ),
    "on trial": (lambda shop: {"trial_end": shop.now() + 20 * DAY}, lambda _, __: None),
    "free": (lambda shop: {"price": shop.price(Money(0, "EUR"))}, lambda _, __: None),
    "with a change to bill": (lambda _: {}, lambda _, sub: change(sub, same(sub, quantity=3))),
    "with credit": (
        lambda _: {},
        lambda _, sub: change(sub, same(sub, quantity=1), proration="invoice_now"),
    ),
    "ending": (
        lambda _: {},
        lambda _, sub: ask.CancelSubscription(sub.processor_id, at_period_end=True),
    ),
}
ITEMS = {
    "dearer": lambda shop, sub: same(sub, price=shop.price(Money(6200, "EUR"))),
    "cheaper": lambda shop, sub: same(sub, price=shop.price(Money(1000, "EUR"))),
    "more": lambda _, sub: same(sub, quantity=5),
    "another": lambda shop, _: ItemChange(None, shop.price(Money(700, "EUR")), 2),
    "yearly": lambda shop, sub: same(sub, price=shop.price(Money(30000, "EUR"), "year")),
    "the same": lambda _, sub: same(sub, quantity=sub.quantity),
}
HOWS = (
    {"proration": "create"},
    {"proration": "invoice_now"},
    {"proration": "none"},
    {"proration": "create", "restart": True},
    {"proration": "none", "restart": True},
    {"proration": "invoice_now", "gated": True},
    {"at_period_end": True},
)
#: Stripe previews the other interval as if it began at once, with what is taken off only once.
BESIDES = ("cheaper next time", "yearly", {"at_period_end": True})


def stands(shop, standing):
    """Begin two of something, and let it stand like that eight days later."""
    begins, then = STANDINGS[standing]
    how = begins(shop)
    price = how.pop("price", None) or shop.price(Money(3100, "EUR"))
    begun = ask.StartSubscription(shop.customer(), (ask.ItemWanted(price, 2),), **how)
    sub = subscription(shop.processor.ask(begun, key="recoup:begin"))
    shop.wait(5 * DAY)
    request = then(shop, sub)
    if request is not None:
        shop.processor.ask(request, key="recoup:then")
    shop.wait(3 * DAY)
    return sub


def quoted(shop, request):
    try:
        return shop.processor.quote(request)
    except Rejected:
        return "refused"


class TestQuotes:
    @pytest.mark.parametrize("standing", STANDINGS)
    def test_are_those_of_the_fake(self, standing):
        with Plain() as fake, Shop() as stripe:
            subs = [stands(shop, standing) for shop in (fake, stripe)]
            for name, item in ITEMS.items():
                items = [item(shop, sub) for shop, sub in zip((fake, stripe), subs, strict=True)]
                for how in HOWS:
                    if (standing, name, how) == BESIDES:
                        continue
                    wanted = change(subs[0], items[0], **how, prorate_at=fake.now())

                    assert quoted(stripe, wanted) == quoted(fake, wanted), (name, how)

    @pytest.mark.parametrize("version", VERSIONS)
    def test_keep_nothing_of_what_they_try(self, version):
        with Shop(version) as shop:
            sub = stands(shop, "plain")
            before = shop.events(), shop.fake.subscription(sub.processor_id)
            wanted = change(sub, same(sub, quantity=5), proration="invoice_now", restart=True)

            first = shop.processor.quote(wanted)

            assert shop.processor.quote(wanted) == first
            assert (shop.events(), shop.fake.subscription(sub.processor_id)) == before

    def test_are_billed_as_shown_a_while_later(self):
        with Shop() as shop:
            sub = stands(shop, "with credit")
            wanted = change(sub, same(sub, quantity=9), proration="invoice_now")

            quote = shop.processor.quote(wanted)
            shop.wait(SECOND * 1800)
            shop.processor.ask(replace(wanted, prorate_at=quote.prorate_at), key=KEY)

            latest = shop.fake.subscription(sub.processor_id).latest_invoice
            assert shop.fake.invoice(str(latest)).amount == quote.due_now.minor
            assert quote.due_now.minor > 0

    def test_pin_the_second_that_it_is_at_stripe(self):
        with Shop() as shop:
            sub = stands(shop, "plain")

            quote = shop.processor.quote(change(sub, same(sub, quantity=3)))

            assert quote.prorate_at == shop.now()

    @pytest.mark.parametrize(
        "how",
        [{"gated": True, "at_period_end": True}, {"items": ()}, {"subscription": "sub_nobody"}],
        ids=["a gate for later", "nothing", "nobody's"],
    )
    def test_are_refused_for_what_could_not_be_asked(self, how):
        with Shop() as shop:
            sub = started(shop)
            wanted = replace(change(sub, same(sub, quantity=3)), **how)

            with pytest.raises(Rejected):
                shop.processor.quote(wanted)

    def test_are_refused_for_what_has_ended(self):
        with Shop() as shop:
            sub = started(shop)
            shop.processor.ask(ask.CancelSubscription(sub.processor_id), key=KEY)

            with pytest.raises(Rejected):
                shop.processor.quote(change(sub, same(sub, quantity=3)))
