"""/v1/invoices and /v1/invoiceitems, asked by the official SDK."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import stripe
from stripe import StripeClient

from recoup.core.money import Money
from recoup.processors.fake import NO_FUNDS, Declines

HOUR = timedelta(hours=1)
OLD, BASIL = "2022-11-15", "2025-03-31.basil"


@pytest.fixture
def ann(server):
    customer = server.fake.create_customer(email="ann@example.com")
    server.fake.attach_method(customer)
    return customer


@pytest.fixture
def draft(sdk, ann):
    """Return the id of a draft over ten euros."""
    made = sdk.v1.invoices.create({"customer": ann, "currency": "eur"})
    line = {"amount": 1000, "description": "Ten"}
    return sdk.v1.invoices.add_lines(made.id, {"lines": [line]}).id


@pytest.fixture
def open_one(sdk, draft):
    return sdk.v1.invoices.finalize_invoice(draft).id


def wait(server, span):
    server.fake.advance(server.fake.now + span)


def types(server):
    return [json.loads(body)["type"] for _, body in server.fake.events(limit=1_000)]


def refused(why, *, status=400, code=None, param=None):
    """Expect Stripe's no, in its words."""

    class Expecting:
        def __enter__(self):
            self.caught = pytest.raises(stripe.StripeError)
            self.info = self.caught.__enter__()

        def __exit__(self, *error):
            done = self.caught.__exit__(*error)
            told = self.info.value
            assert why in str(told)
            assert (told.http_status, told.code) == (status, code)
            assert param is None or told.param == param
            return done

    return Expecting()


class TestADraft:
    def test_is_empty_and_goes_on_by_nobody(self, server, sdk, ann):
        made = sdk.v1.invoices.create({"customer": ann, "currency": "eur"})

        wait(server, 3 * HOUR)

        found = sdk.v1.invoices.retrieve(made.id)
        assert (found.status, found.amount_due, found.auto_advance) == ("draft", 0, False)
        assert (found.billing_reason, found.number) == ("manual", None)

    def test_that_advances_is_finalised_and_paid_after_an_hour(self, server, sdk, ann):
        made = sdk.v1.invoices.create({"customer": ann, "currency": "eur", "auto_advance": True})
        sdk.v1.invoices.add_lines(made.id, {"lines": [{"amount": 1000}]})
        assert made.automatically_finalizes_at == made.next_payment_attempt == made.created + 3600

        wait(server, HOUR - timedelta(seconds=1))
        before = sdk.v1.invoices.retrieve(made.id).status
        wait(server, timedelta(seconds=1))

        assert (before, sdk.v1.invoices.retrieve(made.id).status) == ("draft", "paid")

    def test_does_not_advance_once_that_is_taken_back(self, server, sdk, ann):
        made = sdk.v1.invoices.create({"customer": ann, "currency": "eur", "auto_advance": True})

        changed = sdk.v1.invoices.update(made.id, {"auto_advance": False})
        wait(server, 3 * HOUR)

        assert changed.next_payment_attempt is None
        assert sdk.v1.invoices.retrieve(made.id).status == "draft"

    def test_has_lines_with_taxes_on_top(self, sdk, draft):
        tax = {
            "amount": 190,
            "taxable_amount": 1000,
            "tax_rate_data": {"display_name": "Tax", "inclusive": False, "percentage": 19.0},
        }
        lines = [{"amount": 1000, "description": "More", "tax_amounts": [tax]}, {"amount": -300}]

        found = sdk.v1.invoices.add_lines(draft, {"lines": lines})

        assert (found.subtotal, found.total, found.amount_due) == (1700, 1890, 1890)
        assert [one.amount for one in found.total_taxes] == [190]
        listed = sdk.v1.invoices.line_items.list(draft).data
        assert [one.amount for one in listed] == [1000, 1000, -300]

    def test_takes_no_quantity_beside_an_amount(self, sdk, draft):
        line = {"amount": 5, "quantity": 2}
        why = "You may only specify one of these parameters: amount, quantity."

        with refused(why, param="lines[0][amount]"):
            sdk.v1.invoices.add_lines(draft, {"lines": [line]})

    @pytest.mark.parametrize("amount", [1005, -1005])
    def test_takes_no_thousandths(self, sdk, ann, amount):
        made = sdk.v1.invoices.create({"customer": ann, "currency": "kwd"})

        with refused("Invalid amount", param="lines[0][amount]"):
            sdk.v1.invoices.add_lines(made.id, {"lines": [{"amount": amount}]})

    def test_has_items_that_come_and_go(self, sdk, draft, ann):
        item = sdk.v1.invoice_items.create(
            {"customer": ann, "invoice": draft, "amount": 250, "currency": "eur"}
        )
        listed = [one.id for one in sdk.v1.invoice_items.list({"invoice": draft}).data]
        due = sdk.v1.invoices.retrieve(draft).amount_due

        gone = sdk.v1.invoice_items.delete(item.id)

        assert listed[0] == item.id
        assert (due, sdk.v1.invoices.retrieve(draft).amount_due) == (1250, 1000)
        assert gone.deleted
        with refused("No such Invoice Item", status=404, code="resource_missing"):
            sdk.v1.invoice_items.retrieve(item.id)

    def test_is_deleted_for_good(self, server, sdk, draft):
        gone = sdk.v1.invoices.delete(draft)

        assert (gone.id, gone.deleted) == (draft, True)
        assert types(server)[-1] == "invoice.deleted"
        with refused("No such invoice", status=404, code="resource_missing"):
            sdk.v1.invoices.retrieve(draft)
        wait(server, 3 * HOUR)

    @pytest.mark.parametrize(
        ("params", "why"),
        [
            pytest.param({}, "Must provide customer", id="of nobody"),
            pytest.param({"collection_method": "send_invoice"}, "you must specify", id="no days"),
            pytest.param({"days_until_due": 5}, "You can only specify", id="days"),
            pytest.param({"currency": "eu"}, "Invalid currency: eu", id="no currency"),
        ],
    )
    def test_is_refused_where_stripe_makes_none(self, sdk, ann, params, why):
        code = None if params else "parameter_missing"

        with refused(why, code=code):
            sdk.v1.invoices.create({"customer": ann, **params} if params else {})

    def test_that_is_sent_needs_an_address(self, server, sdk):
        nobody = server.fake.create_customer()

        with refused("Missing email"):
            sdk.v1.invoices.create(
                {"customer": nobody, "collection_method": "send_invoice", "days_until_due": 5}
            )


class TestAnInvoice:
    def test_is_numbered_when_it_is_finalised_and_not_tried(self, server, sdk, draft):
        found = sdk.v1.invoices.finalize_invoice(draft)

        assert (found.status, found.attempted, found.amount_remaining) == ("open", False, 1000)
        assert found.number
        assert found.hosted_invoice_url
        wait(server, 3 * HOUR)
        assert server.fake.charges_of(draft) == []

    def test_is_changed_no_more_but_for_metadata(self, sdk, open_one):
        with refused("Finalized invoices can't be updated", param="description"):
            sdk.v1.invoices.update(open_one, {"description": "Other"})
        with refused("no longer editable", code="invoice_not_editable"):
            sdk.v1.invoices.add_lines(open_one, {"lines": [{"amount": 5}]})

        changed = sdk.v1.invoices.update(open_one, {"metadata": {"a": "1"}})

        assert changed.metadata.to_dict() == {"a": "1"}

    @pytest.mark.parametrize(
        ("stage", "verb", "why"),
        [
            ("finalize_invoice", "finalize_invoice", "already finalized"),
            ("finalize_invoice", "delete", "only delete draft"),
            ("pay", "pay", "Invoice is already paid"),
            ("pay", "void_invoice", "`paid` payments cannot be voided"),
            ("pay", "send_invoice", "cannot be sent right now"),
            ("void_invoice", "void_invoice", "isn't open"),
            ("void_invoice", "mark_uncollectible", "isn't open"),
            ("mark_uncollectible", "mark_uncollectible", "already been marked uncollectible"),
        ],
    )
    def test_says_why_it_can_not_be(self, sdk, draft, stage, verb, why):
        if stage != "finalize_invoice":
            sdk.v1.invoices.finalize_invoice(draft)
        getattr(sdk.v1.invoices, stage)(draft)

        with refused(why):
            getattr(sdk.v1.invoices, verb)(draft)

    def test_that_is_no_more_open_is_voided_no_more_but_when_given_up(self, sdk, open_one):
        sdk.v1.invoices.mark_uncollectible(open_one)

        assert sdk.v1.invoices.void_invoice(open_one).status == "void"

    def test_is_listed_by_what_it_is(self, server, sdk, ann, open_one):
        other = server.fake.create_customer(email="bob@example.com")
        bobs = sdk.v1.invoices.create({"customer": other, "currency": "eur"}).id

        def ids(**params):
            return [one.id for one in sdk.v1.invoices.list(params).data]

        assert ids() == [bobs, open_one]
        assert ids(customer=ann) == ids(status="open") == [open_one]
        assert ids(status="draft") == [bobs]
        assert ids(created={"gt": int(server.fake.now.timestamp())}) == []
        assert ids(limit=1, starting_after=bobs) == [open_one]

    def test_of_a_subscription_is_listed_by_it(self, server, sdk, ann):
        subscription = server.fake.subscribe(ann, server.fake.create_price(Money(500, "EUR")))

        (found,) = sdk.v1.invoices.list({"subscription": subscription}).data

        assert found.id == server.fake.subscription(subscription).latest_invoice
        assert found.parent.subscription_details.subscription == subscription
        with refused("only delete draft"):
            sdk.v1.invoices.delete(found.id)

    @pytest.mark.parametrize("version", [BASIL, None])
    def test_shows_its_payments_only_when_asked(self, server, open_one, version):
        sdk = StripeClient(server.key, base_addresses={"api": server.url}, stripe_version=version)  # type: ignore[arg-type]

        plain = sdk.v1.invoices.retrieve(open_one)
        wanted = ["payments.data.payment.payment_intent", "confirmation_secret", "customer"]
        whole = sdk.v1.invoices.retrieve(open_one, {"expand": wanted})

        assert not {"payments", "confirmation_secret", "charge", "paid"} & set(plain.to_dict())
        (payment,) = whole.payments.data
        intent = payment.payment.payment_intent
        assert (intent.status, intent.amount) == ("requires_payment_method", 1000)
        assert whole.confirmation_secret.client_secret == intent.client_secret
        assert whole.customer.email == "ann@example.com"

    def test_names_its_payment_where_old_versions_did(self, server, open_one):
        server.fake.customer_pays(open_one)
        sdk = StripeClient(server.key, base_addresses={"api": server.url}, stripe_version=OLD)

        found = sdk.v1.invoices.retrieve(open_one, {"expand": ["charge", "payment_intent"]})

        assert found.to_dict()["paid"] is True
        assert found.to_dict()["charge"]["invoice"] == open_one
        assert found.to_dict()["payment_intent"]["status"] == "succeeded"
        with refused("cannot be expanded"):
            sdk.v1.invoices.retrieve(open_one, {"expand": ["payments"]})

    def test_of_a_failed_renewal_says_so(self, server, sdk, ann):
        method = server.fake.attach_method(ann)
        subscription = server.fake.subscribe(ann, server.fake.create_price(Money(500, "EUR")))
        server.fake.update_method(method, payer=Declines(NO_FUNDS))
        wait(server, timedelta(days=31, hours=1))

        found = sdk.v1.invoices.list({"subscription": subscription, "status": "open"}).data[0]

        assert (found.attempted, found.attempt_count) == (True, 1)
        assert found.next_payment_attempt is None
