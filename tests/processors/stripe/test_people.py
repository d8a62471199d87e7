"""Customers at Stripe: the same as at the fake, and found again without a key."""

from __future__ import annotations

from datetime import timedelta

import pytest
from twins import twins

from recoup.core import states
from recoup.core.billing.requests import (
    AttachMethod,
    CreateCustomer,
    DeleteCustomer,
    UpdateCustomer,
    UpdateTaxLocation,
)
from recoup.core.facts import CustomerFact, SubscriptionFact
from recoup.core.money import Money
from recoup.errors import CustomerTaxLocationInvalid, KeyReused, Rejected, Unreachable

DAY = timedelta(days=1)
KEY = "recoup:people"
ANN = CreateCustomer("ann@example.com", "Ann", "de", {"seat": "7", "team": "blue"})
BERLIN = {"country": "DE", "city": "Berlin", "postal_code": "10115", "line1": "Torstr. 1"}
SAN_FRANCISCO = {"country": "US", "postal_code": "94103"}


@pytest.fixture
def town(line):
    with twins(line) as made:
        yield made


@pytest.fixture
def ann(town):
    return town.same(ANN, key="recoup:ann").object


def fact_of(answer):
    (fact,) = answer.facts
    assert isinstance(fact, CustomerFact)
    return fact


def kept(town, customer):
    """Return the customer as the server shows it."""
    call = town.client.do(lambda sdk, options: sdk.v1.customers.retrieve(customer, None, options))
    return call.body


CHANGES = {
    "the name": {"name": "Ann B."},
    "the address": {"email": "b@example.com"},
    "the language": {"locale": "fr-CA"},
    "no name": {"name": ""},
    "no address": {"email": ""},
    "no language": {"locale": ""},
    "metadata": {"metadata": {"seat": "", "team": "red", "new": "x"}},
    "nothing": {},
    "all at once": {"name": "B", "email": "b@example.com", "locale": "", "metadata": {"a": "b"}},
}


class TestACustomer:
    @pytest.mark.parametrize("asked", [ANN, CreateCustomer(), CreateCustomer(metadata={"a": ""})])
    def test_is_made_as_at_the_fake(self, town, asked):
        town.same(asked)

    @pytest.mark.parametrize("said", CHANGES.values(), ids=CHANGES)
    def test_is_changed_as_at_the_fake(self, town, ann, said):
        # What changes nothing is no news at the fake, so something else is changed with it.
        town.same(UpdateCustomer(ann, **{"metadata": {"x": "y"}, **said}))

    def test_takes_a_method_of_its_own_for_its_default_and_none_again(self, town, ann):
        method = town.stage(lambda fake: fake.attach_method(ann, default=False))

        chosen = fact_of(town.ask(UpdateCustomer(ann, default_method=method)))
        none = fact_of(town.ask(UpdateCustomer(ann, default_method="")))

        assert (chosen.default_method, none.default_method) == (method, None)

    def test_bears_our_mark_and_does_not_tell_it(self, town, ann):
        assert kept(town, ann)["metadata"]["recoup_request"] == "recoup:ann"
        fact = fact_of(town.ask(UpdateCustomer(ann, name="B")))

        assert fact.metadata == ANN.metadata
        assert fact.idempotency_key == "recoup:ann"

    @pytest.mark.parametrize("text", ["", "recoup:else"])
    def test_does_not_let_the_host_change_our_mark(self, town, ann, text):
        asked = UpdateCustomer(ann, name="B", metadata={"recoup_request": text})

        fact = fact_of(town.ask(asked))

        assert fact.idempotency_key == "recoup:ann"
        assert town.find(asked, KEY) is not None

    def test_keeps_49_keys_of_the_host_and_no_more(self, town):
        most = {f"key {n}": "v" for n in range(49)}

        assert fact_of(town.ask(CreateCustomer(metadata=most))).metadata == most
        with pytest.raises(Rejected, match="50 keys"):
            town.ask(CreateCustomer(metadata={**most, "one more": "v"}))

    def test_is_the_same_for_the_same_key(self, town):
        first, again = (town.ask(ANN, key=KEY) for _ in range(2))

        assert again.object == first.object
        assert town.events() == 1

    def test_is_told_as_it_is_when_an_old_answer_is_given_again(self, town, ann):
        town.behind.change_customer(ann, email="new@example.com")

        again = fact_of(town.ask(ANN, key="recoup:ann"))

        assert again.email == "new@example.com"

    def test_is_not_made_with_the_key_of_another(self, town, ann):
        with pytest.raises(KeyReused):
            town.ask(CreateCustomer("else@example.com"), key="recoup:ann")

    @pytest.mark.parametrize("email", ["ann", "an n@b.c", "secret@b@c"])
    def test_needs_an_address_that_can_be_and_is_not_quoted_in_the_refusal(self, town, email):
        with pytest.raises(Rejected, match="Invalid email address") as refused:
            town.ask(CreateCustomer(email))

        assert email not in str(refused.value)

    @pytest.mark.parametrize(
        "asked",
        [
            UpdateCustomer("cus_none", name="A"),
            UpdateTaxLocation("cus_none", BERLIN),
            DeleteCustomer("cus_none"),
        ],
    )
    def test_that_never_was_is_refused(self, town, asked):
        with pytest.raises(Rejected, match="No such customer"):
            town.ask(asked)
        assert town.find(asked, KEY) is None

    def test_of_another_is_no_owner_of_a_method(self, town, ann):
        other = town.stage(lambda fake: fake.create_customer())
        method = town.stage(lambda fake: fake.attach_method(other))

        with pytest.raises(Rejected, match="does not have a payment method"):
            town.ask(UpdateCustomer(ann, default_method=method))


class TestATaxLocation:
    @pytest.mark.parametrize("address", [BERLIN, SAN_FRANCISCO])
    def test_is_validated_at_once_and_only_its_country_is_told(self, town, ann, address):
        answer = town.same(UpdateTaxLocation(ann, address, shipping=BERLIN, phone="+49 30 1"))

        there = kept(town, ann)
        assert fact_of(answer).country == address["country"]
        assert {name: there["address"][name] for name in address} == address
        assert there["shipping"]["address"]["city"] == "Berlin"
        assert there["phone"] == "+49 30 1"

    def test_leaves_nothing_of_the_one_before(self, town, ann):
        town.ask(UpdateTaxLocation(ann, BERLIN))

        town.ask(UpdateTaxLocation(ann, {"country": "GB"}))

        assert {k: v for k, v in kept(town, ann)["address"].items() if v} == {"country": "GB"}

    @pytest.mark.parametrize(
        "address", [{"country": "XX"}, {"country": "US"}, {"country": "US", "postal_code": "1"}]
    )
    def test_where_nobody_can_be_changes_nothing(self, town, ann, address):
        before = town.events()

        with pytest.raises(CustomerTaxLocationInvalid) as refused:
            town.ask(UpdateTaxLocation(ann, address))

        assert refused.value.code == "customer_tax_location_invalid"
        assert refused.value.request_id
        assert town.events() == before

    def test_of_somebody_unnamed_is_shipped_to_too(self, town):
        nobody = town.ask(CreateCustomer()).object

        town.ask(UpdateTaxLocation(nobody, BERLIN, shipping=BERLIN))

        assert kept(town, nobody)["shipping"]["address"]["city"] == "Berlin"


class TestDeletingACustomer:
    def test_ends_its_subscriptions_with_it(self, town, ann):
        town.stage(lambda fake: fake.attach_method(ann))
        price = town.stage(lambda fake: fake.create_price(Money(2900, "EUR")))
        town.stage(lambda fake: fake.subscribe(ann, price))

        answer = town.ask(DeleteCustomer(ann))

        customer, *subscriptions = answer.facts
        assert (customer.processor_id, customer.deleted) == (ann, True)
        assert all(isinstance(one, SubscriptionFact) for one in subscriptions)
        assert all(states.has_ended(one.status) for one in subscriptions)

    @pytest.mark.parametrize("key", [KEY, "recoup:other"])
    def test_again_is_a_success(self, town, ann, key):
        first = town.ask(DeleteCustomer(ann), key=KEY)
        before = town.events()

        again = town.ask(DeleteCustomer(ann), key=key)

        assert again.object == first.object
        assert again.facts[0].deleted
        assert town.events() == before

    def test_is_for_good(self, town, ann):
        town.ask(DeleteCustomer(ann))

        for asked in (UpdateCustomer(ann, name="A"), AttachMethod(ann, "pm_card_visa")):
            with pytest.raises(Rejected, match="No such customer"):
                town.ask(asked)
            assert town.find(asked, KEY) is None


#: What becomes of Ann, or of somebody else.
ASKED = {
    "created": lambda _: CreateCustomer("else@example.com", "Else"),
    "renamed": lambda ann: UpdateCustomer(ann, name="Else", locale="", metadata={"seat": ""}),
    "moved": lambda ann: UpdateTaxLocation(ann, SAN_FRANCISCO, shipping=BERLIN, phone="1"),
    "deleted": DeleteCustomer,
}


class TestALostReply:
    @pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
    def test_is_found_however_long_ago_it_was(self, town, ann, asked):
        request, before = asked(ann), town.events()
        method = "DELETE" if isinstance(request, DeleteCustomer) else "POST"
        town.lose("reply", to=f"{method} /v1/customers*")
        with pytest.raises(Unreachable):
            town.ask(request, key=KEY)
        done = town.events()
        assert done == before + 1

        town.wait(40 * DAY)
        found = town.find(request, KEY, ago=40 * DAY)

        assert found is not None
        assert found.facts[0].processor_id == found.object
        assert found.object == (ann if hasattr(request, "customer") else found.object)
        assert town.events() == done

    @pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
    def test_of_what_was_never_received_is_none(self, town, ann, asked):
        request, before = asked(ann), town.events()
        method = "DELETE" if isinstance(request, DeleteCustomer) else "POST"
        town.lose("request", to=f"{method} /v1/customers*")

        with pytest.raises(Unreachable):
            town.ask(request, key=KEY)

        assert town.find(request, KEY) is None
        assert town.events() == before

    def test_is_that_of_its_own_key_among_many(self, town):
        made = [town.ask(ANN, key=f"recoup:many:{n}").object for n in range(3)]

        found = [town.find(ANN, f"recoup:many:{n}").object for n in range(3)]

        assert found == made
        assert town.find(ANN, "recoup:many:3") is None

    def test_is_not_taken_for_what_is_so_no_more(self, town, ann):
        request = UpdateCustomer(ann, name="Else")
        town.ask(request, key=KEY)
        town.behind.change_customer(ann, name="Third")

        assert town.find(request, KEY) is None
