"""A debt closes what it bought: overage its overage, a lost dispute what was paid for."""

from __future__ import annotations

import pytest

from recoup.core.billing.catalogue import Catalogue, FeatureKind, Plan
from recoup.core.billing.requests import ItemChange
from recoup.core.money import Money
from recoup.entitlements import Entitlements
from recoup.processors.fake import LOST, Declines, Pays
from recoup.testing.scene import Scene

CASES = "SELECT scope, ending, rung FROM cases ORDER BY id"


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as opened:
        yield opened
        assert opened.violations() == ()


def sold(base, extra):
    """Let the host's plans be these two: one is the plan, the other comes on top."""
    team = Plan("team", frozenset({base}), frozenset({"edit", "look"}), {"projects": 10})
    more = Plan("more", frozenset({extra}), frozenset({"reports"}), {"exports": 5})
    kinds = {"look": FeatureKind.FLOOR}
    return Catalogue({"team": team, "more": more}, kinds)


@pytest.fixture
def ada(scene):
    """Ada's plan is paid for a year to come; what she uses of the extra is billed besides."""
    fake = scene.fake
    customer = fake.create_customer(email="ada@example.com", country="DE")
    card = fake.attach_method(customer, brand="visa", country="DE")
    base = fake.create_price(Money(90_000, "EUR"), interval="year")
    extra = fake.create_price(Money(900, "EUR"), interval="year")
    bought = fake.subscribe(customer, base)
    scene.pace.settle()
    found = scene.recoup.subscriptions.get(bought)
    scene.recoup.subscriptions.set_items(found.id, [ItemChange(price=extra)], proration="none")
    fake.update_method(card, payer=Declines(LOST))
    return {
        "card": card,
        "base": base,
        "extra": extra,
        "sub": bought,
        "id": found.customer_id,
        "subscription": found.id,
    }


def opened(scene, ada):
    """Return Ada's features, and her limits of exports and of projects."""
    plans = sold(ada["base"], ada["extra"])
    asked = Entitlements(scene.recoup.database.engine, plans, processor="fake")
    limits = (asked.limit(ada["id"], name) for name in ("exports", "projects"))
    return set(asked.features(ada["id"])), *limits


class TestOverageThatIsNotPaid:
    def test_closes_itself_and_never_the_plan(self, scene, ada):
        scene.fake.bill_usage(ada["sub"], ada["extra"], Money(1700, "EUR"))
        scene.live(days=20)

        scope = f"prices:{ada['subscription']}:{ada['extra']}"
        assert [(c["scope"], c["rung"]) for c in scene.rows(CASES)] == [(scope, "limited")]
        assert opened(scene, ada) == ({"edit", "look"}, 0, 10)

    def test_is_bad_debt_in_the_end_and_the_plan_lives(self, scene, ada):
        scene.fake.bill_usage(ada["sub"], ada["extra"], Money(1700, "EUR"))
        scene.live(days=40)

        assert [c["ending"] for c in scene.rows(CASES)] == ["exhausted"]
        assert not scene.recoup.subscriptions.get(ada["sub"]).ended
        assert opened(scene, ada) == ({"edit", "look"}, 0, 10)

    def test_is_given_back_when_it_is_paid(self, scene, ada):
        bill = scene.fake.bill_usage(ada["sub"], ada["extra"], Money(1700, "EUR"))
        scene.live(days=20)
        scene.fake.update_method(ada["card"], payer=Pays())
        scene.fake.customer_pays(bill)
        scene.pace.settle()

        assert [c["ending"] for c in scene.rows(CASES)] == ["recovered"]
        assert opened(scene, ada) == ({"edit", "look", "reports"}, 5, 10)


class TestALostDispute:
    def test_is_a_debt_from_the_invoices_own_date_and_nothing_is_charged(self, scene):
        ada = scene.subscriber()
        (bill,) = scene.fake.invoices_of(ada.subscription)
        (charge,) = scene.fake.charges_of(bill.id)
        scene.live(days=2)
        dispute = scene.fake.open_dispute(charge.id)
        scene.live(days=2)
        assert scene.rows(CASES) == []
        scene.fake.close_dispute(dispute, won=False)
        scene.live(days=1)

        (case,) = scene.rows("SELECT scope, ending, anchor FROM cases")
        (mine,) = scene.rows("SELECT finalized_at FROM invoices")
        assert (case["ending"], case["anchor"]) == (None, mine["finalized_at"])
        scene.live(days=20)
        assert len(scene.fake.charges_of(bill.id)) == 1

    def test_that_is_forgiven_is_over(self, scene):
        ada = scene.subscriber()
        (bill,) = scene.fake.invoices_of(ada.subscription)
        (charge,) = scene.fake.charges_of(bill.id)
        scene.fake.close_dispute(scene.fake.open_dispute(charge.id), won=False)
        scene.live(days=1)
        mine = scene.recoup.invoices.get(bill.id)
        scene.recoup.invoices.forgive(mine.id, reason="ours was the mistake")
        scene.live(days=1)

        assert [case["ending"] for case in scene.rows(CASES)] == ["written_off"]
        assert scene.standing(ada) == "current"


class TestADebtThatWasGivenUp:
    @pytest.mark.parametrize("settles", [True, False], ids=["one by one", "together"])
    def test_is_recovered_when_it_is_paid_after_all(self, scene, settles):
        ada = scene.subscriber(Declines(LOST))
        scene.until_failed(ada)
        bill = scene.fake.invoices_of(ada.subscription)[-1]
        scene.live(days=3)
        scene.fake.mark_uncollectible(bill.id)
        if settles:
            scene.pace.settle()
            assert [case["ending"] for case in scene.rows(CASES)] == ["written_off"]
        scene.fake.update_method(ada.method, payer=Pays())
        scene.fake.customer_pays(bill.id)
        scene.pace.settle()

        assert [case["ending"] for case in scene.rows(CASES)] == ["recovered"]
