"""
What a payment company must do for Recoup, as Protocols by capability.

Implement them, then prove them with `recoup.testing.conformance.ProcessorConformance`;
`recoup.processors.fake` is the model. Every method is one remote call. No method may be called
while a database transaction is open.

A refusal by the bank is an answer, not an error: it comes back as a `PaymentFact`. Raised are

    Unreachable   no answer, or a 5xx: the outcome is unknown, so look it up
    Busy          refused before anything began: repeat later with the same key
    KeyReused     the key was used with other parameters
    Rejected      the request was wrong (unknown invoice, already paid): do not repeat it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, runtime_checkable

from recoup.core.billing.answers import Answer, Quote
from recoup.core.billing.requests import ChangeSubscription, Request
from recoup.core.documents import Bill
from recoup.core.facts import PaymentFact, Reading


@runtime_checkable
class Collects(Protocol):
    """Takes money for an invoice that exists."""

    name: str

    @property
    def retries_itself(self) -> bool:
        """Whether it tries failed invoices again by itself; then Recoup only watches."""
        ...

    def pay_invoice(
        self, invoice: str, *, method: str | None, key: str, off_session: bool = True
    ) -> PaymentFact:
        """
        Try to collect what remains of `invoice` with `method` (or its default).

        `off_session` says that the customer is not there, so that nobody can authenticate.

        Repeating with the same `key` gives the same answer and charges nothing again, for at
        least 24 hours; after that, call `find_payment` first.
        """
        ...

    def find_payment(self, invoice: str, *, key: str, since: datetime) -> PaymentFact | None:
        """
        Return what became of the `pay_invoice` made with `key` at or after `since` (UTC).

        None means: it never reached the bank, nothing was charged, and the processor will not
        act on it any more.
        """
        ...


@runtime_checkable
class Ends(Protocol):
    """Ends subscriptions."""

    def cancel_subscription(self, subscription: str, *, reason: str, key: str) -> None:
        """
        End `subscription` now. Ending what has ended already is a success.

        `reason` is kept at the processor where it has a place for it.
        """
        ...


@runtime_checkable
class Bills(Protocol):
    """Does what people ask for: customers, subscriptions, invoices, refunds, coupons."""

    def ask(self, request: Request, *, key: str) -> Answer:
        """
        Carry out `request`. Repeating with the same `key` gives the same answer and does nothing
        again, for at least 24 hours; after that, call `find` first.

        A declined first payment is an answer, and so is a payment that waits for its customer.

        Raises:
            CustomerTaxLocationInvalid: the address can not be placed; nothing was changed.
        """
        ...

    def find(self, request: Request, *, key: str, since: datetime) -> Answer | None:
        """
        Return the answer to the `ask` made with `key` at or after `since` (UTC), however long ago.

        None means: it never took effect, and will not any more.
        """
        ...

    def quote(self, change: ChangeSubscription) -> Quote:
        """Return what `change` would bill. Nothing is changed."""
        ...


@runtime_checkable
class Tells(Protocol):
    """Reads the processor's events."""

    def read(self, event: Mapping[str, Any]) -> Reading:
        """
        Return what one decoded event says. Pure.

        Raises:
            Unreadable: a field that this event must have is missing or wrong. It is never
                skipped silently.
        """
        ...


#: What can be looked at, by the processor's word for it.
Kind = Literal[
    "customer",
    "payment_method",
    "subscription",
    "invoice",
    "invoice_payment",
    "payment_intent",
    "charge",
    "refund",
    "dispute",
    "coupon",
    "promotion_code",
]


@dataclass(frozen=True, slots=True)
class Page:
    """
    Some of a list, the newest first: each line is an event's bytes, as if received.

    An object as it is now is told as an event too, of a type like "invoice.fetched", whose time
    is that of the look. `next` is where to go on; None: that was all.
    """

    lines: tuple[bytes, ...]
    next: str | None = None


@runtime_checkable
class Shows(Protocol):
    """Shows what it holds: the events it told, and its objects as they are now."""

    #: How far back `event_page` reaches, at least.
    events_kept: timedelta

    def event_page(self, since: datetime, *, after: str | None = None) -> Page:
        """Return events created at or after `since` (UTC); `after` is a page's `next`."""
        ...

    def object_page(self, kind: Kind, *, after: str | None = None, of: str | None = None) -> Page:
        """
        Return objects of a kind as they are now, all of them or those of the customer `of`.

        Ended subscriptions and closed invoices are among them. Not every kind can be listed
        without a customer (payment methods).

        Raises:
            InvalidValue: this kind can not be listed like that.
        """
        ...

    def look_up(self, kind: Kind, id: str) -> bytes | None:
        """Return the object as it is now, told as an event; None: there is none any more."""
        ...

    def bill(self, invoice: str) -> Bill | None:
        """
        Return what an invoice shows to whom it is addressed, every line of it, as it is now.

        It may take several calls. None: there is none any more.
        """
        ...


class Line(Protocol):
    """
    What all processes that ask one processor share: how fast they may, and whether it answers.

    Implemented by the store, because only the database is shared by all of them.
    """

    def turn(self, endpoint: str) -> float:
        """
        Take a turn to ask `endpoint` ("POST /v1/invoices/:id/pay"); return the seconds to wait.

        Raises:
            Busy: the processor does not answer just now, or too many wait already; nothing was
                taken, and `after` says when to come again.
        """
        ...

    def answered(self) -> None:
        """Say that the processor answered, whatever it said."""
        ...

    def silent(self) -> None:
        """Say that no answer came, or a 5xx. After some in a row nobody asks for a while."""
        ...


class Processor(Collects, Ends, Bills, Tells, Shows, Protocol):
    """Everything the engine asks of a payment company."""
