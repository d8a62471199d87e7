"""Customers, payment methods and setup intents of the server, as the official SDK meets them."""

from __future__ import annotations

import pytest
import stripe

from recoup.processors.fake import NO_FUNDS, Asks, Declines

BERLIN = {"country": "DE", "city": "Berlin", "postal_code": "10115", "line1": "Torstr. 1"}


@pytest.fixture
def ann(sdk):
    return sdk.v1.customers.create({"email": "ann@example.com", "name": "Ann"}).id


def refused(call, *args):
    with pytest.raises(stripe.StripeError) as found:
        call(*args)
    return found.value


def said(error):
    return (error.http_status, error.code, error.param)


class TestACustomer:
    def test_is_made_whole_with_one_event(self, server, sdk):
        made = sdk.v1.customers.create(
            {
                "email": "ann@example.com",
                "name": "Ann",
                "phone": "+49 30 1",
                "preferred_locales": ["de"],
                "metadata": {"team": "blue"},
                "address": BERLIN,
                "shipping": {"name": "Ann", "address": BERLIN},
                "tax": {"validate_location": "immediately"},
            }
        )

        assert (made.email, made.name, made.phone) == ("ann@example.com", "Ann", "+49 30 1")
        assert made.preferred_locales == ["de"]
        assert made.address.to_dict() == {**BERLIN, "line2": None, "state": None}
        assert made.shipping.address.city == "Berlin"
        assert len(server.fake.events()) == 1

    def test_may_come_with_a_method_and_its_default(self, sdk):
        card = {"type": "card", "card": {"number": "4242", "exp_month": 1, "exp_year": 2031}}
        method = sdk.v1.payment_methods.create(
            {**card, "card": {**card["card"], "number": "4242 4242 4242 4242"}}
        ).id

        made = sdk.v1.customers.create(
            {"payment_method": method, "invoice_settings": {"default_payment_method": method}}
        )

        assert made.invoice_settings.default_payment_method == method

    def test_is_changed_where_something_is_said(self, sdk, ann):
        sdk.v1.customers.update(ann, {"metadata": {"a": "1", "b": "2"}, "phone": "1"})

        changed = sdk.v1.customers.update(ann, {"name": "B", "metadata": {"a": "", "c": "3"}})

        assert (changed.email, changed.name, changed.phone) == ("ann@example.com", "B", "1")
        assert changed.metadata.to_dict() == {"b": "2", "c": "3"}

    def test_is_cleared_by_empty_texts(self, sdk, ann):
        sdk.v1.customers.update(
            ann, {"metadata": {"a": "1"}, "address": BERLIN, "preferred_locales": ["de"]}
        )

        changed = sdk.v1.customers.update(
            ann,
            {"email": "", "name": "", "metadata": "", "address": "", "preferred_locales": ""},
        )

        assert (changed.email, changed.name, changed.address) == (None, None, None)
        assert (changed.metadata.to_dict(), changed.preferred_locales) == ({}, [])

    def test_keeps_of_its_address_what_is_not_said(self, sdk, ann):
        sdk.v1.customers.update(ann, {"address": BERLIN})

        changed = sdk.v1.customers.update(ann, {"address": {"postal_code": "10117", "line1": ""}})

        assert changed.address.to_dict() == {
            "city": "Berlin",
            "country": "DE",
            "line1": None,
            "line2": None,
            "postal_code": "10117",
            "state": None,
        }

    def test_is_placed_only_where_that_is_asked(self, sdk, ann):
        nowhere = {"address": {"country": "US"}}
        sdk.v1.customers.update(ann, nowhere)

        error = refused(
            sdk.v1.customers.update, ann, {**nowhere, "tax": {"validate_location": "immediately"}}
        )

        assert error.code == "customer_tax_location_invalid"

    @pytest.mark.parametrize(
        ("params", "told"),
        [
            ({"email": "ann"}, (400, "email_invalid", "email")),
            ({"balance": 7}, (400, "not_played", "balance")),
            ({"preferred_locales": ["de", "fr"]}, (400, "not_played", "preferred_locales")),
            ({"colour": "red"}, (400, "parameter_unknown", "colour")),
            (
                {"invoice_settings": {"default_payment_method": "pm_none"}},
                (400, "resource_missing", "invoice_settings[default_payment_method]"),
            ),
        ],
    )
    def test_is_refused_by_name(self, server, sdk, ann, params, told):
        before = len(server.fake.events())

        assert said(refused(sdk.v1.customers.update, ann, params)) == told
        assert len(server.fake.events()) == before

    def test_that_never_was_is_missing(self, sdk):
        for call in (sdk.v1.customers.retrieve, sdk.v1.customers.update, sdk.v1.customers.delete):
            assert said(refused(call, "cus_none")) == (404, "resource_missing", "id")

    def test_says_that_it_is_deleted_and_can_do_nothing_more(self, sdk, ann):
        gone = sdk.v1.customers.delete(ann)

        wanted = {"id": ann, "object": "customer", "deleted": True}
        assert gone.to_dict() == sdk.v1.customers.retrieve(ann).to_dict() == wanted
        for call in (sdk.v1.customers.update, sdk.v1.customers.delete):
            assert said(refused(call, ann)) == (404, "resource_missing", "id")
        attach = refused(sdk.v1.payment_methods.attach, "pm_card_visa", {"customer": ann})
        assert said(attach) == (400, "resource_missing", "customer")

    def test_is_listed_with_the_newest_first(self, server, sdk):
        made = [sdk.v1.customers.create({"email": f"{n % 2}@b.c"}).id for n in range(5)]
        sdk.v1.customers.delete(made[4])
        now = int(server.fake.now.timestamp())

        def ids(params):
            return [one.id for one in sdk.v1.customers.list(params).data]

        assert ids({}) == [made[3], made[2], made[1], made[0]]
        assert ids({"email": "0@b.c"}) == [made[2], made[0]]
        assert ids({"limit": 2, "starting_after": made[3]}) == [made[2], made[1]]
        assert ids({"created": {"gt": now}}) == []
        assert len(ids({"created": {"gte": now}})) == 4


class TestAMethod:
    def test_is_attached_once_and_never_again(self, sdk, ann):
        other = sdk.v1.customers.create().id
        method = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": ann}).id

        again = sdk.v1.payment_methods.attach(method, {"customer": ann})
        taken = refused(sdk.v1.payment_methods.attach, method, {"customer": other})
        sdk.v1.payment_methods.detach(method)
        spent = refused(sdk.v1.payment_methods.attach, method, {"customer": ann})

        assert again.customer == ann
        assert (taken.http_status, "already been attached" in str(taken)) == (400, True)
        assert (spent.http_status, "may not be used again" in str(spent)) == (400, True)

    def test_is_detached_once(self, sdk, ann):
        method = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": ann}).id
        sdk.v1.customers.update(ann, {"invoice_settings": {"default_payment_method": method}})

        assert sdk.v1.payment_methods.detach(method).customer is None
        error = refused(sdk.v1.payment_methods.detach, method)

        assert "so detachment is impossible" in str(error)
        settings = sdk.v1.customers.retrieve(ann).invoice_settings
        assert settings.default_payment_method is None

    def test_is_listed_with_its_customer(self, sdk, ann):
        card, debit, gone = (
            sdk.v1.payment_methods.attach(token, {"customer": ann}).id
            for token in ("pm_card_visa", "pm_success_de", "pm_card_amex")
        )
        sdk.v1.payment_methods.detach(gone)

        def ids(listed):
            return [one.id for one in listed.data]

        assert ids(sdk.v1.payment_methods.list({"customer": ann})) == [debit, card]
        cards = {"customer": ann, "type": "card"}
        assert ids(sdk.v1.payment_methods.list(cards)) == [card]
        assert ids(sdk.v1.customers.payment_methods.list(ann)) == [debit, card]
        assert sdk.v1.customers.payment_methods.retrieve(ann, card).id == card
        missing = refused(sdk.v1.customers.payment_methods.retrieve, ann, gone)
        assert said(missing) == (404, "resource_missing", "id")
        nobodys = refused(sdk.v1.payment_methods.list)
        assert said(nobodys) == (400, "parameter_missing", "customer")

    def test_of_a_customer_gets_another_expiry(self, sdk, ann):
        method = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": ann}).id

        changed = sdk.v1.payment_methods.update(method, {"card": {"exp_year": 2033}})

        assert (changed.card.exp_year, changed.card.exp_month) == (2033, 12)

    @pytest.mark.parametrize(
        ("card", "told"),
        [
            ({"number": "4242424242424241"}, (402, "incorrect_number", "number")),
            ({"exp_month": 13}, (402, "invalid_expiry_month", "exp_month")),
            ({"exp_year": 2025, "exp_month": 12}, (402, "invalid_expiry_year", "exp_year")),
            ({"number": None}, (400, "parameter_missing", "card[number]")),
        ],
    )
    def test_with_a_card_that_can_not_be_is_refused(self, sdk, card, told):
        good = {"number": "4242424242424242", "exp_month": 1, "exp_year": 2026}
        sdk.v1.payment_methods.create({"type": "card", "card": good})

        wrong = {name: value for name, value in {**good, **card}.items() if value is not None}
        error = refused(sdk.v1.payment_methods.create, {"type": "card", "card": wrong})

        assert said(error) == told

    def test_answers_as_the_fake_is_told_to(self, server, sdk, ann):
        method = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": ann}).id
        server.fake.update_method(method, payer=Declines(NO_FUNDS))

        error = refused(
            sdk.v1.setup_intents.create,
            {"customer": ann, "payment_method": method, "confirm": True},
        )

        assert error.error.decline_code == "insufficient_funds"


class TestASetupIntent:
    def test_waits_for_a_method_and_keeps_it(self, sdk, ann):
        made = sdk.v1.setup_intents.create({"customer": ann, "metadata": {"a": "b"}})
        assert (made.status, made.usage) == ("requires_payment_method", "off_session")
        assert made.client_secret.startswith(f"{made.id}_secret_")

        done = sdk.v1.setup_intents.confirm(
            made.id, {"payment_method": "pm_card_visa", "expand": ["payment_method"]}
        )

        assert (done.status, done.metadata.to_dict()) == ("succeeded", {"a": "b"})
        assert done.payment_method.customer == ann
        again = refused(sdk.v1.setup_intents.confirm, made.id, {"payment_method": "pm_card_visa"})
        assert again.code == "setup_intent_unexpected_state"

    def test_asks_for_a_challenge(self, server, sdk, ann):
        method = server.fake.new_method(Asks())

        made = sdk.v1.setup_intents.create(
            {"customer": ann, "payment_method": method, "confirm": True, "usage": "on_session"}
        )

        assert (made.status, made.next_action.type) == ("requires_action", "use_stripe_sdk")
        server.fake.customer_authenticates(made.id)
        done = sdk.v1.setup_intents.retrieve(made.id)
        assert (done.status, done.next_action) == ("succeeded", None)

    def test_that_a_bank_refuses_stays_and_is_told_with_the_error(self, sdk, ann):
        error = refused(
            sdk.v1.setup_intents.create,
            {"customer": ann, "payment_method": "pm_card_visa_chargeDeclined", "confirm": True},
        )

        assert (error.http_status, error.code) == (402, "card_declined")
        told = error.error.setup_intent
        kept = sdk.v1.setup_intents.retrieve(told["id"])
        assert kept.status == told["status"] == "requires_payment_method"
        assert kept.last_setup_error.decline_code == "generic_decline"

    def test_is_listed_by_customer_and_method(self, sdk, ann):
        other = sdk.v1.customers.create().id
        mine, theirs = (sdk.v1.setup_intents.create({"customer": c}).id for c in (ann, other))
        done = sdk.v1.setup_intents.confirm(mine, {"payment_method": "pm_card_visa"})

        def ids(**params):
            return [one.id for one in sdk.v1.setup_intents.list(params).data]

        assert ids() == [theirs, mine]
        assert ids(customer=ann) == [mine]
        assert ids(payment_method=done.payment_method) == [mine]
        nobody = refused(sdk.v1.setup_intents.list, {"customer": "cus_none"})
        assert nobody.code == "resource_missing"

    @pytest.mark.parametrize(
        ("params", "told"),
        [
            ({"customer": "cus_none"}, "resource_missing"),
            ({}, "not_played"),
            ({"customer": True, "confirm": True}, "not_played"),
            ({"customer": True, "payment_method": "pm_card_visa"}, "not_played"),
        ],
    )
    def test_is_refused_by_name(self, sdk, ann, params, told):
        params = {**params, **({"customer": ann} if params.get("customer") is True else {})}

        assert refused(sdk.v1.setup_intents.create, params).code == told
