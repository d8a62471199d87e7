"""Stripe's payment methods for tests: each is attached, kept and charged as its name says."""

from __future__ import annotations

from datetime import timedelta

import pytest
import stripe

from recoup.core import states
from recoup.core.money import Money
from recoup.processors.fake.model import Charge, Instrument, Method

DECLINED = {
    "pm_card_visa_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_visa_chargeDeclinedLostCard": "lost_card",
    "pm_card_visa_chargeDeclinedStolenCard": "stolen_card",
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": "card_velocity_exceeded",
    "pm_card_chargeDeclinedFraudulent": "fraudulent",
    "pm_card_chargeDeclinedExpiredCard": "expired_card",
    "pm_card_chargeDeclinedIncorrectCvc": "incorrect_cvc",
    "pm_card_chargeDeclinedProcessingError": "processing_error",
}
OWN_CODE = {"expired_card", "incorrect_cvc", "processing_error"}
PAYING = {
    "pm_card_visa": ("visa", "4242"),
    "pm_card_visa_debit": ("visa", "5556"),
    "pm_card_mastercard": ("mastercard", "4444"),
    "pm_card_amex": ("amex", "0005"),
    "pm_card_discover": ("discover", "1117"),
    "pm_card_diners": ("diners", "0004"),
    "pm_card_jcb": ("jcb", "0505"),
    "pm_card_unionpay": ("unionpay", "0005"),
    "pm_card_threeDSecureOptional": ("visa", "3055"),
}
ASKING = (
    "pm_card_authenticationRequired",
    "pm_card_authenticationRequiredOnSetup",
    "pm_card_threeDSecure2Required",
    "pm_card_threeDSecureRequired",
)
DEBITS = {
    "pm_usBankAccount_success": ("us_bank_account", "US", None),
    "pm_usBankAccount_insufficientFunds": ("us_bank_account", "US", "insufficient_funds"),
    "pm_usBankAccount_accountClosed": ("us_bank_account", "US", "account_closed"),
    "pm_usBankAccount_noAccount": ("us_bank_account", "US", "no_account"),
    "pm_bacsDebit_success": ("bacs_debit", "GB", None),
    "pm_bacsDebit_debitNotAuthorized": ("bacs_debit", "GB", "debit_not_authorized"),
    "pm_success_de": ("sepa_debit", "DE", None),
    "pm_insufficientFunds_fr": ("sepa_debit", "FR", "insufficient_funds"),
}


@pytest.fixture
def ann(sdk):
    return sdk.v1.customers.create({"email": "ann@example.com"}).id


@pytest.fixture
def attach(sdk, ann):
    def one(token):
        return sdk.v1.payment_methods.attach(token, {"customer": ann})

    return one


def charged(server, customer, method):
    """Subscribe the customer with the method; return the charge that was made, if one was."""
    fake = server.fake
    price = fake.create_price(Money(2900, "USD"))
    begun = fake.subscribe(customer, price, method=method)
    charges = fake.charges_of(fake.subscription(begun).latest_invoice)
    return charges[-1].id if charges else None


def charge(server, id_) -> Charge:
    with server.fake._world.session() as s:
        return s.get(Charge, id_)


class TestACardForTests:
    @pytest.mark.parametrize("token", PAYING)
    def test_that_works_pays(self, server, attach, ann, token):
        method = attach(token)

        assert (method.card.brand, method.card.last4) == PAYING[token]
        assert states.succeeded(charge(server, charged(server, ann, method.id)).state)

    @pytest.mark.parametrize("token", DECLINED)
    def test_that_is_declined_can_not_be_attached(self, server, sdk, attach, ann, token):
        with pytest.raises(stripe.CardError) as refused:
            attach(token)

        code = DECLINED[token]
        assert refused.value.error.decline_code == code
        assert refused.value.code == (code if code in OWN_CODE else "card_declined")
        assert sdk.v1.payment_methods.list({"customer": ann}).data == []

    def test_that_fails_its_customer_is_attached_and_declined(self, server, attach, ann):
        method = attach("pm_card_chargeCustomerFail")

        made = charge(server, charged(server, ann, method.id))

        assert made.refusal.code == "generic_decline"

    @pytest.mark.parametrize("token", ASKING)
    def test_that_asks_waits_for_its_customer(self, server, sdk, ann, token):
        intent = sdk.v1.setup_intents.create(
            {"customer": ann, "payment_method": token, "confirm": True}
        )
        assert (intent.status, intent.next_action is None) == ("requires_action", False)

        server.fake.customer_authenticates(intent.id)

        assert sdk.v1.setup_intents.retrieve(intent.id).status == "succeeded"

    def test_that_is_set_up_asks_no_more(self, server, sdk, ann):
        intent = sdk.v1.setup_intents.create(
            {
                "customer": ann,
                "payment_method": "pm_card_authenticationRequiredOnSetup",
                "confirm": True,
            }
        )
        assert intent.status == "requires_action"
        server.fake.customer_authenticates(intent.id)

        method = sdk.v1.setup_intents.retrieve(intent.id).payment_method

        assert states.succeeded(charge(server, charged(server, ann, method)).state)

    @pytest.mark.parametrize(("then", "token"), [
        ("insufficient_funds", "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"),
        ("generic_decline", "pm_card_threeDSecureRequiredChargeDeclined"),
    ])  # fmt: skip
    def test_may_be_declined_after_its_challenge(self, server, sdk, ann, then, token):
        intent = sdk.v1.setup_intents.create(
            {"customer": ann, "payment_method": token, "confirm": True}
        )

        server.fake.customer_authenticates(intent.id)

        told = sdk.v1.setup_intents.retrieve(intent.id).last_setup_error
        assert told.decline_code == then

    def test_is_found_by_its_number_too(self, sdk):
        card = {"number": "5555555555554444", "exp_month": 1, "exp_year": 2031, "cvc": "123"}

        made = sdk.v1.payment_methods.create({"type": "card", "card": card})

        assert (made.card.brand, made.card.last4) == ("mastercard", "4444")
        assert made.customer is None

    def test_of_one_customer_is_one_instrument(self, sdk, attach):
        first, again, other = (attach(f"pm_card_{brand}") for brand in ("visa", "visa", "amex"))
        stranger = sdk.v1.customers.create().id
        theirs = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": stranger})

        assert first.id != again.id
        assert first.card.fingerprint == again.card.fingerprint
        assert len({one.card.fingerprint for one in (first, other, theirs)}) == 3

    def test_that_nobody_plays_is_refused_by_name(self, attach):
        with pytest.raises(stripe.InvalidRequestError, match="pm_card_createDispute") as refused:
            attach("pm_card_createDispute")
        assert refused.value.code == "not_played"

    def test_whose_refunds_fail_says_so_later(self, server, attach):
        method = attach("pm_card_refundFail")

        with server.fake._world.session() as s:
            account = s.get(Instrument, s.get(Method, method.id).instrument)
        assert account.refunds.after == timedelta(hours=1)


class TestABankDebitForTests:
    @pytest.mark.parametrize(("token", "what"), DEBITS.items(), ids=DEBITS)
    def test_takes_days_and_ends_as_it_says(self, server, attach, ann, token, what):
        kind, country, fails = what
        method = attach(token)
        assert (method.type, method.to_dict()[kind]["country"]) == (kind, country)

        made = charged(server, ann, method.id)
        assert states.in_flight(charge(server, made).state)
        server.fake.advance(server.fake.now + timedelta(days=6))

        ended = charge(server, made)
        assert states.succeeded(ended.state) is (fails is None)
        assert (ended.refusal and ended.refusal.code) == fails
