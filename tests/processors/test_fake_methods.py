"""Methods from the browser, and keeping them for later."""

from __future__ import annotations

import pytest

from recoup.core import states
from recoup.core.billing.requests import (
    AttachMethod,
    CreateSetupIntent,
    DeleteCustomer,
    DetachMethod,
    UpdateCustomer,
)
from recoup.errors import Rejected
from recoup.processors.fake import EXPIRED, LOST, NO_FUNDS, Asks, Declines, Pays, Slow
from recoup.processors.fake.model import Method, SetupIntent


@pytest.fixture
def ann(town):
    return town.fake.create_customer(email="ann@example.com")


def owner_of(town, method):
    with town.fake._world.session() as s:
        return s.get(Method, method).customer


def setup(town, intent) -> SetupIntent:
    with town.fake._world.session() as s:
        return s.get(SetupIntent, intent)


class TestAMethodFromTheBrowser:
    def test_is_nobodys_and_no_news(self, town):
        before = town.seen()

        method = town.fake.new_method(brand="mastercard")

        assert owner_of(town, method) is None
        assert town.seen() == before

    def test_becomes_the_customers(self, town, ask, ann):
        method = town.fake.new_method(brand="amex", expires=(2031, 4), fingerprint="same")
        twin = town.fake.attach_method(ann, fingerprint="same")

        answer = ask(AttachMethod(ann, method))

        (fact,) = answer.facts
        assert (answer.object, fact.customer, fact.brand) == (method, ann, "amex")
        assert (fact.exp_year, fact.exp_month) == (2031, 4)
        with town.fake._world.session() as s:
            assert s.get(Method, twin).instrument == fact.fingerprint

    def test_becomes_the_default_where_that_is_asked(self, town, ask, ann):
        method = town.fake.new_method()

        answer = ask(AttachMethod(ann, method, default=True))

        assert answer.facts[-1].default_method == method
        assert town.told()[-2:] == ["payment_method.attached", "customer.updated"]

    def test_is_attached_to_the_same_customer_again_without_news(self, town, ask, ann):
        method = town.fake.new_method()
        ask(AttachMethod(ann, method, default=True))
        before = town.seen()

        again = ask(AttachMethod(ann, method, default=True))

        assert (again.object, again.facts) == (method, ())
        assert town.seen() == before

    def test_is_not_attached_to_two(self, town, ask, ann):
        method = town.fake.new_method()
        ask(AttachMethod(ann, method))
        ben = town.fake.create_customer()

        with town.unchanged("already been attached"):
            ask(AttachMethod(ben, method))

    def test_is_not_attached_to_nobody(self, town, ask, ann):
        method = town.fake.new_method()
        with town.unchanged("No such customer"):
            ask(AttachMethod("cus_none", method))
        with town.unchanged("No such method"):
            ask(AttachMethod(ann, "pm_none"))
        ask(DeleteCustomer(ann))

        with town.unchanged("was deleted"):
            ask(AttachMethod(ann, method))


class TestDetaching:
    def test_takes_the_method_away_and_the_default_with_it(self, town, ask, ann):
        method = town.fake.attach_method(ann)

        answer = ask(DetachMethod(method))

        gone, customer = answer.facts
        assert (gone.detached, gone.customer, customer.default_method) == (True, None, None)

    def test_twice_is_a_success_without_news(self, town, ask, ann):
        method = town.fake.attach_method(ann)
        ask(DetachMethod(method))
        before = town.seen()

        assert ask(DetachMethod(method)).object == method

        assert town.seen() == before

    def test_of_what_was_never_attached_is_refused(self, town, ask):
        method = town.fake.new_method()

        with town.unchanged("not attached"):
            ask(DetachMethod(method))
        with town.unchanged("No such method"):
            ask(DetachMethod("pm_none"))

    def test_is_for_ever(self, town, ask, ann):
        method = town.fake.attach_method(ann)
        ask(DetachMethod(method))

        with town.unchanged("may not be used again"):
            ask(AttachMethod(ann, method))
        with town.unchanged("may not be used again"):
            ask(CreateSetupIntent(ann, method))
        with town.unchanged("does not have a payment method"):
            ask(UpdateCustomer(ann, default_method=method))


class TestASetupIntent:
    def test_without_a_method_waits_for_one_from_the_browser(self, town, ask, ann):
        made = ask(CreateSetupIntent(ann, metadata={"for": "later"}))

        assert made.status == "requires_payment_method"
        assert made.action.kind == "new_method"
        assert made.action.client_secret.startswith(f"{made.object}_secret_")
        method = town.fake.new_method()
        assert town.fake.customer_confirms(made.object, method) == "succeeded"
        assert owner_of(town, method) == ann
        shown = town.last()["data"]["object"]
        assert (shown["status"], shown["payment_method"]) == ("succeeded", method)
        assert (shown["usage"], shown["metadata"]) == ("off_session", {"for": "later"})

    @pytest.mark.parametrize("payer", [Pays(), Slow()], ids=["card", "debit"])
    def test_with_a_method_keeps_it_at_once(self, town, ask, ann, payer):
        method = town.fake.new_method(payer)

        made = ask(CreateSetupIntent(ann, method, off_session=False))

        assert (made.status, made.action) == ("succeeded", None)
        assert [fact.processor_id for fact in made.facts] == [method]
        assert owner_of(town, method) == ann
        assert town.told()[-3:] == [
            "setup_intent.created",
            "payment_method.attached",
            "setup_intent.succeeded",
        ]

    def test_with_a_method_that_is_the_customers_succeeds_without_attaching(self, town, ask, ann):
        method = town.fake.attach_method(ann)

        made = ask(CreateSetupIntent(ann, method))

        assert (made.status, made.facts) == ("succeeded", ())

    def test_asks_for_authentication_where_the_bank_does(self, town, ask, ann):
        method = town.fake.new_method(Asks())

        made = ask(CreateSetupIntent(ann, method))

        assert (made.status, made.action.kind) == ("requires_action", "authenticate")
        assert made.action.url.startswith("https://hooks.example.com/")
        assert made.action.client_secret.startswith("seti_")
        assert "secret" not in repr(made.action)
        assert town.last()["type"] == "setup_intent.requires_action"
        assert owner_of(town, method) is None

    def test_succeeds_once_the_customer_has_authenticated(self, town, ask, ann):
        method = town.fake.new_method(Asks())
        made = ask(CreateSetupIntent(ann, method))

        assert town.fake.customer_authenticates(made.object) == "succeeded"

        assert owner_of(town, method) == ann
        assert town.told()[-2:] == ["payment_method.attached", "setup_intent.succeeded"]

    def test_wants_another_method_when_the_challenge_was_failed(self, town, ask, ann):
        method = town.fake.new_method(Asks())
        made = ask(CreateSetupIntent(ann, method))

        status = town.fake.customer_authenticates(made.object, ok=False)

        assert status == "requires_payment_method"
        shown = town.last()
        assert shown["type"] == "setup_intent.setup_failed"
        error = shown["data"]["object"]["last_setup_error"]
        assert error["code"] == "setup_intent_authentication_failure"
        assert owner_of(town, method) is None
        assert town.fake.customer_confirms(made.object, method) == "requires_action"

    @pytest.mark.parametrize(
        ("payer", "expires", "code"),
        [
            (Declines(NO_FUNDS), (2049, 12), NO_FUNDS.code),
            (Pays(), (2025, 12), EXPIRED.code),
        ],
        ids=["by its bank", "expired"],
    )
    def test_that_is_declined_wants_another_method(self, town, ask, ann, payer, expires, code):
        method = town.fake.new_method(payer, expires=expires)

        made = ask(CreateSetupIntent(ann, method))

        assert (made.status, made.action.kind) == ("requires_payment_method", "new_method")
        error = town.last()["data"]["object"]["last_setup_error"]
        assert error["decline_code"] == code
        assert owner_of(town, method) is None

    def test_goes_on_with_the_script_of_the_card(self, town, ask, ann):
        method = town.fake.new_method(Declines(LOST, 1, Asks(then=Declines(NO_FUNDS))))

        first = ask(CreateSetupIntent(ann, method))
        second = ask(CreateSetupIntent(ann, method))
        last = town.fake.customer_authenticates(second.object)

        assert (first.status, second.status) == ("requires_payment_method", "requires_action")
        assert last == "requires_payment_method"

    def test_gives_the_same_answer_to_the_same_key(self, town, ask, ann):
        asked = CreateSetupIntent(ann, town.fake.new_method(Asks()))
        first = ask(asked, key="same")
        before = town.seen()

        assert ask(asked, key="same") == first
        assert town.seen() == before

    def test_is_refused_for_the_method_of_another(self, town, ask, ann):
        ben = town.fake.create_customer()
        method = town.fake.attach_method(ben)

        with town.unchanged("already been attached"):
            ask(CreateSetupIntent(ann, method))
        with town.unchanged("No such customer"):
            ask(CreateSetupIntent("cus_none"))
        with town.unchanged("No such method"):
            ask(CreateSetupIntent(ann, "pm_none"))
        with town.unchanged("40"):
            ask(CreateSetupIntent(ann, metadata={"k" * 41: "v"}))

    def test_that_is_done_can_not_be_done_again(self, town, ask, ann):
        made = ask(CreateSetupIntent(ann, town.fake.new_method()))

        with town.unchanged("can not be confirmed again"):
            town.fake.customer_confirms(made.object, town.fake.new_method())
        with town.unchanged("does not wait"):
            town.fake.customer_authenticates(made.object)
        assert states.succeeded(setup(town, made.object).state)

    def test_does_not_take_a_method_that_went_to_another_meanwhile(self, town, ask, ann):
        method = town.fake.new_method(Asks())
        made = ask(CreateSetupIntent(ann, method))
        ask(AttachMethod(town.fake.create_customer(), method))

        with pytest.raises(Rejected, match="already been attached"):
            town.fake.customer_authenticates(made.object)
