"""Subscriptions of the server: what Stripe takes, what it refuses and with which words."""

from __future__ import annotations

import json

import pytest
from stripe import CardError, InvalidRequestError, StripeClient

from recoup.core.money import Money
from recoup.processors.fake import NO_FUNDS, Asks, Declines
from recoup.processors.fake.model import Subscription

BASIL = "2025-03-31.basil"
DAY = 86_400


@pytest.fixture
def fake(server):
    return server.fake


@pytest.fixture
def buy(server, sdk):
    """Begin a subscription of somebody whose card pays, by the API; return it as it is shown."""

    def make(*, payer=None, **how):
        customer = server.fake.create_customer(email="ada@example.com")
        server.fake.attach_method(customer, payer)
        price = server.fake.create_price(Money(4900, "EUR"))
        items = how.pop("items", [{"price": price}])
        return sdk.v1.subscriptions.create({"customer": customer, "items": items, **how})

    return make


def refused(error):
    return error.value.http_status, error.value.code, error.value.param


class TestBeginning:
    def test_shows_a_subscription_with_names_in_place_of_what_can_be_expanded(self, buy, sdk):
        begun = buy(expand=["latest_invoice.payments", "discounts"])

        assert begun.status == "active"
        assert begun.latest_invoice.status == "paid"
        assert len(begun.latest_invoice.payments.data) == 1
        plain = sdk.v1.subscriptions.retrieve(begun.id)
        assert plain.latest_invoice == begun.latest_invoice.id
        assert plain.items.data[0].current_period_end > plain.created

    @pytest.mark.parametrize(
        ("payer", "code"),
        [
            (Declines(NO_FUNDS), "card_declined"),
            (Asks(), "subscription_payment_intent_requires_action"),
        ],
    )
    def test_leaves_nothing_if_it_is_an_error_not_to_pay(self, buy, server, sdk, payer, code):
        with pytest.raises(CardError) as error:
            buy(payer=payer, payment_behavior="error_if_incomplete")

        assert (error.value.http_status, error.value.code) == (402, code)
        assert sdk.v1.subscriptions.list({"status": "all"}).data == []

    @pytest.mark.parametrize(
        ("how", "expected"),
        [
            ({"items": [{"quantity": 2}]}, (400, "parameter_missing", "items[0][price]")),
            ({"items": [{"price": "price_no"}]}, (400, "resource_missing", "items[0][price]")),
            ({"days_until_due": 3}, (400, None, "days_until_due")),
            ({"collection_method": "send_invoice"}, (400, None, "days_until_due")),
            ({"payment_behavior": "default_incomplete"}, (400, "not_played", "payment_behavior")),
            ({"cancel_at_period_end": True}, (400, "not_played", "cancel_at_period_end")),
            ({"colour": "red"}, (400, "parameter_unknown", "colour")),
            ({"discounts": [{"coupon": "NO"}]}, (400, "resource_missing", "discounts[0][coupon]")),
        ],
        ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
    )
    def test_refuses_by_name(self, buy, how, expected):
        with pytest.raises(InvalidRequestError) as error:
            buy(**how)

        assert refused(error)[:2] == expected[:2]
        assert error.value.param in {expected[2], None}

    def test_of_nobody_is_refused(self, sdk, fake):
        price = fake.create_price(Money(4900, "EUR"))

        with pytest.raises(InvalidRequestError) as error:
            sdk.v1.subscriptions.create({"customer": "cus_no", "items": [{"price": price}]})

        assert refused(error) == (400, "resource_missing", "customer")


class TestListing:
    def test_leaves_out_what_was_canceled_unless_it_is_asked_for(self, buy, sdk):
        first, second = buy(), buy()
        sdk.v1.subscriptions.cancel(first.id)

        def ids(**how):
            return [one.id for one in sdk.v1.subscriptions.list(how).data]

        assert ids() == [second.id]
        assert ids(status="all") == [second.id, first.id]
        assert ids(status="canceled") == ids(status="ended") == [first.id]
        assert ids(customer=second.customer) == [second.id]
        assert ids(status="all", created={"gt": second.created}) == []

    def test_of_nobody_is_refused(self, sdk):
        with pytest.raises(InvalidRequestError) as error:
            sdk.v1.subscriptions.list({"customer": "cus_no"})

        assert refused(error) == (400, "resource_missing", "customer")


class TestUpdating:
    @pytest.mark.parametrize(
        "how",
        [
            {"metadata": {"a": "b"}},
            {"cancel_at_period_end": True},
            {"discounts": ""},
            {"default_payment_method": "pm_1"},
        ],
        ids=str,
    )
    def test_with_a_gate_takes_only_what_pending_updates_support(self, buy, sdk, how):
        begun = buy()
        item = {"id": begun["items"].data[0].id, "quantity": 2}

        with pytest.raises(InvalidRequestError, match="pending updates support") as error:
            sdk.v1.subscriptions.update(
                begun.id,
                {"items": [item], "payment_behavior": "pending_if_incomplete", **how},
            )

        assert error.value.param == next(iter(how))

    def test_of_a_price_forgets_the_quantity(self, buy, sdk, fake):
        begun = buy()
        item = begun["items"].data[0].id
        sdk.v1.subscriptions.update(begun.id, {"items": [{"id": item, "quantity": 7}]})

        other = fake.create_price(Money(100, "EUR"))
        now = sdk.v1.subscriptions.update(begun.id, {"items": [{"id": item, "price": other}]})

        assert now["items"].data[0].quantity == 1

    def test_that_is_not_paid_is_made_all_the_same_unless_told_otherwise(self, buy, sdk, fake):
        begun = buy()
        method = fake.attach_method(begun.customer, Declines(NO_FUNDS))
        assert method
        item = {"id": begun["items"].data[0].id, "quantity": 2}
        how = {"items": [item], "proration_behavior": "always_invoice"}

        with pytest.raises(CardError):
            sdk.v1.subscriptions.update(
                begun.id, {**how, "payment_behavior": "error_if_incomplete"}
            )
        assert sdk.v1.subscriptions.retrieve(begun.id)["items"].data[0].quantity == 1

        now = sdk.v1.subscriptions.update(begun.id, how)
        assert (now.status, now["items"].data[0].quantity) == ("past_due", 2)

    def test_of_an_incomplete_one_takes_texts_and_methods_alone(self, buy, sdk):
        begun = buy(payer=Declines(NO_FUNDS))

        kept = sdk.v1.subscriptions.update(begun.id, {"metadata": {"a": "b"}})
        with pytest.raises(InvalidRequestError, match="incomplete"):
            sdk.v1.subscriptions.update(begun.id, {"cancel_at_period_end": True})

        assert kept.metadata.to_dict() == {"a": "b"}

    def test_of_an_ended_one_takes_texts_alone(self, buy, sdk):
        begun = buy()
        sdk.v1.subscriptions.cancel(begun.id)

        assert sdk.v1.subscriptions.update(begun.id, {"metadata": {"a": "b"}}).metadata["a"] == "b"
        with pytest.raises(InvalidRequestError, match="A canceled subscription can only update"):
            sdk.v1.subscriptions.update(begun.id, {"pause_collection": {"behavior": "void"}})

    def test_takes_one_kind_of_end(self, buy, sdk):
        begun = buy()

        with pytest.raises(InvalidRequestError, match="only specify one of these"):
            sdk.v1.subscriptions.update(
                begun.id, {"cancel_at": begun.created + 9 * DAY, "cancel_at_period_end": True}
            )

    @pytest.mark.parametrize(
        ("version", "anchor", "fine"),
        [
            (BASIL, "now", True),
            (BASIL, {"type": "now"}, False),
            (None, {"type": "now"}, True),
            (None, "now", False),
        ],
    )
    def test_takes_a_new_anchor_as_its_version_says_it(self, server, buy, version, anchor, fine):
        begun = buy()
        asking = (
            StripeClient(server.key, base_addresses={"api": server.url}, stripe_version=version)
            if version
            else StripeClient(server.key, base_addresses={"api": server.url})
        )

        if fine:
            asking.v1.subscriptions.update(begun.id, {"billing_cycle_anchor": anchor})
        else:
            with pytest.raises(InvalidRequestError) as error:
                asking.v1.subscriptions.update(begun.id, {"billing_cycle_anchor": anchor})
            assert error.value.param == "billing_cycle_anchor"


class TestEnding:
    def test_of_what_has_ended_finds_nothing(self, buy, sdk):
        begun = buy()
        sdk.v1.subscriptions.cancel(begun.id, {"cancellation_details": {"comment": "Bye"}})

        with pytest.raises(InvalidRequestError) as error:
            sdk.v1.subscriptions.cancel(begun.id)

        assert refused(error) == (404, "resource_missing", "id")
        gone = sdk.v1.subscriptions.retrieve(begun.id)
        assert (gone.status, gone.cancellation_details.comment) == ("canceled", "Bye")


class TestSchedules:
    def made(self, sdk, begun):
        return sdk.v1.subscription_schedules.create({"from_subscription": begun.id})

    def test_manage_their_subscription_until_they_are_released(self, buy, sdk):
        begun = buy()
        schedule = self.made(sdk, begun)

        assert sdk.v1.subscriptions.retrieve(begun.id).schedule == schedule.id
        with pytest.raises(InvalidRequestError, match="managed by the subscription schedule"):
            sdk.v1.subscriptions.update(begun.id, {"cancel_at_period_end": True})
        with pytest.raises(InvalidRequestError, match="already attached to a schedule"):
            self.made(sdk, begun)

        released = sdk.v1.subscription_schedules.release(schedule.id)
        assert (released.status, released.released_subscription) == ("released", begun.id)
        assert sdk.v1.subscriptions.retrieve(begun.id).schedule is None
        with pytest.raises(InvalidRequestError, match="`released` status"):
            sdk.v1.subscription_schedules.release(schedule.id)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"start_date": 1}, "start date of the current phase"),
            ({"end_date": 2}, "until its period ends"),
            ({"iterations": 1}, "unknown parameter"),
        ],
    )
    def test_keep_the_phase_that_runs(self, buy, sdk, change, words):
        begun = buy()
        schedule = self.made(sdk, begun)
        (now,) = schedule.phases
        phase = {
            "start_date": now.start_date,
            "end_date": now.end_date,
            "items": [{"price": now["items"][0].price, "quantity": 1}],
        }

        with pytest.raises(InvalidRequestError, match=words):
            sdk.v1.subscription_schedules.update(schedule.id, {"phases": [{**phase, **change}]})

    def test_tell_of_themselves_and_are_listed(self, buy, sdk, fake):
        begun = buy()
        schedule = self.made(sdk, begun)
        sdk.v1.subscription_schedules.update(schedule.id, {"metadata": {"a": "b"}})

        (listed,) = sdk.v1.subscription_schedules.list({"customer": begun.customer}).data
        types = [json.loads(body)["type"] for _, body in fake.events()]
        assert listed.metadata.to_dict() == {"a": "b"}
        assert "subscription_schedule.created" in types
        assert "subscription_schedule.updated" in types


class TestItems:
    def test_are_made_changed_and_deleted_one_by_one(self, buy, sdk, fake):
        begun = buy()
        price = fake.create_price(Money(900, "EUR"))

        made = sdk.v1.subscription_items.create({"subscription": begun.id, "price": price})
        more = sdk.v1.subscription_items.update(made.id, {"quantity": 3})
        assert (made.price.id, more.quantity) == (price, 3)
        assert len(sdk.v1.subscription_items.list({"subscription": begun.id}).data) == 2

        assert sdk.v1.subscription_items.delete(made.id).deleted
        with pytest.raises(InvalidRequestError) as error:
            sdk.v1.subscription_items.retrieve(made.id)
        assert refused(error) == (404, "resource_missing", "item")


class TestPreviews:
    def test_show_the_next_invoice_and_keep_nothing(self, buy, sdk, fake):
        begun = buy()
        before = fake.events()

        bill = sdk.v1.invoices.create_preview({"subscription": begun.id})

        assert (bill.total, bill.billing_reason, bill.status) == (4900, "upcoming", "draft")
        assert bill.id.startswith("upcoming_in_")
        assert bill.period_end == begun["items"].data[0].current_period_end
        assert fake.events() == before

    def test_are_none_of_what_is_to_end(self, buy, sdk):
        begun = buy()
        sdk.v1.subscriptions.update(begun.id, {"cancel_at_period_end": True})

        with pytest.raises(InvalidRequestError) as error:
            sdk.v1.invoices.create_preview({"subscription": begun.id})

        assert refused(error)[:2] == (404, "invoice_upcoming_none")

    def test_leave_the_world_as_it_is_even_if_they_are_refused(self, buy, sdk, fake):
        begun = buy()
        before: Subscription = fake.subscription(begun.id)

        with pytest.raises(InvalidRequestError):
            sdk.v1.invoices.create_preview(
                {"subscription": begun.id, "subscription_details": {"items": [{"id": "si_no"}]}}
            )

        assert fake.subscription(begun.id) == before
