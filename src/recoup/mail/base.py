"""
What a mail is, and what it may be made from.

A mail is a frozen value. `about` fills it from facts read fresh when it is sent; `sample` is its
preview. It has a subject and a text and reads nothing else: no clock, no disk but its templates,
no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from recoup.core.money import Money


@dataclass(frozen=True, slots=True)
class Announced:
    """A rung that a notice warns of."""

    rung: str
    at: datetime  #: UTC instant from which it holds, if nothing is paid
    consequences: tuple[str, ...]  #: names from the catalogue, as the policy lists them


@dataclass(frozen=True, slots=True)
class MailFacts:
    """
    Everything a mail may be made from. Values are data: shown as they are, never evaluated.

    Money, invoices and plan are those of the scope the mail is about and of nothing else. All
    instants are UTC; a mail shows them in the customer's zone.
    """

    to: str  #: the address it goes to
    name: str | None  #: of the customer, as they gave it
    base_url: str  #: where the host's billing pages are, without a slash at its end
    business: str  #: who writes, as the customer knows them
    mail_from: str  #: "Business <billing@example.com>"
    owed: tuple[Money, ...] = ()  #: one sum per currency, tax included
    plan: str | None = None  #: "Team": its name for people; None when only an id is known
    recurring: bool = True  #: the scope is a subscription, not a single invoice
    invoices: tuple[str, ...] = ()  #: numbers as printed on them, oldest first
    announced: tuple[Announced, ...] = ()  #: every rung this notice warns of, mildest first
    decline: str | None = None  #: what the bank said, in words that may be disclosed
    amount: Money | None = None  #: the one sum it is about: wanted, paid or given back
    at: datetime | None = None  #: UTC instant at which that was paid
    method: str | None = None  #: what it was paid with: "Visa ending in 4242"
    timed_out: bool = False  #: it was waited for in vain, and not refused
    late_buys: bool = False  #: money that comes late starts it after all, where it still can
    locale: str | None = None  #: BCP 47; all mails are in English so far
    time_zone: str | None = None  #: IANA name; unknown ones count as Etc/UTC
    pay_path: str = "/billing"  #: where to pay, on `base_url`

    @property
    def pay_url(self) -> str:
        return f"{self.base_url}{self.pay_path}"


class Email(Protocol):
    """
    One type of mail.

    To add one, write a folder under `emails/` and a line in `EMAILS`; docs/emails.md tells how.
    Implementations are frozen and equal when they say the same.
    """

    @classmethod
    def about(cls, facts: MailFacts) -> Self:
        """Return the mail that tells these facts. Never fails because a fact is missing."""
        ...

    @classmethod
    def sample(cls) -> Self:
        """Return a typical mail of this type, for previews and tests."""
        ...

    @property
    def subject(self) -> str:
        """One line."""
        ...

    @property
    def text(self) -> str:
        """The body, as plain text with line feeds between lines."""
        ...
