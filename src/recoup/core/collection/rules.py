"""
The published rules of refusal, as values: who says what, what it permits, and where it is written.

The rows come from `recoup/data/*.csv` by way of `recoup.reference`; here are only their types, so
a change of a network's rule is a release of data. Every code table has the same row, `Code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from recoup.core.money import Money

CARD: Final = "card"

#: Kinds of bank debit, and the scheme whose rules they follow.
SCHEMES: Final[Mapping[str, str]] = {
    "us_bank_account": "ACH",
    "sepa_debit": "SEPA",
    "bacs_debit": "Bacs",
    "acss_debit": "PAD (CA)",
    "au_becs_debit": "BECS (AU)",
    "nz_bank_account": "BECS NZ",
    "autogiro": "Autogiro (SE)",
}


class DeclineClass(StrEnum):
    """What a refusal means for the instrument."""

    SOFT = "soft"  #: it works, not now
    HARD = "hard"  #: it is dead
    ACTION_REQUIRED = "action_required"  #: the customer must do something first
    FRAUD = "fraud"
    TECHNICAL = "technical"  #: nobody decided anything
    CONSENT_WITHDRAWN = "consent_withdrawn"  #: the payer ended the authority to charge
    UNKNOWN = "unknown"


class RetryRule(StrEnum):
    """When the same instrument may be tried again. The words of the tables' `retry_policy`."""

    SHORT_BACKOFF = "short_backoff"
    RESUME = "resume"
    PARTIAL_CAPTURE = "partial_capture"
    WAIT = "wait"
    ADVISE_OTHER_PM = "advise_other_pm"
    BACKOFF_DAYS = "backoff_days"
    PAYDAY = "payday"
    CHECK_DUPLICATE = "check_duplicate"
    MERCHANT_FIX = "merchant_fix"
    AFTER_CUSTOMER = "after_customer"
    AFTER_AUTH = "after_auth"
    AFTER_UPDATE = "after_update"
    NEVER_SAME_PM = "never_same_pm"
    NEVER = "never"
    NOT_APPLICABLE = "n/a"  #: no answer of a payer's bank, or none a scheme lets us act on


#: Rules under which time alone is enough.
TIMED: Final = frozenset(
    {
        RetryRule.SHORT_BACKOFF,
        RetryRule.RESUME,
        RetryRule.PARTIAL_CAPTURE,
        RetryRule.WAIT,
        RetryRule.ADVISE_OTHER_PM,
        RetryRule.BACKOFF_DAYS,
        RetryRule.PAYDAY,
    }
)
#: Classes after which the same instrument is never tried again by itself.
BARRED: Final = frozenset({DeclineClass.HARD, DeclineClass.FRAUD, DeclineClass.CONSENT_WITHDRAWN})


@dataclass(frozen=True, slots=True)
class Edition:
    """Which edition of the published rules a file holds, and since when they are in force."""

    file: str
    edition: str
    effective: str  #: ISO date
    source: str


@dataclass(frozen=True, slots=True)
class Code:
    """
    One row of any table of codes.

    `wording` is what the customer may be told, in Stripe's words; None where nothing but a
    generic decline may be said. `max_tries` are further tries on the same instrument.
    """

    table: str
    code: str
    meaning: str
    decline_class: DeclineClass
    retry: RetryRule
    wording: str | None = None
    max_tries: int | None = None
    min_delay: timedelta = timedelta(0)
    wait: timedelta | None = None
    visa_category: int | None = None
    stop_mail: bool = False  #: the payer has died: a person takes over
    notes: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class VisaCategory:
    """A response code's place in Visa's table of reattempts."""

    category: int
    code: str
    meaning: str
    max_reattempts: int
    window: timedelta | None  #: None: for ever
    effective: str
    source: str


@dataclass(frozen=True, slots=True)
class Scheme:
    """A bank debit scheme: what may be presented again, how often and how long."""

    name: str
    retryable: frozenset[str]
    only_in: Mapping[str, frozenset[str]]  #: code -> the only countries where it may be
    representments: int
    window: timedelta  #: from the first presentment
    source: str


def presentable(scheme: Scheme) -> Mapping[str, Code]:
    """Return the codes that a scheme, of which we hold no table, lets be presented again."""
    return {
        code: Code(
            scheme.name,
            code,
            "may be presented again",
            DeclineClass.SOFT,
            RetryRule.PAYDAY,
            source=scheme.source,
        )
        for code in scheme.retryable
    }


@dataclass(frozen=True, slots=True)
class NetworkLimit:
    """A row of the networks' limits, as published."""

    network: str
    rule: str
    limit: int | None  #: None where the row sets no count
    window: timedelta | None  #: None: for ever, or no window
    fee: Money | None  #: the lowest published price of one attempt too many
    effective: str
    notes: str
    source: str


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` refused attempts in any `span`, counted per instrument."""

    name: str
    limit: int
    span: timedelta
    fee: Money | None
    by_initiator: bool = False  #: the cardholder's and the merchant's are counted apart
    same_amount: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """All tables. Compared and hashed by identity: there is one per process."""

    editions: tuple[Edition, ...]
    declines: Mapping[str, Code]
    advice: Mapping[str, Code]
    iso8583: Mapping[str, Code]
    mastercard: Mapping[str, Code]
    visa: Mapping[str, VisaCategory]
    debits: Mapping[str, Mapping[str, Code]]  #: kind of method -> its scheme's codes
    schemes: Mapping[str, Scheme]  #: by name, as in `SCHEMES`
    limits: tuple[NetworkLimit, ...]
    windows: Mapping[str, tuple[Window, ...]]  #: card brand -> what is counted
    other_windows: tuple[Window, ...]  #: for a brand we do not know: all of them
    recommended_max: int  #: tries after the first, of one obligation
    barred_countries: frozenset[str]  #: cards issued there are never tried by themselves

    def windows_of(self, brand: str | None) -> tuple[Window, ...]:
        """Return what is counted for a card of `brand`; everything, when it is not known."""
        return self.windows.get(brand or "", self.other_windows)

    def price(self, kind: str, brand: str | None) -> Money | None:
        """
        Return what a network charges for one more try that its limits allow.

        That is nothing where it publishes what an excessive one costs, and unknown elsewhere.
        What an acquirer or a processor charges is between them and the merchant.
        """
        if kind != CARD:
            return None
        fees = (window.fee for window in self.windows.get(brand or "", ()))
        fee = next((fee for fee in fees if fee is not None), None)
        return None if fee is None else Money(0, fee.currency)


#: The tables' `never` means that the payer ended the authority to charge, except here: deaths,
#: sanctions, and debits that were made from a paper cheque.
NEVER_FOR_OTHER_REASONS: Final[Mapping[str, frozenset[str]]] = {
    "Mastercard": frozenset({"42"}),
    "ACH": frozenset({"R14", "R15", "R37", "R39", "R51"}),
    "SEPA": frozenset({"MD07"}),
    "Bacs": frozenset({"2", "ARUDD-2"}),
}
#: A stopped payment lets one more entry through when the payer authorises it again: the
#: authority has ended all the same.
ALSO_CONSENT: Final[Mapping[str, frozenset[str]]] = {"ACH": frozenset({"R08"})}

#: The payer has died: no mail, a person takes over.
DECEASED: Final[Mapping[str, frozenset[str]]] = {
    "ACH": frozenset({"R14", "R15"}),
    "SEPA": frozenset({"MD07"}),
    "Bacs": frozenset({"2", "ARUDD-2"}),
}


def classified(table: str, code: str, published: DeclineClass, retry: RetryRule) -> DeclineClass:
    """
    Return the class of a row: as published, or `consent_withdrawn`.

    The tables have no such class. It is every `never` but those listed in
    `NEVER_FOR_OTHER_REASONS`, and what is listed in `ALSO_CONSENT`. So a new `never` row is
    read as a withdrawal until someone says otherwise; either way it is never tried again.
    """
    ended = retry == RetryRule.NEVER and code not in NEVER_FOR_OTHER_REASONS.get(table, ())
    if ended or code in ALSO_CONSENT.get(table, ()):
        return DeclineClass.CONSENT_WITHDRAWN
    return published


#: The word for a failure nobody decided; any other word that arrives beside it says more.
TECHNICAL: Final = "processing_error"

#: Stripe's word for what another table calls by number, where the customer may be told. A code
#: that is not here is worded as a generic decline; `action_required` stands for "ask your bank".
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "ISO 8583": {
        **dict.fromkeys(("10", "51"), "insufficient_funds"),
        **dict.fromkeys(("13", "Z5"), "invalid_amount"),
        **dict.fromkeys(("14", "15"), "incorrect_number"),
        **dict.fromkeys(("33", "54"), "expired_card"),
        **dict.fromkeys(("38", "75"), "pin_try_exceeded"),
        **dict.fromkeys(("39", "42", "44", "46", "52", "53", "56"), "invalid_account"),
        **dict.fromkeys(("55", "86"), "incorrect_pin"),
        **dict.fromkeys(("61", "65", "N4"), "card_velocity_exceeded"),
        **dict.fromkeys(("70", "1A"), "authentication_required"),
        **dict.fromkeys(("78", "9G"), "action_required"),
        "79": "new_account_information_available",
        "N7": "incorrect_cvc",
        "R0": "stop_payment_order",
        "R1": "revocation_of_authorization",
        "R3": "revocation_of_all_authorizations",
    },
    "Mastercard": {
        "01": "new_account_information_available",
        "21": "revocation_of_authorization",
        **dict.fromkeys(("40", "41", "43"), "card_not_supported"),
    },
    "ACH": {
        **dict.fromkeys(("R01", "R09"), "insufficient_funds"),
        **dict.fromkeys(("R02", "R03", "R04", "R12", "R13", "R20", "R28"), "invalid_account"),
        **dict.fromkeys(("R05", "R07", "R10", "R29"), "revocation_of_authorization"),
        "R08": "stop_payment_order",
    },
    "SEPA": {
        "AM04": "insufficient_funds",
        **dict.fromkeys(("AC01", "AC04", "RC01"), "invalid_account"),
        "MD01": "revocation_of_authorization",
        **dict.fromkeys(("MD06", "MS02", "SL01"), "action_required"),
    },
    "Bacs": {
        **dict.fromkeys(("3", "5", "B", "E"), "invalid_account"),
        "1": "revocation_of_authorization",
        "4": "action_required",
    },
}
