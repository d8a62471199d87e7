"""What a payment company answers: facts, and what the customer must do now, if anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from recoup.core.facts import Fact
from recoup.core.money import Money


@dataclass(frozen=True, slots=True)
class NextAction:
    """
    What only the customer can do: 3-D Secure, or confirming a payment on a page.

    `client_secret` is for the browser that confirms it and for nobody else; it is never logged.
    """

    kind: Literal["authenticate", "confirm", "new_method"]
    url: str | None = None
    client_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """
    The outcome of one request.

    `object` is the processor's id of what was made or changed; `facts` are what it says about
    everything that changed with it, the same that its events will say later. `status` is the
    object's own word where the caller needs it (a setup intent's "succeeded",
    "requires_action", "requires_payment_method", "processing").
    """

    object: str
    facts: tuple[Fact, ...] = ()
    status: str | None = None
    action: NextAction | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """One line of an invoice that would be made. Credits are negative."""

    description: str
    amount: Money
    price: str | None
    quantity: int
    period_start: datetime
    period_end: datetime
    proration: bool


@dataclass(frozen=True, slots=True)
class Quote:
    """
    What a change would bill: `due_now` when it is made, `lines` in full, `next_at` and `next_due`
    for the invoice after. `prorate_at` is the instant it was computed for.
    """

    prorate_at: datetime
    due_now: Money
    credit: Money  #: what is left to the customer's good and lowers later invoices; 0 or more
    lines: tuple[PreviewLine, ...]
    next_at: datetime | None
    next_due: Money
