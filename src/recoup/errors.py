"""
Everything Recoup raises on purpose, sorted by what the caller can do next.

RecoupError
├── ConfigError             a setting is wrong: it names itself; the command line exits 2
│   ├── InvalidPolicy       a dunning policy contradicts itself
│   └── InvalidPlans        the plans contradict each other, or name what can not be
├── InvalidValue            a value can not exist: fix the call
│   ├── InvalidMoney
│   ├── CurrencyMismatch
│   ├── InvalidPeriod
│   ├── InvalidMetadata     not a flat map of short texts
│   ├── InvalidKey          not 1 to 200 printable characters
│   ├── NothingNamed        no invoice was named that is to be paid
│   ├── WrongConnection     what was lent can not be recorded on: it is closed, elsewhere …
│   └── UnknownOption       no such option; the text suggests the nearest
├── CommandError            a command was not carried out, by what the caller can do next
│   ├── KeyConflict         the idempotency key belongs to another request: take a new key
│   ├── InProgress          it is being carried out: the same key again, a little later
│   │   └── DebtInFlight    a payment of this bad debt is under way: wait for its outcome
│   ├── TooManyTries        enough refused payments for now: `after` seconds later
│   ├── Interrupted         the database stopped the host's transaction: roll back, run it again
│   ├── SettledByCredit     the customer's credit covered it: nothing is owed, do not repeat it
│   ├── StaleRecord         somebody was faster: read again, decide again
│   └── NotPossible         the state of things forbids it: look again, ask for something else
│       ├── DuplicatePlan   the customer has this plan already
│       ├── OfferPending    a change of plan awaits its payment: wait, or withdraw it first
│       ├── PreviewExpired  what was shown holds no longer: preview again
│       ├── NotBadDebt      the invoice is no bad debt: collect it the ordinary way
│       ├── DebtSettled     it was bad debt, and is accounted for: nothing is owed
│       ├── AmountDiffers   another amount is owed than was expected: show it, ask again
│       ├── DebtForbidden   this can not be charged, or not with this: another way to pay
│       ├── NotRefundable   more than what remains of the payment
│       └── CouponRefused   expired, used up, or not for this customer or price
├── IllegalTransition       a bug in the caller: the move is not in the table
├── NotFound                no such customer, case, effect …: check the id
│   ├── UnknownInvoice      no such invoice among what is to be paid
│   ├── NotTheirInvoice     it is somebody else's
│   └── LinkRefused         it opens nothing, or nothing any more: offer a fresh one
├── Unreadable              bytes from outside that mean nothing: kept, parked, shown
├── LostClaim               a newer worker owns this effect now: stop, write nothing
├── StoreError
│   ├── SchemaOutdated      run `recoup db upgrade`
│   ├── DocumentsUnreachable   what keeps documents does not take or give one: again, later
│   └── Refused             a constraint said no: these rows can not be; others may
├── ProcessorError          the payment company, by what the caller can do next
│   ├── Unreachable         outcome unknown: look it up, or repeat with the same key
│   ├── Busy                refused before anything happened (rate, lock): repeat later, same key
│   ├── KeyReused           the key was used for another request: a bug in the caller
│   └── Rejected            our request was wrong: repeating cannot help
│       ├── NotPaid         what was due now could not be collected: another way to pay
│       └── CustomerTaxLocationInvalid   the address can not be placed: ask the customer
└── MailError               the mail server, by what the caller can do next
    ├── MailUnreachable     not taken, or nobody knows: the same mail again, later
    └── Undeliverable       refused for good: this mail to this address will never go
"""

from __future__ import annotations

import re
from typing import Final

#: What must not be read in any text of ours: keys of processors and of ours, secrets of what
#: customers confirm, passwords in addresses.
_SECRET: Final = re.compile(
    r"(?:sk|rk)_(?:live|test)_\w+|rk_\d+_\w+|whsec_\w+|\b\w+_secret_\w+|(?<=://)[^\s/]*@"
)

#: What nobody can read, and only a caller has given: one word, or what stands in quotes.
_ENDLESS: Final = re.compile(r"""'[^'\n]{500,}'|"[^"\n]{500,}"|\S{300,}""")
_SHOWN: Final = 60


def shortened(text: str) -> str:
    """Return `text` with what is too long in it cut, its length behind it."""
    return _ENDLESS.sub(_cut, text)


def _cut(found: re.Match[str]) -> str:
    whole = found[0]
    closing = whole[-1] if whole[0] == whole[-1] and whole[0] in "'\"" else ""
    return f"{whole[:_SHOWN]}…{closing} ({len(whole) - 2 * len(closing):,} characters)"


def masked(text: str) -> str:
    """Return `text` with what looks like a secret replaced by ***."""
    return _SECRET.sub(lambda found: "***@" if found[0].endswith("@") else "***", text)


class RecoupError(Exception):
    """The root of the tree. No text of it holds a secret, nor endless words from outside."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(shortened(masked(a)) if isinstance(a, str) else a for a in args))


class ConfigError(RecoupError):
    """A setting is wrong. The text names it, what was expected, and where to read more."""


class InvalidPolicy(ConfigError):
    """A dunning policy contradicts itself."""


class InvalidPlans(ConfigError):
    """The plans contradict each other, or one of them can not be."""


class InvalidValue(RecoupError, ValueError):
    """A value that can not exist."""


class InvalidMoney(InvalidValue):
    """Not an integer number of minor units in an ISO 4217 currency."""


class CurrencyMismatch(InvalidValue):
    """Two currencies met in one sum."""


class InvalidPeriod(InvalidValue):
    """An instant without a zone, or an end before its start."""


class InvalidMetadata(InvalidValue):
    """Not a flat map of text to text within the limits."""


class InvalidKey(InvalidValue):
    """Not an idempotency key: 1 to 200 printable characters."""


class NothingNamed(InvalidValue):
    """No invoice was named that is to be paid."""


class WrongConnection(InvalidValue):
    """A host's session or connection that an intent can not be recorded on."""


class UnknownOption(InvalidValue, TypeError):
    """An option that does not exist, or of a type that it can not have."""


class CommandError(RecoupError):
    """A command was not carried out. Unless its error says otherwise, nothing was changed."""


class KeyConflict(CommandError):
    """The idempotency key was used for a request with other parameters."""


class InProgress(CommandError):
    """The command is recorded and being carried out: ask with the same key a little later."""


class DebtInFlight(InProgress):
    """A payment of this bad debt is under way, or it is being closed: wait for the outcome."""


class TooManyTries(CommandError):
    """Too many payments were refused within an hour. `after` is how many seconds to wait."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class StaleRecord(CommandError):
    """The record has changed since it was read."""


class Interrupted(CommandError):
    """
    The host's transaction can not go on: roll it back and run it again, from its beginning.

    The database's own error is the cause.
    """


class SettledByCredit(CommandError):
    """
    No payment was made, because none was needed: credit at the processor covered the invoice.

    The invoice is made and closed, the credit is used; the same key says so again.
    """


class NotPossible(CommandError):
    """The state of things does not allow it."""


class DuplicatePlan(NotPossible):
    """The customer has a live subscription to this plan."""


class OfferPending(NotPossible):
    """A change of plan is offered and awaits its payment: wait for it, or withdraw it first."""


class PreviewExpired(NotPossible):
    """The preview is too old, used, or the subscription has changed since."""


class NotBadDebt(NotPossible):
    """The invoice is not bad debt: nothing of it is owed, or it is still collected."""


class DebtSettled(NotPossible):
    """The invoice was bad debt and is accounted for, with money or without."""


class AmountDiffers(NotPossible):
    """Another amount is owed than the caller expects. The text says both."""


class DebtForbidden(NotPossible):
    """The bad debt can not be charged: a dispute, a network or a dead instrument forbids it."""


class NotRefundable(NotPossible):
    """Less remains of the payment than was to be given back, or it took no money."""


class CouponRefused(NotPossible):
    """The coupon or promotion code can not be redeemed here and now."""


class IllegalTransition(RecoupError):
    """The move is not in its transition table."""


class NotFound(RecoupError, LookupError):
    """There is no such thing."""


class UnknownInvoice(NotFound):
    """There is no such invoice to be paid."""


class NotTheirInvoice(NotFound):
    """The invoice is not this customer's."""


class LinkRefused(NotFound):
    """
    A signed link that opens nothing: forged, expired, for another purpose, or of somebody gone.

    Nobody is told which. `recoup.links.renew` sends a fresh one, where there is to be one.
    """


class Unreadable(RecoupError):
    """Bytes from outside that can not be understood. They are kept: `raw`, where they are told."""

    def __init__(self, *args: object, raw: bytes | None = None) -> None:
        super().__init__(*args)
        self.raw = raw


class LostClaim(RecoupError):
    """The lease ran out and another worker holds the effect now."""


class StoreError(RecoupError):
    """The database is not what the code expects."""


class SchemaOutdated(StoreError):
    """The schema is missing or older than this version."""


class DocumentsUnreachable(StoreError):
    """What keeps documents did not take or give one, or gave another one: again, later."""


class Refused(StoreError):
    """A constraint of the database refused a row. The batch it was in wrote nothing."""


class ProcessorError(RecoupError):
    """The payment company did not do what was asked."""

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(f"{message} (request {request_id})" if request_id else message)
        self.request_id = request_id


class Unreachable(ProcessorError):
    """No answer, or a 5xx: the outcome is unknown."""


class Busy(ProcessorError):
    """Refused before anything began. `after` is how many seconds to wait, when told."""

    def __init__(
        self, message: str, *, request_id: str | None = None, after: float | None = None
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.after = after


class KeyReused(ProcessorError):
    """The idempotency key belongs to a request with other parameters."""


class Rejected(ProcessorError):
    """The request was wrong. Repeating it cannot help."""


class NotPaid(Rejected):
    """What was due now could not be collected: another way to pay may help."""


class CustomerTaxLocationInvalid(Rejected):
    """
    The processor can not tell where the customer is taxed. Nothing was changed.

    `code` is "customer_tax_location_invalid", as the processor calls it.
    """

    code = "customer_tax_location_invalid"


class MailError(RecoupError):
    """A mail did not go out. The text holds the server's answer on one line."""


class MailUnreachable(MailError):
    """
    The server did not take the mail: try again later, with the same Message-ID.

    `accepted_maybe` is true when the whole mail was handed over and no answer came: it may have
    gone out, so sending it again may be a duplicate. `after` is how many seconds the server asks
    to be left alone, where it says so: it had too much to do, and looked at nothing.
    """

    def __init__(
        self, message: str, *, accepted_maybe: bool = False, after: float | None = None
    ) -> None:
        super().__init__(message)
        self.accepted_maybe = accepted_maybe
        self.after = after


class Undeliverable(MailError):
    """Refused for good. Trying again cannot help; it counts as a bounce."""
