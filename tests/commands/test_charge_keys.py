"""The key of a charge, where a step of it is refused: the same call, the same answer."""

from __future__ import annotations

import pytest

from recoup.core.money import Money
from recoup.errors import InProgress, KeyConflict, NotPossible, Rejected, Unreachable
from recoup.processors.fake import Fault

TEN = Money(1000, "EUR")


@pytest.fixture
def payments(scene):
    return scene.recoup.payments


@pytest.fixture
def begun(scene, payments, ada, card):
    """A charge "k" whose invoice is made and unpaid, and whose card has gone since."""
    scene.fake.add_fault(Fault("lost_reply", call="CreateInvoice"))
    with pytest.raises(Unreachable):
        payments.charge(ada, TEN, description="Book", key="k")
    scene.live(hours=1)
    scene.recoup.methods.detach(card)


def charge(payments, who, key="k"):
    return payments.charge(who, TEN, description="Book", key=key)


def invoices(scene):
    return [row["status"] for row in scene.rows("SELECT status FROM invoices ORDER BY id")]


class TestAChargeWhoseSecondStepIsRefused:
    def test_says_the_same_again(self, scene, payments, ada, begun):
        told = []
        for _ in range(3):
            with pytest.raises(NotPossible) as refused:
                charge(payments, ada)
            told.append((type(refused.value), str(refused.value)))
        with pytest.raises(NotPossible):
            scene.recoup.result("k")

        assert len(set(told)) == 1
        assert "no default way to pay" in told[0][1]
        assert invoices(scene) == ["void"]

    def test_is_a_new_one_with_a_new_key(self, scene, payments, ada, begun):
        with pytest.raises(NotPossible):
            charge(payments, ada)
        scene.fake.attach_method(ada)
        scene.pace.settle()

        assert charge(payments, ada, "another").outcome == "succeeded"
        with pytest.raises(NotPossible):
            charge(payments, ada)

    @pytest.mark.parametrize("kind", ["lost_reply", "outage"])
    def test_is_refused_at_last_when_its_invoice_was_hard_to_void(
        self, scene, payments, ada, begun, kind
    ):
        scene.fake.add_fault(Fault(kind, call="VoidInvoice", times=1))
        with pytest.raises(Unreachable):
            charge(payments, ada)

        with pytest.raises(NotPossible):
            charge(payments, ada)
        with pytest.raises(NotPossible):
            charge(payments, ada)
        assert invoices(scene) == ["void"]

    def test_goes_on_while_something_else_is_done_to_its_invoice(
        self, scene, payments, ada, begun
    ):
        (bill,) = scene.recoup.invoices.list()
        scene.fake.add_fault(Fault("outage", call="SendInvoice"))
        with pytest.raises(Unreachable):
            scene.recoup.invoices.send(bill.id)
        with pytest.raises(InProgress):
            charge(payments, ada)
        scene.live(hours=1)
        scene.fake.attach_method(ada)
        scene.pace.settle()

        assert charge(payments, ada).outcome == "succeeded"
        scene.pace.settle()
        assert invoices(scene) == ["paid"]


class TestAChargeWithoutAKey:
    def test_is_a_new_one_after_a_refusal(self, scene, payments, ada, card):
        scene.fake.add_fault(Fault("lost_reply", call="CreateInvoice"))
        with pytest.raises(Unreachable):
            payments.charge(ada, TEN, description="Book")
        scene.recoup.methods.detach(card)
        with pytest.raises(NotPossible):
            payments.charge(ada, TEN, description="Book")
        scene.fake.attach_method(ada)
        scene.pace.settle()

        assert payments.charge(ada, TEN, description="Book").outcome == "succeeded"
        scene.pace.settle()
        assert invoices(scene) == ["void", "paid"]


@pytest.mark.parametrize("verb", ["charge", "intent"])
class TestAKey:
    def test_of_another_verb_is_refused_before_anything_is_made(
        self, scene, payments, ada, card, verb
    ):
        scene.recoup.coupons.create("OFF", percent_off=10, key="k")

        with pytest.raises(KeyConflict):
            getattr(payments, verb)(ada, TEN, description="Book", key="k")
        assert invoices(scene) == []

    def test_says_the_same_again_when_the_invoice_is_refused(
        self, scene, payments, ada, card, verb
    ):
        scene.fake.delete_customer(ada)
        told = []
        for _ in range(2):
            with pytest.raises(Rejected) as refused:
                getattr(payments, verb)(ada, TEN, description="Book", key="k")
            told.append(str(refused.value))

        assert len(set(told)) == 1
