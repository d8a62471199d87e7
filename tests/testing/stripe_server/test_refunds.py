"""/v1/refunds and /v1/disputes, asked by the official SDK."""

from __future__ import annotations

import pytest
import stripe

from recoup.core.billing.requests import CreateInvoice, LineWanted
from recoup.core.money import Money
from recoup.processors.fake import LOST, Declines


@pytest.fixture
def charged(server):
    """Make a charge, by default of ten euros that were paid."""
    count = iter(range(100))

    def make(amount=None, payer=None):
        customer = server.fake.create_customer(email="ann@example.com")
        server.fake.attach_method(customer, payer)
        lines = (LineWanted("Ten", amount or Money(1000, "EUR")),)
        request = CreateInvoice(customer, lines)
        invoice = server.fake.ask(request, key=f"billed:{next(count)}").object
        return server.fake.customer_pays(invoice).processor_id

    return make


class TestARefund:
    def test_gives_back_a_part_and_then_the_rest(self, server, sdk, charged):
        charge = charged()

        part = sdk.v1.refunds.create(
            {
                "charge": charge,
                "amount": 400,
                "reason": "requested_by_customer",
                "metadata": {"a": "1"},
                "expand": ["charge"],
            }
        )
        rest = sdk.v1.refunds.create({"charge": charge})

        assert (part.status, part.amount, part.reason) == (
            "succeeded",
            400,
            "requested_by_customer",
        )
        assert (part.charge.amount_refunded, part.metadata["a"]) == (400, "1")
        assert rest.amount == 600
        assert sdk.v1.charges.retrieve(charge).refunded
        assert server.fake.books().refunded_in("EUR") == 1000

    def test_is_asked_for_by_payment_intent_too(self, sdk, charged):
        charge = charged()
        intent = sdk.v1.charges.retrieve(charge).payment_intent

        made = sdk.v1.refunds.create({"payment_intent": intent, "amount": 1})

        assert made.charge == charge

    def test_counts_as_stripe_counts(self, server, sdk, charged):
        charge = charged(Money(500, "ISK"))

        made = sdk.v1.refunds.create({"charge": charge, "amount": 20000})

        assert made.amount == 20000
        assert server.fake.books().refunded_in("ISK") == 200

    @pytest.mark.parametrize(
        ("amount", "why", "code"),
        [
            (601, "is greater than unrefunded amount on charge", None),
            (0, "must be greater than or equal to 1", "parameter_invalid_integer"),
            (-1, "must be greater than or equal to 1", "parameter_invalid_integer"),
        ],
    )
    def test_is_never_more_than_what_is_left(self, server, sdk, charged, amount, why, code):
        charge = charged()
        sdk.v1.refunds.create({"charge": charge, "amount": 400})

        with pytest.raises(stripe.InvalidRequestError, match=why) as caught:
            sdk.v1.refunds.create({"charge": charge, "amount": amount})

        assert (caught.value.code, caught.value.param) == (code, "amount")
        assert server.fake.books().refunded_in("EUR") == 400

    def test_of_all_is_given_once(self, sdk, charged):
        charge = charged()
        sdk.v1.refunds.create({"charge": charge})

        with pytest.raises(stripe.InvalidRequestError) as caught:
            sdk.v1.refunds.create({"charge": charge})

        assert caught.value.code == "charge_already_refunded"

    def test_is_for_money_that_came(self, server, sdk, charged):
        declined, disputed = charged(payer=Declines(LOST)), charged()
        server.fake.open_dispute(disputed)
        refused = charged()
        server.fake.refunds_to(sdk.v1.charges.retrieve(refused).payment_method, refused=True)
        codes = []

        for charge in (declined, disputed, refused):
            with pytest.raises(stripe.InvalidRequestError) as caught:
                sdk.v1.refunds.create({"charge": charge})
            codes.append(caught.value.code)

        assert codes == ["charge_not_refundable", "charge_disputed", "charge_not_refundable"]

    def test_is_of_something(self, sdk):
        with pytest.raises(stripe.InvalidRequestError, match="One of the following params"):
            sdk.v1.refunds.create({})
        with pytest.raises(stripe.InvalidRequestError, match="No such charge") as caught:
            sdk.v1.refunds.create({"charge": "ch_nobody"})

        assert (caught.value.code, caught.value.param) == ("resource_missing", "charge")

    def test_is_found_kept_and_listed(self, sdk, charged):
        charge, other = charged(), charged()
        mine = sdk.v1.refunds.create({"charge": charge, "amount": 1})
        theirs = sdk.v1.refunds.create({"charge": other, "amount": 2})

        sdk.v1.refunds.update(mine.id, {"metadata": {"a": "1"}})

        assert sdk.v1.refunds.retrieve(mine.id).metadata["a"] == "1"
        assert [one.id for one in sdk.v1.refunds.list({"charge": charge}).data] == [mine.id]
        assert [one.id for one in sdk.v1.refunds.list().data] == [theirs.id, mine.id]
        listed = sdk.v1.charges.retrieve(charge, {"expand": ["refunds"]}).refunds.data
        assert [one.id for one in listed] == [mine.id]
        with pytest.raises(stripe.InvalidRequestError, match="requires action"):
            sdk.v1.refunds.cancel(mine.id)

    def test_that_comes_back_has_failed(self, server, sdk, charged):
        made = sdk.v1.refunds.create({"charge": charged()})

        server.fake.send_back(made.id)

        assert sdk.v1.refunds.retrieve(made.id).status == "failed"


class TestADispute:
    def test_is_listed_and_given_in_to(self, server, sdk, charged):
        charge, other = charged(), charged()
        dispute = server.fake.open_dispute(charge)
        server.fake.open_dispute(other)

        (found,) = sdk.v1.disputes.list({"charge": charge}).data
        lost = sdk.v1.disputes.close(dispute)

        assert (found.id, found.status, lost.status) == (dispute, "needs_response", "lost")
        assert len(sdk.v1.disputes.list().data) == 2
        with pytest.raises(stripe.InvalidRequestError, match="already closed"):
            sdk.v1.disputes.close(dispute)

    def test_that_is_won_says_so(self, server, sdk, charged):
        dispute = server.fake.open_dispute(charged(), Money(400, "EUR"))
        server.fake.close_dispute(dispute, won=True)

        found = sdk.v1.disputes.retrieve(dispute)

        assert (found.status, found.amount) == ("won", 400)
