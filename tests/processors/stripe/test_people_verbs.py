"""The host's verbs for people and coupons, with Stripe behind them from end to end."""

from __future__ import annotations

import pytest

from recoup.billing import Recoup
from recoup.config import Config
from recoup.core.money import Money
from recoup.errors import CustomerTaxLocationInvalid, Rejected, Unreachable
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import START, Asks, FakeProcessor
from recoup.processors.stripe.calls.client import Client
from recoup.processors.stripe.calls.wire import Patience
from recoup.processors.stripe.processor import StripeProcessor
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene
from recoup.testing.stripe_server import Fault, StripeServer


class Shop(Scene):
    """A whole Recoup whose processor is Stripe; it has the server to do things to."""

    def __init__(self, recoup, server, clock, outbox):
        super().__init__(recoup, server.fake, clock, outbox)
        self.server = server

    def told(self):
        """Take in every event so far; return whether anything about people changed by that."""
        before = self.people()
        self.recoup.ingest([body for _, body in self.fake.events(limit=100_000)])
        return self.people() != before

    def people(self):
        columns = {
            "customers": "processor_id, email, name, locale, country, default_method, deleted,"
            " metadata",
            "payment_methods": "processor_id, customer_id, brand, last4, detached",
            "coupons": "processor_id, percent_off, amount_off, deleted",
            "promotion_codes": "processor_id, code, active",
        }
        return {
            table: self.rows(f"SELECT {names} FROM {table} ORDER BY 1")
            for table, names in columns.items()
        }


@pytest.fixture
def shop(database_url, home, line):
    home.mkdir(parents=True, exist_ok=True)
    clock, outbox = TestClock(START), Outbox()
    with FakeProcessor(":memory:") as fake, StripeServer(fake) as server:
        client = Client(
            server.key,
            line=line,
            base=server.url,
            patience=Patience(read=60.0, pause=0.01, total=60.0),
        )
        with Recoup(
            Config.load(database_url=database_url, home=home),
            processor=StripeProcessor(client),
            sender=outbox,
            clock=clock,
        ) as recoup:
            yield Shop(recoup, server, clock, outbox)
        client.close()


@pytest.fixture
def ann(shop):
    return shop.recoup.customers.get_or_create(
        "user", "1", email="ann@example.com", name="Ann", metadata={"team": "blue"}
    )


class TestACustomerAtStripe:
    def test_is_what_the_host_said_and_events_add_nothing(self, shop, ann):
        changed = shop.recoup.customers.update(ann.id, name="B", metadata={"team": "", "a": "b"})
        placed = shop.recoup.customers.update_tax_location(ann.id, address={"country": "DE"})

        assert (changed.name, changed.metadata) == ("B", {"a": "b"})
        assert placed.country == "DE"
        assert not shop.told()
        assert shop.violations() == ()

    def test_is_one_however_often_the_reply_is_lost(self, shop):
        shop.server.add_fault(Fault("lost_reply", to="POST /v1/customers"))

        with pytest.raises(Unreachable):
            shop.recoup.customers.get_or_create("user", "2", email="b@example.com")
        shop.pace.settle()
        found = shop.recoup.customers.get_or_create("user", "2", email="b@example.com")

        assert found.processor_id == "cus_fake_000001"
        assert len(shop.fake.events()) == 1
        assert not shop.told()
        assert shop.violations() == ()

    def test_that_is_nowhere_stays_as_it_was(self, shop, ann):
        with pytest.raises(CustomerTaxLocationInvalid):
            shop.recoup.customers.update_tax_location(ann.id, address={"country": "US"})

        assert shop.recoup.customers.get(ann.id).country is None
        assert shop.violations() == ()

    def test_is_deleted_for_good(self, shop, ann):
        assert shop.recoup.customers.delete(ann.id, reason="asked").deleted

        assert not shop.told()
        assert shop.violations() == ()


class TestAMethodAtStripe:
    def test_is_attached_as_the_default_and_detached(self, shop, ann):
        card = shop.recoup.methods.attach(ann.id, "pm_card_visa", default=True)
        assert (card.last4, card.default) == ("4242", True)

        gone = shop.recoup.methods.detach(card.id)

        assert (gone.detached, gone.default) == (True, False)
        assert not shop.told()
        assert shop.violations() == ()

    @pytest.mark.parametrize("second", [True, False])
    def test_is_kept_once_when_the_same_card_comes_again(self, shop, ann, second):
        shop.recoup.methods.attach(ann.id, "pm_card_visa", default=True)

        shop.recoup.methods.attach(ann.id, "pm_card_visa", default=second)
        shop.pace.settle()

        (kept,) = shop.recoup.methods.list(ann.id)
        assert kept.default
        assert not shop.told()
        assert shop.violations() == ()

    def test_is_set_up_by_its_customer(self, shop, ann):
        asking = shop.fake.new_method(Asks())

        begun = shop.recoup.methods.setup(ann.id, method=asking)
        assert (begun.status, begun.action.kind) == ("requires_action", "authenticate")
        shop.fake.customer_authenticates(begun.processor_id)

        assert shop.told()
        (kept,) = shop.recoup.methods.list(ann.id)
        assert kept.processor_id == asking
        assert shop.violations() == ()

    def test_that_its_bank_refuses_is_not_kept(self, shop, ann):
        with pytest.raises(Rejected, match="insufficient_funds"):
            shop.recoup.methods.attach(ann.id, "pm_card_visa_chargeDeclinedInsufficientFunds")

        assert shop.recoup.methods.list(ann.id) == ()
        assert shop.violations() == ()


class TestACouponAtStripe:
    def test_is_made_promised_and_deleted(self, shop):
        shop.recoup.coupons.create("TEN", amount_off=Money(1000, "EUR"))
        code = shop.recoup.coupons.create_promotion_code("TEN", "HELLO")
        shop.recoup.coupons.set_active(code.id, active=False)

        assert shop.recoup.coupons.delete("TEN").deleted
        assert not shop.told()
        assert shop.violations() == ()

    def test_is_never_for_more_than_was_asked(self, shop):
        one, other = (shop.fake.create_price(Money(n, "EUR")) for n in (1000, 2000))

        with pytest.raises(Rejected, match=f"{one} would lower {other} too"):
            shop.recoup.coupons.create("ONE", percent_off=10, prices=[one])
        made = shop.recoup.coupons.create("BOTH", percent_off=10, prices=[one, other])

        assert set(made.prices) == {one, other}
        assert shop.violations() == ()
