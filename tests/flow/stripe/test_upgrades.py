"""A change of plan that is not paid, at Stripe: told at once, no debt, void, counted once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.activation import PaymentGate
from recoup.core.money import Money
from recoup.errors import NotPaid, RecoupError
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.testing.stripe_server import Fault

HOUR = timedelta(hours=1)
COUNTED = "SELECT upgrades_withdrawn AS n FROM subscriptions"
WRITTEN = "SELECT seq FROM ledger_entries WHERE type = 'upgrade.withdrawn'"


@pytest.fixture
def told(house):
    """Hear what the host is told of."""
    heard = []
    house.recoup.on("upgrade.withdrawn", name="sales")(heard.append)
    return heard


@pytest.fixture
def ada(house):
    """Somebody whose bank says no from now on, and who wants more."""
    who = house.subscriber(Declines(NO_FUNDS))
    yield who
    assert house.rows("SELECT id FROM cases") == []
    assert house.rows("SELECT id FROM invoices WHERE first_failed_at IS NOT NULL") == []
    assert house.standing(who) == "current"
    assert house.differences() == []


@pytest.fixture
def more(house):
    return house.fake.create_price(Money(20_000, "EUR"))


def counted(house, told):
    """Return how many were counted, written into the ledger, and told."""
    house.pace.settle()
    (row,) = house.rows(COUNTED)
    return row["n"] or 0, len(house.rows(WRITTEN)), len(told)


def bought(house, who):
    """Return what is bought, as we know it and as Stripe does."""
    ours = [item.price for item in house.recoup.subscriptions.get(who.subscription).items]
    return ours, [item.price for item in house.fake.subscription(who.subscription).items]


def bills(house, who):
    return [str(one.status) for one in house.fake.invoices_of(who.subscription)]


def change(house, who, price, **how):
    return house.recoup.subscriptions.change_plan(who.subscription, prices=price, **how)


class TestAnUpgradeThatIsNotPaid:
    def test_is_refused_as_a_whole_and_counted(self, house, ada, more, told):
        before = bought(house, ada)

        with pytest.raises(NotPaid):
            change(house, ada, more)

        house.live(days=10)
        assert bought(house, ada) == before
        assert bills(house, ada) == ["paid"]
        assert counted(house, told) == (1, 1, 1)

    @pytest.mark.parametrize("fault", ["lost_reply", "error_after", "drop"])
    def test_is_counted_once_whatever_becomes_of_the_answer(self, house, ada, more, told, fault):
        before = bought(house, ada)
        house.server.add_fault(Fault(fault, to="POST /v1/subscriptions/*"))

        with pytest.raises(RecoupError):
            change(house, ada, more, key="once")
        house.live(days=2)
        with pytest.raises(NotPaid):
            change(house, ada, more, key="once")

        assert bought(house, ada) == before
        assert counted(house, told) == (1, 1, 1)

    def test_leaves_the_old_plan_when_it_was_offered(self, house, ada, more, told):
        before = bought(house, ada)
        change(house, ada, more, gate=PaymentGate(timeout=HOUR))

        house.live(days=10)

        assert bought(house, ada) == before
        assert bills(house, ada) == ["paid", "void"]
        assert counted(house, told) == (1, 1, 1)


class TestAnUpgradeThatSomebodyElseMade:
    def test_keeps_its_bill_for_an_hour_and_no_longer(self, house, ada, more, told):
        bill = house.fake.change_price(ada.subscription, more)
        house.pace.settle()

        house.live(hours=0.99)
        assert house.recoup.invoices.get(bill).status == "open"
        house.live(hours=0.02)

        assert house.recoup.invoices.get(bill).resolved_as == "superseded"
        assert bills(house, ada) == ["paid", "void"]
        assert counted(house, told) == (1, 1, 1)

    def test_is_counted_once_when_the_answer_to_its_end_was_lost(self, house, ada, more, told):
        house.fake.change_price(ada.subscription, more)
        house.pace.settle()
        house.server.add_fault(Fault("lost_reply", to="POST /v1/invoices/*/void"))

        house.live(days=2)

        assert bills(house, ada) == ["paid", "void"]
        assert counted(house, told) == (1, 1, 1)

    def test_makes_no_debt_when_stripe_tries_it_again_by_itself(self, house, ada, more, told):
        house.fake.smart_retries("past_due")
        house.fake.change_price(ada.subscription, more)
        house.pace.settle()

        house.live(days=16)

        assert bills(house, ada) == ["paid", "void"]
        assert counted(house, told) == (1, 1, 1)

    def test_is_none_when_it_is_paid_within_the_hour(self, house, ada, more, told):
        bill = house.fake.change_price(ada.subscription, more)
        house.live(hours=0.5)
        house.fake.update_method(ada.method, payer=Pays())
        house.fake.customer_pays(bill)

        house.live(days=2)

        assert bills(house, ada) == ["paid", "paid"]
        assert counted(house, told) == (0, 0, 0)

    def test_is_paid_when_the_money_came_while_its_end_was_asked_for(self, house, ada, more, told):
        bill = house.fake.change_price(ada.subscription, more)
        house.pace.settle()
        house.move(HOUR)
        house.fake.update_method(ada.method, payer=Pays())
        house.recoup.sweep()
        house.fake.customer_pays(bill)

        house.live(days=1)

        assert bills(house, ada) == ["paid", "paid"]
        assert counted(house, told) == (0, 0, 0)
