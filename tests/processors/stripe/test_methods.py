"""Ways to pay at Stripe, and keeping one for later: the same as at the fake."""

from __future__ import annotations

from datetime import timedelta

import pytest
from twins import twins

from recoup.core.billing.requests import (
    AttachMethod,
    CreateCustomer,
    CreateSetupIntent,
    DetachMethod,
)
from recoup.core.facts import CustomerFact, MethodFact
from recoup.errors import Rejected, Unreachable
from recoup.processors.fake import EXPIRED, NO_FUNDS, Asks, Declines, Pays, Slow

DAY = timedelta(days=1)
KEY = "recoup:methods"


@pytest.fixture
def town(line):
    with twins(line) as made:
        yield made


@pytest.fixture
def ann(town):
    return town.same(CreateCustomer("ann@example.com")).object


@pytest.fixture
def method(town):
    return town.stage(lambda fake: fake.new_method(brand="amex", expires=(2031, 4)))


class TestAttaching:
    @pytest.mark.parametrize("default", [True, False])
    def test_says_what_the_fake_says(self, town, ann, method, default):
        answer = town.same(AttachMethod(ann, method, default=default))

        kinds = [type(fact) for fact in answer.facts]
        assert kinds == [CustomerFact, MethodFact][not default :]

    def test_what_is_the_customers_already_changes_nothing(self, town, ann, method):
        town.same(AttachMethod(ann, method, default=True))
        before = town.events()

        answer = town.ask(AttachMethod(ann, method, default=True))

        assert answer.object == method
        assert town.events() == before

    def test_a_token_of_tests_makes_a_method_of_its_own(self, town, ann):
        made = {town.ask(AttachMethod(ann, "pm_card_visa")).object for _ in range(2)}

        assert len(made) == 2
        assert all(id_.startswith("pm_fake_") for id_ in made)

    def test_with_the_same_key_attaches_once(self, town, ann):
        asked = AttachMethod(ann, "pm_card_visa", default=True)
        first = town.ask(asked, key=KEY)
        before = town.events()

        assert town.ask(asked, key=KEY).object == first.object
        assert town.events() == before

    def test_is_refused_for_what_is_anothers(self, town, ann, method):
        other = town.same(CreateCustomer()).object
        town.same(AttachMethod(other, method))

        with pytest.raises(Rejected, match="already been attached"):
            town.ask(AttachMethod(ann, method))
        assert town.find(AttachMethod(ann, method), KEY) is None

    def test_is_refused_for_what_was_somebodys(self, town, ann, method):
        town.same(AttachMethod(ann, method))
        town.same(DetachMethod(method))

        with pytest.raises(Rejected, match="may not be used again"):
            town.ask(AttachMethod(ann, method))

    def test_is_refused_by_the_bank_of_a_card_that_is_declined(self, town, ann):
        with pytest.raises(Rejected, match="insufficient_funds"):
            town.ask(AttachMethod(ann, "pm_card_visa_chargeDeclinedInsufficientFunds"))

    def test_goes_on_after_a_reply_was_lost_in_the_middle(self, town, ann, method):
        asked = AttachMethod(ann, method, default=True)
        town.lose("reply", to="POST /v1/payment_methods/*/attach")
        with pytest.raises(Unreachable):
            town.ask(asked, key=KEY)
        assert town.find(asked, KEY) is None  # it is attached, and not the default

        answer = town.ask(asked, key=KEY)

        assert answer.facts[0].default_method == method
        assert town.find(asked, KEY, ago=DAY).object == method

    def test_is_found_when_the_last_reply_was_lost(self, town, ann, method):
        asked = AttachMethod(ann, method, default=True)
        town.lose("reply", to="POST /v1/customers/*")
        with pytest.raises(Unreachable):
            town.ask(asked, key=KEY)

        town.wait(40 * DAY)

        assert town.find(asked, KEY, ago=40 * DAY).facts[0].default_method == method


class TestDetaching:
    @pytest.mark.parametrize("default", [True, False])
    def test_says_what_the_fake_says(self, town, ann, method, default):
        town.same(AttachMethod(ann, method, default=default))

        answer = town.same(DetachMethod(method))

        *owners, gone = answer.facts
        assert [owner.default_method for owner in owners] == [None] * default
        assert (gone.processor_id, gone.detached, gone.customer) == (method, True, None)

    def test_again_is_a_success(self, town, ann, method):
        town.same(AttachMethod(ann, method))
        town.ask(DetachMethod(method))
        before = town.events()

        answer = town.ask(DetachMethod(method))

        assert (answer.object, answer.facts[0].detached) == (method, True)
        assert town.events() == before

    def test_of_nothing_is_refused(self, town):
        with pytest.raises(Rejected, match="No such PaymentMethod"):
            town.ask(DetachMethod("pm_none"))
        assert town.find(DetachMethod("pm_none"), KEY) is None

    def test_is_found_by_nobody_having_it(self, town, ann, method):
        town.same(AttachMethod(ann, method))
        assert town.find(DetachMethod(method), KEY) is None
        town.lose("reply", to="POST /v1/payment_methods/*/detach")
        with pytest.raises(Unreachable):
            town.ask(DetachMethod(method), key=KEY)

        (gone,) = town.find(DetachMethod(method), KEY).facts
        assert gone.detached

    def test_is_found_with_the_customer_whose_default_it_was(self, town, ann, method):
        since, asked = town.behind.now, DetachMethod(method)
        town.same(AttachMethod(ann, method, default=True))
        town.lose("reply", to="POST /v1/payment_methods/*/detach")
        with pytest.raises(Unreachable):
            town.ask(asked, key=KEY)
        town.wait(DAY)

        owner, gone = town.stripe.find(asked, key=KEY, since=since).facts

        assert (owner.processor_id, owner.default_method) == (ann, None)
        assert gone.detached


MOODS = {
    "pays": (Pays(), "succeeded", None),
    "is a bank debit": (Slow(), "succeeded", None),
    "asks": (Asks(), "requires_action", "authenticate"),
    "declines": (Declines(NO_FUNDS), "requires_payment_method", "new_method"),
    "is expired": (Declines(EXPIRED), "requires_payment_method", "new_method"),
}


class TestSettingUp:
    @pytest.mark.parametrize(("payer", "word", "left"), MOODS.values(), ids=MOODS)
    @pytest.mark.parametrize("off_session", [True, False])
    def test_says_what_the_fake_says(self, town, ann, payer, word, left, off_session):
        method = town.stage(lambda fake: fake.new_method(payer))
        asked = CreateSetupIntent(ann, method, off_session=off_session, metadata={"a": "b"})

        answer = town.same(asked)

        assert answer.status == word
        assert (answer.action and answer.action.kind) == left
        if answer.action is not None:
            assert answer.action.client_secret.startswith(f"{answer.object}_secret_")

    def test_without_a_method_waits_for_one(self, town, ann):
        answer = town.same(CreateSetupIntent(ann))

        assert answer.status == "requires_payment_method"
        assert answer.action.kind == "new_method"

    def test_is_over_once_the_challenge_is_passed(self, town, ann):
        method = town.stage(lambda fake: fake.new_method(Asks()))
        asked = CreateSetupIntent(ann, method)
        intent = town.same(asked, key=KEY).object

        town.stage(lambda fake: fake.customer_authenticates(intent))

        again = town.ask(asked, key=KEY)
        assert (again.status, again.action) == ("succeeded", None)
        assert again.facts[0].customer == ann

    @pytest.mark.parametrize(("payer", "word", "left"), MOODS.values(), ids=MOODS)
    def test_is_found_by_its_mark_however_long_ago(self, town, ann, payer, word, left):
        method = town.stage(lambda fake: fake.new_method(payer))
        asked = CreateSetupIntent(ann, method)
        assert town.find(asked, KEY) is None
        town.lose("reply", to="POST /v1/setup_intents")
        with pytest.raises(Unreachable):
            town.ask(asked, key=KEY)

        town.wait(40 * DAY)
        found = town.find(asked, KEY, ago=40 * DAY)

        assert (found.status, found.action and found.action.kind) == (word, left)
        assert town.find(asked, "recoup:else", ago=40 * DAY) is None

    def test_for_nobody_is_refused_and_never_was(self, town):
        asked = CreateSetupIntent("cus_none")

        with pytest.raises(Rejected, match="No such customer"):
            town.ask(asked, key=KEY)
        assert town.find(asked, KEY) is None

    def test_is_refused_with_anothers_method(self, town, ann, method):
        other = town.same(CreateCustomer()).object
        town.same(AttachMethod(other, method))

        with pytest.raises(Rejected, match="already been attached"):
            town.ask(CreateSetupIntent(ann, method))
