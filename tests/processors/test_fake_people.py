"""Customers at the fake, as strict as Stripe about what may be said of them."""

from __future__ import annotations

import json

import pytest

from recoup.core import states
from recoup.core.billing.requests import (
    CreateCustomer,
    CreateInvoice,
    DeleteCustomer,
    DetachMethod,
    FinalizeInvoice,
    LineWanted,
    UpdateCustomer,
    UpdateTaxLocation,
    VoidInvoice,
)
from recoup.core.money import Money
from recoup.errors import CustomerTaxLocationInvalid, KeyReused, Rejected
from recoup.processors.fake.model import Customer

TEN = LineWanted("Ten", Money(1000, "EUR"))
BERLIN = {"country": "DE", "city": "Berlin", "postal_code": "10115", "line1": "Torstr. 1"}


@pytest.fixture
def desk(town, ask):
    """Return one customer's id, with everything said."""
    made = ask(
        CreateCustomer("ann@example.com", "Ann", "de", {"seat": "7", "team": "blue"}), key="made"
    )
    return made.object


def kept(town, customer) -> Customer:
    with town.fake._world.session() as s:
        return s.get(Customer, customer)


class TestUpdating:
    def test_changes_what_is_said_and_leaves_the_rest(self, town, ask, desk):
        answer = ask(UpdateCustomer(desk, name="Ann B."))

        (fact,) = answer.facts
        assert (fact.name, fact.email, fact.locale) == ("Ann B.", "ann@example.com", "de")
        assert town.last()["data"]["previous_attributes"] == {"name": "Ann"}

    @pytest.mark.parametrize("field", ["email", "name", "locale"])
    def test_clears_what_is_said_to_be_empty(self, ask, desk, field):
        (fact,) = ask(UpdateCustomer(desk, **{field: ""})).facts

        assert getattr(fact, field) is None

    def test_merges_metadata_and_deletes_what_is_empty(self, town, ask, desk):
        (fact,) = ask(UpdateCustomer(desk, metadata={"seat": "", "team": "red", "x": "y"})).facts

        assert fact.metadata == {"team": "red", "x": "y"}
        assert town.last()["data"]["previous_attributes"] == {
            "metadata": {"seat": "7", "team": "blue", "x": None}
        }

    def test_makes_one_of_its_methods_the_default_and_none_again(self, town, ask, desk):
        method = town.fake.attach_method(desk, default=False)

        (chosen,) = ask(UpdateCustomer(desk, default_method=method)).facts
        (none,) = ask(UpdateCustomer(desk, default_method="")).facts

        assert (chosen.default_method, none.default_method) == (method, None)

    def test_with_what_is_there_already_is_no_news(self, town, ask, desk):
        before = town.seen()

        answer = ask(UpdateCustomer(desk, name="Ann", metadata={"seat": "7"}))

        assert answer.facts == ()
        assert town.seen() == before

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ({"default_method": "pm_none"}, "No such method"),
            ({"default_method": "cus_fake_000001"}, "No such method"),
            ({"email": "ann"}, "email"),
            ({"email": "ann@b@c"}, "email"),
            ({"email": "an n@b.c"}, "email"),
            ({"email": "a" * 509 + "@b.c"}, "email"),
            ({"name": "n" * 257}, "256"),
            ({"metadata": {"k" * 41: "v"}}, "40"),
            ({"metadata": {"": "v"}}, "40"),
            ({"metadata": {"a[b]": "v"}}, "brackets"),
            ({"metadata": {"k": "v" * 501}}, "500"),
            ({"metadata": {f"k{n}": "v" for n in range(49)}}, "50"),
        ],
    )
    def test_is_refused_whole(self, town, ask, desk, said, why):
        with town.unchanged(why):
            ask(UpdateCustomer(desk, **{"name": "Other", **said}))

        assert kept(town, desk).name == "Ann"

    def test_takes_what_is_just_within_the_limits(self, ask, desk):
        most = {f"{n:040d}": "v" * 500 for n in range(48)}

        (fact,) = ask(
            UpdateCustomer(desk, email="a" * 508 + "@b.c", name="n" * 256, metadata=most)
        ).facts

        assert len(fact.metadata) == 50

    def test_refuses_the_method_of_another(self, town, ask, desk):
        other = town.fake.create_customer()
        method = town.fake.attach_method(other)

        with town.unchanged("does not have a payment method"):
            ask(UpdateCustomer(desk, default_method=method))

    @pytest.mark.parametrize("asked", [UpdateCustomer("cus_none", name="A")])
    def test_of_nobody_is_refused(self, town, ask, asked):
        with town.unchanged("No such customer"):
            ask(asked)

    def test_holds_for_creating_too(self, town, ask):
        with town.unchanged("email"):
            ask(CreateCustomer("ann"))
        with town.unchanged("brackets"):
            ask(CreateCustomer(metadata={"[": "v"}))


class TestATaxLocation:
    @pytest.mark.parametrize(
        "address",
        [
            BERLIN,
            {"country": "US", "postal_code": "94103"},
            {"country": "US", "postal_code": "94103-1234"},
            {"country": "CA", "postal_code": "K1A 0B1"},
            {"country": "CA", "postal_code": "k1a0b1"},
            {"country": "GB"},
        ],
    )
    def test_that_can_be_is_kept_there_and_seen_in_events(self, town, ask, desk, address):
        answer = ask(UpdateTaxLocation(desk, address, shipping=BERLIN, phone="+49 30 1"))

        told = town.last()["data"]["object"]
        assert {name: told["address"][name] for name in address} == address
        assert told["shipping"]["address"] == BERLIN
        assert told["phone"] == "+49 30 1"
        (fact,) = answer.facts
        assert fact.country == address["country"]

    @pytest.mark.parametrize(
        "address",
        [
            pytest.param({}, id="nowhere"),
            pytest.param({"city": "Berlin"}, id="no country"),
            pytest.param({"country": "XX"}, id="no such country"),
            pytest.param({"country": "de"}, id="small letters"),
            pytest.param({"country": "US"}, id="no code"),
            pytest.param({"country": "US", "postal_code": "9410"}, id="too short"),
            pytest.param({"country": "US", "postal_code": "941033"}, id="too many digits"),
            pytest.param({"country": "US", "postal_code": "94103-12"}, id="short extension"),
            pytest.param({"country": "CA"}, id="no Canadian code"),
            pytest.param({"country": "CA", "postal_code": "94103"}, id="foreign code"),
            pytest.param({"country": "CA", "postal_code": "D1A 0B1"}, id="no such district"),
        ],
    )
    def test_that_can_not_be_changes_nothing(self, town, ask, desk, address):
        before = kept(town, desk)
        with town.unchanged("isn't recognized", CustomerTaxLocationInvalid):
            ask(UpdateTaxLocation(desk, address, phone="+1"))
        with town.unchanged("isn't recognized", CustomerTaxLocationInvalid):
            ask(UpdateTaxLocation(desk, BERLIN, shipping=address))

        assert kept(town, desk) == before

    def test_is_refused_alike_for_the_same_key(self, town, ask, desk):
        nowhere = UpdateTaxLocation(desk, {"country": "XX"})
        for _ in range(2):
            with pytest.raises(CustomerTaxLocationInvalid) as caught:
                ask(nowhere, key="same")
            assert "XX" not in str(caught.value)

        with pytest.raises(KeyReused):
            ask(UpdateTaxLocation(desk, BERLIN), key="same")

    def test_with_a_field_that_no_address_has_is_no_matter_of_place(self, town, ask, desk):
        with pytest.raises(Rejected, match="unknown parameter") as caught:
            ask(UpdateTaxLocation(desk, {**BERLIN, "planet": "Earth"}))

        assert not isinstance(caught.value, CustomerTaxLocationInvalid)

    def test_said_again_is_no_news(self, town, ask, desk):
        ask(UpdateTaxLocation(desk, BERLIN))
        before = town.seen()

        ask(UpdateTaxLocation(desk, BERLIN))

        assert town.seen() == before


class TestDeleting:
    def test_ends_subscriptions_at_once(self, town, ask):
        subscription, method = town.subscriber()
        customer = town.fake.subscription(subscription).customer

        answer = ask(DeleteCustomer(customer))

        assert states.has_ended(town.fake.subscription(subscription).status)
        assert [type(fact).__name__ for fact in answer.facts][-1] == "CustomerFact"
        assert answer.facts[-1].deleted
        ask(DetachMethod(method))
        assert town.last()["type"] == "payment_method.detached"

    def test_again_is_refused_and_so_is_everything_else(self, town, ask, desk):
        ask(DeleteCustomer(desk))

        for asked in (
            DeleteCustomer(desk),
            UpdateCustomer(desk, name="A"),
            UpdateTaxLocation(desk, BERLIN),
        ):
            with town.unchanged("was deleted"):
                ask(asked)

    def test_tells_nothing_of_the_person_any_more(self, town, ask, desk):
        ask(UpdateTaxLocation(desk, BERLIN))

        ask(DeleteCustomer(desk))

        assert json.dumps(town.last()["data"]["object"]).count("Berlin") == 0

    def test_leaves_drafts_that_nobody_can_finalise(self, town, ask, desk):
        draft = ask(CreateInvoice(desk, (TEN,), finalize=False)).object
        ask(DeleteCustomer(desk))

        with town.unchanged("was deleted"):
            ask(FinalizeInvoice(draft))

    def test_leaves_what_is_owed_to_be_closed_and_not_to_be_paid(self, town, ask, desk):
        owed = ask(CreateInvoice(desk, (TEN,))).object
        town.fake.attach_method(desk)
        ask(DeleteCustomer(desk))

        with town.unchanged("was deleted"):
            town.fake.pay_invoice(owed, method=None, key="k", off_session=True)
        with town.unchanged("was deleted"):
            town.fake.customer_pays(owed)

        assert ask(VoidInvoice(owed)).status == "void"
        assert town.fake.books().captured_in("EUR") == 0

    def test_leaves_what_was_paid_to_be_given_back(self, town, ask, desk):
        paid = ask(CreateInvoice(desk, (TEN,))).object
        town.fake.attach_method(desk)
        charge = town.fake.pay_invoice(paid, method=None, key="k", off_session=False).processor_id
        ask(DeleteCustomer(desk))

        town.fake.refund(charge)

        assert town.fake.books().refunded_in("EUR") == 1000
