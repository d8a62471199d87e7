"""
Stripe's payment methods for tests: what "pm_card_visa" and 4242 4242 4242 4242 answer.

A token becomes a method of its own wherever it is named. The same number of the same customer is
the same instrument. Cards that are declined at once can not be attached to anybody; one that can
is `pm_card_chargeCustomerFail`. Bank debits take the world's time: days, not minutes.
Source: docs.stripe.com/testing and the testing parts of docs.stripe.com/payments/ach-direct-debit,
sepa-debit and bacs-debit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from recoup.processors.fake import customers
from recoup.processors.fake.model import Instrument, Method
from recoup.processors.fake.payers import (
    EXPIRED,
    LOST,
    NO_FUNDS,
    Asks,
    Declines,
    Payer,
    Pays,
    Refunds,
    Refusal,
    Slow,
)
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server.route import Refusal as Refused

_PAYS: Final = Pays()
_ARRIVE: Final = Refunds()


@dataclass(frozen=True, slots=True)
class Card:
    """What a method for tests is, and how its bank answers."""

    number: str
    brand: str | None = "visa"
    country: str = "US"
    payer: Payer = _PAYS
    refused: Refusal | None = None  #: what the bank says when it is attached
    refunds: Refunds = _ARRIVE
    kind: str = "card"


def _declined(number: str, refusal: Refusal) -> Card:
    return Card(number, payer=Declines(refusal), refused=refusal)


def _debit(kind: str, number: str, country: str, fails: Refusal | None = None) -> Card:
    return Card(number, None, country, Slow(fails=fails), kind=kind)


_GENERIC: Final = Refusal("generic_decline", "try_again_later", "05")
_STOLEN: Final = Refusal("stolen_card", "do_not_try_again", "43", "03")
_VELOCITY: Final = Refusal("card_velocity_exceeded", "try_again_later", "65")
_FRAUD: Final = Refusal("fraudulent", "do_not_try_again", "59", "03")
_BAD_CVC: Final = Refusal("incorrect_cvc", "confirm_card_data", "82")
_BROKEN: Final = Refusal("processing_error", "try_again_later", "96")
_AN_HOUR: Final = timedelta(hours=1)

_CARDS: Final[Mapping[str, Card]] = {
    "pm_card_visa": Card("4242424242424242"),
    "pm_card_visa_debit": Card("4000056655665556"),
    "pm_card_mastercard": Card("5555555555554444", "mastercard"),
    "pm_card_mastercard_debit": Card("5200828282828210", "mastercard"),
    "pm_card_mastercard_prepaid": Card("5105105105105100", "mastercard"),
    "pm_card_amex": Card("378282246310005", "amex"),
    "pm_card_discover": Card("6011111111111117", "discover"),
    "pm_card_diners": Card("3056930009020004", "diners"),
    "pm_card_jcb": Card("3566002020360505", "jcb", "JP"),
    "pm_card_unionpay": Card("6200000000000005", "unionpay", "CN"),
    "pm_card_us": Card("4242424242424242"),
    "pm_card_gb": Card("4000008260000000", country="GB"),
    "pm_card_de": Card("4000002760000016", country="DE"),
    "pm_card_fr": Card("4000002500000003", country="FR"),
    "pm_card_visa_chargeDeclined": _declined("4000000000000002", _GENERIC),
    "pm_card_visa_chargeDeclinedInsufficientFunds": _declined("4000000000009995", NO_FUNDS),
    "pm_card_visa_chargeDeclinedLostCard": _declined("4000000000009987", LOST),
    "pm_card_visa_chargeDeclinedStolenCard": _declined("4000000000009979", _STOLEN),
    "pm_card_chargeDeclinedExpiredCard": _declined("4000000000000069", EXPIRED),
    "pm_card_chargeDeclinedIncorrectCvc": _declined("4000000000000127", _BAD_CVC),
    "pm_card_chargeDeclinedProcessingError": _declined("4000000000000119", _BROKEN),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": _declined("4000000000006975", _VELOCITY),
    "pm_card_chargeDeclinedFraudulent": _declined("4100000000000019", _FRAUD),
    "pm_card_chargeCustomerFail": Card("4000000000000341", payer=Declines(_GENERIC)),
    "pm_card_refundFail": Card("4000000000005126", refunds=Refunds(after=_AN_HOUR)),
    "pm_card_authenticationRequiredOnSetup": Card(
        "4000002500003155", country="FR", payer=Asks(declines=True, settles=True)
    ),
    "pm_card_authenticationRequired": Card(
        "4000002760003184", country="DE", payer=Asks(declines=True)
    ),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        "4000008260003178", country="GB", payer=Asks(declines=True, then=Declines(NO_FUNDS))
    ),
    "pm_card_threeDSecure2Required": Card("4000000000003220", country="IE", payer=Asks()),
    "pm_card_threeDSecureRequired": Card("4000000000003063", payer=Asks()),
    "pm_card_threeDSecureRequiredChargeDeclined": Card(
        "4000008400001629", payer=Asks(then=Declines(_GENERIC))
    ),
    "pm_card_threeDSecureOptional": Card("4000000000003055"),
    "pm_card_amex_threeDSecureNotSupported": Card("378282246310005", "amex"),
}
#: Other spellings of the same.
_ALSO: Final[Mapping[str, str]] = {
    "pm_card_chargeDeclined": "pm_card_visa_chargeDeclined",
    "pm_card_chargeDeclinedInsufficientFunds": "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_chargeDeclinedLostCard": "pm_card_visa_chargeDeclinedLostCard",
    "pm_card_chargeDeclinedStolenCard": "pm_card_visa_chargeDeclinedStolenCard",
}
#: Endings of the tokens of bank debits -> what the bank says in the end; None: it pays.
_ENDS: Final[Mapping[str, Refusal | None]] = {
    "success": None,
    "successDelayed": None,
    "failed": Refusal("generic_decline"),
    "failedDelayed": Refusal("generic_decline"),
    "insufficientFunds": Refusal("insufficient_funds", network_decline_code="R01"),
    "accountClosed": Refusal("account_closed", network_decline_code="R02"),
    "noAccount": Refusal("no_account", network_decline_code="R03"),
    "debitNotAuthorized": Refusal("debit_not_authorized", network_decline_code="R10"),
    "invalidCurrency": Refusal("invalid_currency"),
}
_DEBITS: Final = (
    (re.compile(r"pm_usBankAccount_(\w+)"), "us_bank_account", "US"),
    (re.compile(r"pm_bacsDebit_(\w+)"), "bacs_debit", "GB"),
    (re.compile(r"pm_(\w+)_([a-z]{2})"), "sepa_debit", ""),
)
#: Tokens that Stripe has and nobody answers as here.
_TOKEN: Final = re.compile(r"pm_(card|usBankAccount|bacsDebit)_\w+")
_LATEST: Final = (2049, 12)


def by_number(number: str) -> Card | None:
    """Return the card for tests with this number."""
    return next((card for card in _CARDS.values() if card.number == number), None)


def by_token(token: str) -> Card | None:
    """Return the method for tests that is called so; None: it is no token at all."""
    card = _CARDS.get(_ALSO.get(token, token))
    if card is not None:
        return card
    for pattern, kind, country in _DEBITS:
        match = pattern.fullmatch(token)
        if match is not None and match[1] in _ENDS:
            land = country or match[2].upper()
            ends = Refusal("debit_not_authorized") if kind == "bacs_debit" else _ENDS[match[1]]
            fails = ends if _ENDS[match[1]] is not None else None
            return _debit(kind, token, land, fails)
    if _TOKEN.fullmatch(token):
        raise Refused(
            f"The server for tests does not play the payment method {token}",
            code="not_played",
            param="payment_method",
        )
    return None


def named(s: Session, method: str, customer: str | None = None) -> str:
    """
    Return the id of the method that is meant: a token's is a new one.

    Raises:
        Refused: a token that Stripe has and the server does not play.
    """
    card = by_token(method)
    return method if card is None else made(s, card, customer).id


def made(
    s: Session, card: Card, customer: str | None, expires: tuple[int, int] = _LATEST
) -> Method:
    """Make a method of nobody's; the same card of the same customer is the same instrument."""
    fingerprint = None if customer is None else f"{card.number} of {customer}"
    method = customers.new_method(
        s,
        card.payer,
        kind=card.kind,
        brand=card.brand,
        country=card.country,
        expires=expires,
        fingerprint=fingerprint,
    )
    method.refused = card.refused
    if card.number.isdigit():
        method.last4 = card.number[-4:]
    instrument = s.get(Instrument, method.instrument)
    instrument.refunds = card.refunds
    s.save(instrument)
    return s.save(method)
