"""Money through the front door: currencies that never meet, and none of their units lost."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from recoup.core.billing.catalogue import Catalogue, Plan
from recoup.core.money import Money, totals
from recoup.explain import explanation
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.processors.fake.model import smallest
from recoup.store.queries import customers
from recoup.testing.scene import Scene

FIRST = "price_fake_000001"
PRO = Catalogue({"pro": Plan("pro", frozenset({FIRST}), frozenset({"export"}), {})}, {})
EURO, DOLLARS = Money(1000, "EUR"), Money(2300, "USD")


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home, plans=PRO) as opened:
        yield opened
        opened.pace.settle()
        assert opened.violations() == ()


def somebody(scene) -> tuple[int, str]:
    made = scene.recoup.customers.get_or_create("user", "1", email="ada@example.com")
    card = scene.fake.attach_method(made.processor_id, country="DE")
    scene.pace.settle()
    return made.id, card


class TestDebtsInTwoCurrencies:
    @pytest.fixture
    def debtor(self, scene):
        """Who owes a renewal in euros and one charge in dollars; both have failed."""
        who, card = somebody(scene)
        assert scene.fake.create_price(EURO) == FIRST
        scene.recoup.subscriptions.start(who, FIRST)
        scene.fake.update_method(card, payer=Declines(NO_FUNDS))
        scene.live(days=31, hours=3)
        scene.recoup.payments.charge(who, DOLLARS, description="Book", off_session=True)
        scene.live(hours=1)
        return who, card

    def test_are_listed_and_explained_side_by_side(self, scene, debtor):
        who, _ = debtor
        with scene.recoup.database.connect() as connection:
            (row,) = customers.listing(connection).rows
            page = explanation(connection, str(who), scene.recoup.engine, scene.now)

        assert row.owed == customers_owe(scene, who) == (EURO, DOLLARS)
        told = str(asdict(page))
        assert "10.00 EUR and 23.00 USD is owed" in told
        assert "33.00" not in told

    def test_close_what_each_is_about_and_nothing_by_their_sum(self, scene, debtor):
        who, card = debtor
        scene.live(days=26)
        assert not scene.recoup.entitlements.entitled(who, "export")
        scene.fake.update_method(card, payer=Pays())
        (euros,) = [b for b in owed(scene, who) if b.remaining.currency == "EUR"]

        scene.fake.customer_pays(euros.processor_id)
        scene.live(hours=1)

        assert customers_owe(scene, who) == (DOLLARS,)
        assert scene.recoup.entitlements.entitled(who, "export")


def owed(scene, who):
    return [bill for bill in scene.recoup.invoices.list(customer=who) if bill.status == "open"]


def customers_owe(scene, who):
    return totals(bill.remaining for bill in owed(scene, who))


class TestABillInAnyCurrency:
    @pytest.mark.parametrize("currency", ["EUR", "JPY", "KRW", "KWD", "BHD", "UGX", "ISK", "MGA"])
    def test_is_exact_from_the_quote_to_the_last_refund(self, scene, currency):
        recoup, unit = scene.recoup, smallest(currency)
        who, _ = somebody(scene)
        cheap, dear = (
            scene.fake.create_price(Money(units * unit, currency)) for units in (1_003, 2_999)
        )
        begun = recoup.subscriptions.start(who, cheap).subscription
        scene.live(days=10, hours=7)

        shown = recoup.subscriptions.preview_change(begun.id, prices={dear: 3})
        recoup.subscriptions.change_plan(begun.id, preview=shown.id)
        (change,) = [
            bill
            for bill in recoup.invoices.list(subscription=begun.id)
            if bill.reason == "subscription_update"
        ]
        assert change.due == shown.due_now
        assert sum(line.amount.minor for line in shown.lines if line.proration) == (
            shown.due_now.minor
        )
        taxed = recoup.invoices.create(
            who,
            [("One", Money(101 * unit, currency), 1, 19 * unit), ("Two", Money(unit, currency))],
        )
        assert taxed.due == Money(121 * unit, currency)
        recoup.invoices.pay(taxed.id)

        for bill in (change, taxed):
            (paid,) = recoup.payments.list(invoice=bill.id)
            for part in (paid.amount.minor // unit // 3 * unit, unit, None):
                recoup.payments.refund(paid.id, part and Money(part, currency))
            assert totals(b.amount for b in recoup.payments.refunds(paid.id)) == (bill.due,)
            assert not recoup.payments.get(paid.id).refundable
        books = scene.fake.books()
        given_back = sum(amount.minor for amount in books.refunded.values())
        assert given_back == change.due.minor + taxed.due.minor
        assert {amount.currency for amount in books.captured.values()} == {currency}
