from __future__ import annotations

from contextlib import suppress

import pytest

from recoup.core.billing.views import Outcome, Pay
from recoup.core.money import Money, totals
from recoup.errors import (
    Busy,
    InvalidKey,
    InvalidValue,
    KeyConflict,
    NotPossible,
    SettledByCredit,
    Unreachable,
)
from recoup.processors.fake.idempotency import Fault
from recoup.processors.fake.payers import LOST, NO_FUNDS, Asks, Declines, Slow
from recoup.testing.scene import Scene

TEN = Money(1000, "EUR")


class Crash(Exception):
    """The process dies here."""


class Crashing:
    """Watches the fake and dies at its `at`-th step: requests received, requests done."""

    def __init__(self, at: int) -> None:
        self.at: int | None = at
        self.seen = 0

    def __call__(self, step: str, key: str) -> None:
        if self.at is not None and self.seen == self.at:
            self.at = None
            raise Crash(f"{step} {key}")
        self.seen += 1


@pytest.fixture
def payments(scene):
    return scene.recoup.payments


def intent_of(action) -> str:
    return action.client_secret.partition("_secret_")[0]


def debts(scene) -> list[object]:
    return scene.rows("SELECT id FROM cases")


class TestCharging:
    def test_bills_and_collects_at_once(self, scene, payments, ada, card):
        paid = payments.charge(ada, TEN, description="Book")
        scene.pace.settle()

        bill = scene.recoup.invoices.get(paid.invoice_id)
        assert (paid.outcome, paid.amount, paid.origin) == (Pay.SUCCEEDED, TEN, "customer")
        assert (bill.outcome, bill.description, bill.due) == (Outcome.PAID, "Book", TEN)

    def test_with_the_same_key_is_one_charge(self, scene, payments, ada, card):
        paid = payments.charge(ada, TEN, description="Book", key="k")
        said = len(scene.fake.events())

        assert payments.charge(ada, TEN, description="Book", key="k") == paid
        assert len(scene.fake.events()) == said

    def test_that_credit_covers_needs_no_payment_and_says_so(self, scene, payments, ada, card):
        price = scene.fake.create_price(Money(9900, "EUR"))
        subscriptions = scene.recoup.subscriptions
        started = subscriptions.start(ada, {price: 3})
        scene.pace.settle()
        subscriptions.set_quantity(started.subscription.id, 1, proration="invoice_now")
        tried = len(scene.rows("SELECT 1 FROM attempts"))

        for _ in range(2):
            with pytest.raises(SettledByCredit, match=r"covered all 10\.00 EUR"):
                payments.charge(ada, TEN, description="Book", key="k")
        scene.pace.settle()

        assert len(scene.rows("SELECT 1 FROM attempts")) == tried
        assert len(scene.rows("SELECT 1 FROM invoices WHERE description = 'Book'")) == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"amount": Money(1001, "EUR")},
            {"description": "Pen"},
            {"off_session": True},
            {"method": "card"},
        ],
    )
    def test_with_the_key_of_another_is_refused(self, scene, payments, ada, card, other):
        payments.charge(ada, TEN, description="Book", key="k")
        asked = {"amount": TEN, "description": "Book"} | other
        if "method" in asked:
            asked["method"] = card

        with pytest.raises(KeyConflict):
            payments.charge(ada, key="k", **asked)

    def test_without_a_key_is_another_charge_once_the_first_is_over(self, payments, ada, card):
        first = payments.charge(ada, TEN, description="Book")
        second = payments.charge(ada, TEN, description="Book")

        assert first.id != second.id

    def test_that_is_declined_leaves_nothing_owed(self, scene, payments, ada, card):
        scene.fake.update_method(card, payer=Declines(NO_FUNDS))

        paid = payments.charge(ada, TEN, description="Book")
        bill = scene.recoup.invoices.get(paid.invoice_id)
        scene.live(days=40)

        assert (paid.outcome, paid.decline_code) == (Pay.DECLINED, "insufficient_funds")
        assert (bill.outcome, bill.resolved_as) == (Outcome.RESOLVED, "superseded")
        assert scene.recoup.invoices.get(paid.invoice_id).resolved_as == "superseded"
        assert debts(scene) == []
        assert scene.outbox.messages == []

    def test_that_is_declined_off_session_is_a_debt(self, scene, payments, ada, card):
        scene.fake.update_method(card, payer=Declines(NO_FUNDS))

        paid = payments.charge(ada, TEN, description="Usage", off_session=True)
        scene.pace.settle()

        assert (paid.outcome, paid.origin) == (Pay.DECLINED, "operator")
        assert scene.recoup.invoices.get(paid.invoice_id).outcome == Outcome.OVERDUE
        assert len(debts(scene)) == 1

    def test_that_the_bank_challenges_brings_what_the_customer_must_do(
        self, scene, payments, ada, card
    ):
        scene.fake.update_method(card, payer=Asks())

        paid = payments.charge(ada, TEN, description="Book", key="k")

        assert paid.outcome == Pay.REQUIRES_ACTION
        assert paid.action is not None
        assert paid.action.kind == "authenticate"
        assert paid.action.client_secret not in repr(paid)
        assert payments.charge(ada, TEN, description="Book", key="k").action == paid.action

    def test_is_paid_when_the_customer_passes_the_challenge(self, scene, payments, ada, card):
        scene.fake.update_method(card, payer=Asks())
        paid = payments.charge(ada, TEN, description="Book", key="k")

        scene.fake.customer_authenticates(intent_of(paid.action))
        scene.pace.settle()

        after = payments.charge(ada, TEN, description="Book", key="k")
        assert (after.id, after.outcome, after.action) == (paid.id, Pay.SUCCEEDED, None)
        assert scene.recoup.invoices.get(paid.invoice_id).paid_by == paid.id

    def test_is_withdrawn_when_the_customer_fails_the_challenge(self, scene, payments, ada, card):
        scene.fake.update_method(card, payer=Asks())
        paid = payments.charge(ada, TEN, description="Book", key="k")

        scene.fake.customer_authenticates(intent_of(paid.action), ok=False)
        scene.pace.settle()

        after = payments.charge(ada, TEN, description="Book", key="k")
        assert after.outcome == Pay.DECLINED
        assert scene.recoup.invoices.get(paid.invoice_id).resolved_as == "superseded"
        assert debts(scene) == []

    def test_by_a_slow_method_is_on_its_way(self, scene, payments, ada, card):
        scene.fake.update_method(card, payer=Slow())

        paid = payments.charge(ada, TEN, description="Book", key="k")
        scene.live(days=6)

        assert paid.outcome == Pay.PROCESSING
        assert payments.get(paid.id).outcome == Pay.SUCCEEDED
        assert payments.charge(ada, TEN, description="Book", key="k").outcome == Pay.SUCCEEDED

    def test_whose_reply_is_lost_is_looked_up_and_made_once(self, scene, payments, ada, card):
        scene.fake.add_fault(Fault("lost_reply", call="pay_invoice"))

        unsure = payments.charge(ada, TEN, description="Book", key="k")
        scene.live(hours=1)
        sure = payments.charge(ada, TEN, description="Book", key="k")

        assert (unsure.outcome, sure.outcome) == (Pay.UNKNOWN, Pay.SUCCEEDED)
        assert totals(scene.fake.books().captured.values()) == (Money(1000, "EUR"),)

    def test_makes_nothing_without_a_way_to_pay(self, scene, payments, ada):
        with pytest.raises(NotPossible, match="no default way"):
            payments.charge(ada, TEN, description="Book")

        assert scene.recoup.invoices.list() == ()

    def test_makes_nothing_when_the_networks_forbid_it(self, scene, payments, ada, card):
        scene.fake.update_method(card, payer=Declines(LOST))
        payments.charge(ada, TEN, description="Book", key="one")
        scene.live(hours=1)

        with pytest.raises(NotPossible, match="new way to pay"):
            payments.charge(ada, TEN, description="Book", key="two")
        assert len(scene.recoup.invoices.list()) == 1

    @pytest.mark.parametrize("minor", [0, -1])
    def test_refuses_what_is_not_above_zero(self, payments, ada, card, minor):
        with pytest.raises(InvalidValue, match="above zero"):
            payments.charge(ada, Money(minor, "EUR"), description="Book")

    @pytest.mark.parametrize(("length", "fits"), [(180, True), (181, False)])
    def test_takes_keys_that_leave_room_for_its_steps(self, payments, ada, card, length, fits):
        if fits:
            assert payments.charge(ada, TEN, description="x", key="k" * length).id
        else:
            with pytest.raises(InvalidKey):
                payments.charge(ada, TEN, description="x", key="k" * length)

    def test_in_two_currencies_is_never_one_sum(self, scene, payments, ada, card):
        payments.charge(ada, TEN, description="Book")
        payments.charge(ada, Money(900, "USD"), description="Book")

        assert totals(scene.fake.books().captured.values()) == (
            Money(1000, "EUR"),
            Money(900, "USD"),
        )
        assert [str(one.amount) for one in payments.list(customer=ada)] == [
            "10.00 EUR",
            "9.00 USD",
        ]


class TestAChargeThatCrashes:
    @pytest.mark.parametrize("at", range(7))
    @pytest.mark.parametrize("payer", [None, Declines(NO_FUNDS), Asks()])
    def test_goes_on_where_it_stopped(self, database_url, home, at, payer):
        crashing = Crashing(at)
        with Scene.open(database_url, home, watch=crashing) as scene:
            ada = scene.fake.create_customer(email="ada@example.com")
            scene.fake.attach_method(ada, payer)
            scene.pace.settle()

            def charge():
                return scene.recoup.payments.charge(ada, TEN, description="Book", key="k")

            with suppress(Crash, Unreachable):
                charge()
            paid = charge()
            scene.pace.settle()

            expected = {None: Pay.SUCCEEDED, Asks(): Pay.REQUIRES_ACTION}
            assert paid.outcome == expected.get(payer, Pay.DECLINED)
            (bill,) = scene.recoup.invoices.list()
            assert (bill.resolved_as == "superseded") == (paid.outcome == Pay.DECLINED)
            assert len(scene.fake.charges_of(bill.processor_id)) == (payer != Asks())
            assert charge().id == paid.id
            assert scene.violations() == ()

    @pytest.mark.parametrize("fault", ["outage", "busy", "lost_reply"])
    @pytest.mark.parametrize("call", ["CreateInvoice", "VoidInvoice"])
    def test_by_a_processor_that_is_away_is_finished_by_the_same_key(
        self, scene, payments, ada, card, call, fault
    ):
        scene.fake.update_method(card, payer=Declines(NO_FUNDS))
        scene.fake.add_fault(Fault(fault, call=call))

        with pytest.raises((Unreachable, Busy), match="pursued"):
            payments.charge(ada, TEN, description="Book", key="k")
        scene.live(hours=1)
        paid = payments.charge(ada, TEN, description="Book", key="k")

        assert paid.outcome == Pay.DECLINED
        assert scene.recoup.invoices.get(paid.invoice_id).resolved_as == "superseded"
        assert len(scene.recoup.invoices.list()) == 1


class TestAnIntent:
    def test_is_an_open_invoice_and_what_the_browser_needs(self, scene, payments, ada):
        made = payments.intent(ada, TEN, description="Book", key="k")

        assert (made.invoice.outcome, made.invoice.due) == (Outcome.OPEN, TEN)
        assert made.action is not None
        assert (made.action.kind, bool(made.action.client_secret)) == ("confirm", True)
        assert made.action.client_secret not in repr(made)
        assert payments.intent(ada, TEN, description="Book", key="k") == made

    def test_is_paid_when_the_customer_confirms(self, scene, payments, ada):
        made = payments.intent(ada, TEN, description="Book")

        scene.fake.customer_confirms(intent_of(made.action), scene.fake.new_method())
        scene.pace.settle()

        (paid,) = payments.list(invoice=made.invoice.id)
        assert (paid.outcome, paid.origin) == (Pay.SUCCEEDED, "customer")
        assert scene.recoup.invoices.get(made.invoice.id).outcome == Outcome.PAID

    def test_makes_no_debt_when_it_is_declined(self, scene, payments, ada):
        made = payments.intent(ada, TEN, description="Book")

        scene.fake.customer_confirms(
            intent_of(made.action), scene.fake.new_method(Declines(NO_FUNDS))
        )
        scene.live(days=40)

        (tried,) = payments.list(invoice=made.invoice.id)
        assert tried.outcome == Pay.DECLINED
        assert debts(scene) == []
        assert scene.outbox.messages == []
        assert scene.recoup.invoices.get(made.invoice.id).outcome == Outcome.OPEN
