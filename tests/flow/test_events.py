"""Every event that the catalogue documents is made to happen here, once for each time it does."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from everything import POLICIES, Story, outbox

from recoup import Money, PaymentGate
from recoup.errors import NotPaid
from recoup.processors.fake import NO_FUNDS, Declines, Slow
from recoup.store.events.catalogue import EVENTS
from recoup.testing.scene import Scene

DAY = timedelta(days=1)
PAGE = Path(__file__).parents[2] / "docs/events.md"


class Shop:
    """A business whose host hears of everything."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.recoup, self.fake = scene, scene.recoup, scene.fake
        self.heard = []
        self.recoup.on(*EVENTS, name="everything")(self.heard.append)
        self.price = self.fake.create_price(Money(2000, "EUR"))

    def customer(self, payer=None, **card):
        made = self.recoup.customers.get_or_create("user", "ada", email="ada@example.com")
        return made.id, self.fake.attach_method(made.processor_id, payer, **card)

    def told(self):
        """Return what was told since this was asked last."""
        self.scene.pace.settle()
        types = [event.type for event in self.heard]
        self.heard.clear()
        return types

    def live(self, days):
        self.scene.live(days=days)


@contextmanager
def opened(url, home):
    with Scene.open(url, home, outbox=outbox(), policies=POLICIES) as scene:
        yield Shop(scene)
        assert scene.violations() == ()


@pytest.fixture
def shop(database_url, home):
    with opened(database_url, home) as shop:
        yield shop


@pytest.fixture(scope="module")
def story(live):
    """Have the story told; return the types of what was told, its words, and who was there."""
    told = []

    def tell(url, home):
        with opened(url, home) as shop:
            Story(shop.scene).tell()
            (all_of_it,) = shop.scene.rows(
                "SELECT string_agg(body::text, ' ') AS text FROM host_events"
            )
            people = shop.scene.rows("SELECT name, email, owner_id FROM customers")
            told.extend((Counter(shop.told()), all_of_it["text"], people))

    live(tell)
    return told


class TestTheCatalogue:
    def test_is_what_the_page_shows(self):
        shown = re.findall(r"(?m)^\| `([a-z_.]+)` \| (\w+) \| (.+) \|$", PAGE.read_text())

        assert shown == [(name, one.kind, one.meaning) for name, one in EVENTS.items()]

    def test_happens(self, story):
        seen, _, _ = story
        elsewhere = {
            "gate.satisfied",
            "gate.died",
            "payment.late",
            "refund.failed",
            "upgrade.withdrawn",
        }
        assert set(EVENTS) - set(seen) <= elsewhere

    def test_tells_nothing_that_erasing_would_have_to_take_back(self, story):
        _, text, people = story
        canaries = {"@example", "Lovelace"} | {one["owner_id"] for one in people} - {None}
        told = set(re.findall(r'"([^"]*)"', text))
        assert not {word for word in told if any(c in word for c in canaries if len(c) > 3)}


class TestBuying:
    def test_tells_who_came_and_what_began_and_was_paid(self, shop):
        ada, card = shop.customer()
        assert shop.told() == ["customer.created", "method.attached"]

        shop.recoup.subscriptions.start(ada, shop.price, default_method=card)

        assert sorted(shop.told()) == ["invoice.paid", "payment.succeeded", "subscription.started"]

    def test_with_a_trial_tells_that_it_began_and_that_nothing_was_due(self, shop):
        ada, card = shop.customer()
        shop.told()

        shop.recoup.subscriptions.start(ada, shop.price, default_method=card, trial_days=7)

        assert sorted(shop.told()) == ["invoice.resolved", "subscription.started"]

    def test_more_of_it_tells_that_it_changed(self, shop):
        ada, card = shop.customer()
        begun = shop.recoup.subscriptions.start(ada, shop.price, default_method=card)
        shop.told()

        shop.recoup.subscriptions.set_quantity(begun.subscription.id, 3)

        assert "subscription.changed" in shop.told()

    def test_more_that_is_not_paid_tells_that_it_was_withdrawn(self, shop):
        ada, card = shop.customer()
        begun = shop.recoup.subscriptions.start(ada, shop.price, default_method=card)
        shop.fake.update_method(card, payer=Declines(NO_FUNDS))
        shop.told()

        with pytest.raises(NotPaid):
            shop.recoup.subscriptions.set_quantity(begun.subscription.id, 3)

        assert shop.told() == ["upgrade.withdrawn"]


class TestAnEnd:
    def test_that_is_scheduled_undone_and_made_now_is_told_each_time(self, shop):
        ada, card = shop.customer()
        begun = shop.recoup.subscriptions.start(ada, shop.price, default_method=card)
        id = begun.subscription.id
        shop.told()

        shop.recoup.subscriptions.cancel(id, when="period_end")
        assert shop.told() == ["subscription.end_requested"]
        shop.recoup.subscriptions.resume(id)
        assert shop.told() == ["subscription.resumed"]
        shop.recoup.subscriptions.cancel(id)
        assert shop.told() == ["subscription.end_requested", "subscription.canceled"]

    def test_and_a_rest_are_told_apart(self, shop):
        ada, card = shop.customer()
        begun = shop.recoup.subscriptions.start(ada, shop.price, default_method=card)
        shop.told()

        shop.recoup.subscriptions.pause(begun.subscription.id)
        assert shop.told() == ["subscription.paused"]
        shop.recoup.subscriptions.unpause(begun.subscription.id)
        assert shop.told() == ["subscription.unpaused"]


class TestADebt:
    def test_is_told_from_its_first_failure_to_its_end(self, shop):
        ada = shop.scene.subscriber(Declines(NO_FUNDS))
        shop.told()

        shop.live(days=70)

        told = Counter(shop.told())
        once = ("subscription.past_due", "case.opened", "case.ended", "subscription.canceled")
        assert ada
        assert [told[one] for one in once] == [1, 1, 1, 1]
        assert told["access.restricted"] == told["access.restored"] == 3
        assert told["subscription.end_requested"] == 1
        assert told["invoice.failed"] == 2
        assert told["payment.failed"] >= 6
        assert "invoice.paid" not in told


class TestAGate:
    GATE = PaymentGate(timeout=2 * DAY)

    def test_that_is_paid_tells_that_it_is_satisfied_and_that_it_began(self, shop):
        ada, card = shop.customer(Slow(takes=DAY), kind="sepa_debit", brand="")
        shop.recoup.subscriptions.start(ada, shop.price, default_method=card, gate=self.GATE)
        assert "subscription.started" not in shop.told()

        shop.live(days=1.5)

        told = Counter(shop.told())
        assert (told["gate.satisfied"], told["subscription.started"]) == (1, 1)
        assert (told["invoice.paid"], told["payment.succeeded"]) == (1, 1)
        assert "payment.late" not in told

    def test_that_dies_tells_of_the_end_and_of_late_money_and_of_its_refund(self, shop):
        ada, card = shop.customer(Slow(takes=4 * DAY), kind="sepa_debit", brand="")
        shop.recoup.subscriptions.start(ada, shop.price, default_method=card, gate=self.GATE)
        shop.told()

        shop.live(days=3)
        told = Counter(shop.told())
        assert (told["gate.died"], told["subscription.canceled"]) == (1, 1)
        shop.live(days=3)

        told = Counter(shop.told())
        assert (told["payment.late"], told["refund.created"]) == (1, 1)
        assert not {"payment.succeeded", "invoice.paid", "subscription.started"} & set(told)


class TestARefund:
    def test_is_told_when_it_is_made_and_when_it_comes_back(self, shop):
        ada, card = shop.customer()
        shop.recoup.subscriptions.start(ada, shop.price, default_method=card)
        (payment,) = shop.recoup.payments.list(customer=ada)
        shop.told()

        refund = shop.recoup.payments.refund(payment.id)
        assert shop.told() == ["refund.created"]
        shop.fake.send_back(refund.processor_id)
        assert shop.told() == ["refund.failed"]
