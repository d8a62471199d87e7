"""What callers get back of signed links."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from recoup.core.billing.answers import NextAction
from recoup.core.billing.views import PaymentMethod
from recoup.core.links import Purpose
from recoup.core.money import Money, totals


@dataclass(frozen=True, slots=True)
class Link:
    """A link, as it goes into a mail. Whoever has `url` may do what it is for."""

    purpose: Purpose
    customer_id: int
    scope: str  #: what the debt bought; "" is all that is owed
    expires_at: datetime
    url: str = field(repr=False)
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link that holds is for."""

    purpose: Purpose
    customer_id: int
    scope: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OwedInvoice:
    """One invoice of those that a link is about."""

    id: int
    number: str | None
    remaining: Money
    since: datetime  #: when it was issued
    due_at: datetime | None
    bad_debt: bool
    moving: bool  #: a payment of it is under way


@dataclass(frozen=True, slots=True)
class Owed:
    """What a link shows: what is owed now, and how it could be paid. Read afresh each time."""

    opened: Opened
    locale: str | None
    time_zone: str | None
    invoices: tuple[OwedInvoice, ...]  #: oldest first
    methods: tuple[PaymentMethod, ...]  #: the default one first

    @property
    def sums(self) -> tuple[Money, ...]:
        """Return what is to be paid, one sum for each currency, without what is under way."""
        return totals(one.remaining for one in self.invoices if not one.moving)

    @property
    def moving(self) -> bool:
        """Whether a payment of any of it is under way."""
        return any(one.moving for one in self.invoices)


class How(StrEnum):
    """What came of using a link."""

    PAID = "paid"
    NOTHING_DUE = "nothing_due"
    DECLINED = "declined"
    REQUIRES_ACTION = "requires_action"  #: the customer must do `action`
    PROCESSING = "processing"
    UPDATED = "updated"
    CHANGED = "changed"  #: another sum is owed than was shown: look again
    TOO_OFTEN = "too_often"
    IMPOSSIBLE = "impossible"  #: not with this method, or not by this way


@dataclass(frozen=True, slots=True)
class Done:
    """What came of using a link; the same again is harmless."""

    how: How
    paid: tuple[Money, ...] = ()
    action: NextAction | None = None
    after: float | None = None  #: seconds until it may be tried again
