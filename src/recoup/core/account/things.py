"""What is mirrored of a customer: ways to pay, subscriptions, invoices, attempts to pay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from recoup.core import states
from recoup.core.account import scopes
from recoup.core.money import Money
from recoup.core.periods import Period
from recoup.core.states import AttemptState, InvoiceStatus, SubscriptionStatus


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay, and the instrument behind it."""

    processor_id: str
    kind: str  #: "card", "us_bank_account", "sepa_debit", "bacs_debit"
    instrument: str  #: fingerprint: the same card under two methods has one
    brand: str | None  #: "visa", "mastercard", "amex" …, in lower case
    country: str | None  #: of issue, ISO 3166 alpha-2
    expires: tuple[int, int] | None  #: year and month, last month included
    is_default: bool
    changed_at: datetime  #: attached, or its details replaced
    backup: int | None = None  #: its place among those the customer lets us use as well, 1 first
    consented_at: datetime | None = None  #: when the customer let us

    def expired(self, now: datetime) -> bool:
        """Whether its last month is over."""
        return self.expires is not None and (now.year, now.month) > self.expires


@dataclass(frozen=True, slots=True)
class Subscription:
    """A mirrored subscription."""

    id: int
    processor_id: str
    status: SubscriptionStatus
    plan: str | None  #: the first item's price id
    ended_at: datetime | None
    end_reason: str | None  #: requested, payment_failed, dunning_exhausted, processor, fraud …
    end_requested_at: datetime | None  #: when we asked the processor to end it
    #: What the processor calls it, where that is something else: a gate waits, or has died.
    processor_status: SubscriptionStatus | None = None
    activated_at: datetime | None = None  #: when it first gave access


@dataclass(frozen=True, slots=True)
class Invoice:
    """A mirrored invoice that is owed, or belongs to a case that is not closed."""

    id: int
    processor_id: str
    subscription_id: int | None
    status: InvoiceStatus
    due: Money  #: what was billed
    remaining: Money  #: the obligation: what is owed now
    reason: str  #: the processor's billing reason, "subscription_cycle", "manual" …
    created_at: datetime
    first_failed_at: datetime | None  #: first off-session failure, when it happened
    closed_at: datetime | None  #: paid, void or uncollectible since
    disputed: bool
    case_id: int | None  #: the case that took it up last
    processor_next_try_at: datetime | None
    processor_gave_up: bool
    prices: tuple[str, ...] = ()  #: what its lines sold, where the processor says so
    resolved_as: str | None = None  #: how it was closed without money: written_off, forgiven …
    apart: str | None = None  #: its scope, where that is not all of its subscription
    charged_back: bool = False  #: it was paid, and a lost dispute took the money back
    #: From its first failure until it was paid, if it was charged back and no case tells of that.
    recovered: Period | None = None
    was_disputed: bool = False  #: a payment for it is disputed, or ever was
    closing: bool = False  #: somebody has decided to close it without money from here

    @property
    def scope(self) -> str:
        """What the debt bought; a case, its notices and restrictions concern only that."""
        if self.apart is not None:
            return self.apart
        if self.subscription_id is None:
            return scopes.of_invoice(self.id)
        return scopes.of_subscription(self.subscription_id)

    @property
    def owed(self) -> bool:
        """Whether there is an obligation."""
        return states.is_owed(self.status) and bool(self.remaining)

    @property
    def in_default(self) -> bool:
        """Owed, and an off-session payment for it has failed."""
        return self.first_failed_at is not None and self.owed

    def counts(self, tries: Iterable[Attempt]) -> bool:
        """Whether the money that its tries brought is taken off what remains of it already."""
        came = sum(one.amount.minor for one in tries if states.succeeded(one.state))
        return came <= self.due.minor - self.remaining.minor


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A change of what is bought whose bill is open and was refused; it makes no debt."""

    invoice_id: int
    invoice: str  #: the processor's id
    subscription_id: int
    failed_at: datetime  #: its first refusal
    moving: bool = False  #: money for it may be on its way
    withdrawn_at: datetime | None = None  #: when it was decided that the bill is withdrawn


@dataclass(frozen=True, slots=True)
class Signal:
    """What came back with a refusal, as received. Nothing is None where nothing was said."""

    decline_code: str | None = None
    advice_code: str | None = None
    network_decline_code: str | None = None
    network_advice_code: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to collect one obligation."""

    id: int | None
    invoice_id: int
    ordinal: int | None  #: 1, 2, … for ours; None for one the processor made by itself
    origin: str  #: renewal, retry, new_method, customer, operator, processor, bad_debt
    state: AttemptState
    amount: Money
    method: str | None  #: processor id of the method
    instrument: str | None
    brand: str | None
    off_session: bool
    at: datetime  #: when it happened; for ours, when it was decided
    signal: Signal = Signal()

    @property
    def key(self) -> tuple[int, int | None, int | None]:
        """What it is known by before it has an id: the invoice and, for ours, the ordinal."""
        return self.invoice_id, self.ordinal, None if self.ordinal else self.id

    @property
    def by_customer(self) -> bool:
        """Whether the cardholder started it; networks count those apart."""
        return not self.off_session
