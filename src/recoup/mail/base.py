"""
What a mail is, and what it may be made from.

A mail is a frozen value made of facts that were read fresh when it is sent. It says *what* is to
be told, in parts; the words for that are in catalogues, one for each language, and how it looks is
in one layout. It reads nothing else: no clock, no disk but its catalogues, no database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final, Self

from recoup.core.money import Money
from recoup.mail.parts import Part, Say

#: Of buttons and links, where the settings name no other.
COLOR: Final = "#1f4fd8"


@dataclass(frozen=True, slots=True)
class Announced:
    """A rung that a notice warns of."""

    rung: str
    at: datetime  #: UTC instant from which it holds, if nothing is paid
    consequences: tuple[str, ...]  #: names from the catalogue, as the policy lists them


@dataclass(frozen=True, slots=True)
class Brand:
    """Who writes, and how that looks. From the settings; a missing one leaves a gap, no hole."""

    business: str  #: who writes, as the customer knows them
    mail_from: str  #: "Business <billing@example.com>"
    base_url: str  #: where the host's billing pages are, without a slash at its end
    support: str | None = None  #: where to ask: an address or a URL
    address: str | None = None  #: postal, on one line; the EU and Canada want one
    logo: str | None = None  #: https URL of an image; the name is shown beside it or in its place
    color: str = COLOR  #: of buttons and links, "#rrggbb"
    font: str | None = None  #: first of the font stack
    locale: str | None = None  #: BCP 47, for customers without one that mails are written in
    time_zone: str | None = None  #: IANA name, for customers without one
    unsubscribe_url: str | None = None  #: https; where a mail program may post "no more of these"


@dataclass(frozen=True, slots=True)
class Card:
    """A way to pay, as its owner recognises it."""

    brand: str | None  #: "visa", "sepa_debit" …, as the processor calls it
    last4: str | None
    expires: tuple[int, int] | None = None  #: year and month


@dataclass(frozen=True, slots=True)
class MailFacts:
    """
    Everything a mail may be made from. Values are data: shown as they are, never evaluated.

    Money, invoices and plan are those of what the mail is about and of nothing else. All instants
    are UTC; a mail shows them in the customer's zone. Whatever is not known is None or empty, and
    no mail fails because of that.
    """

    to: str  #: the address it goes to
    name: str | None  #: of the customer, as they gave it
    brand: Brand
    locale: str | None = None  #: BCP 47, the customer's own
    time_zone: str | None = None  #: IANA name; unknown ones count as Etc/UTC
    asked_locale: str | None = None  #: BCP 47, wanted for this one mail before all others
    asked_time_zone: str | None = None  #: IANA name, likewise
    link: str | None = None  #: a signed link to pay or to update; else the host's own pages
    link_for: str | None = None  #: of a fresh link, what it is for: "pay", "update" or "view"
    owed: tuple[Money, ...] = ()  #: one sum per currency, tax included
    plan: str | None = None  #: "Team": its name for people; None when only an id is known
    recurring: bool = True  #: it is a subscription, not a single invoice
    part: bool = False  #: it is for a part of a subscription, which goes on without that part
    invoices: tuple[str, ...] = ()  #: numbers as printed on them, oldest first
    announced: tuple[Announced, ...] = ()  #: every rung this notice warns of, mildest first
    consequences: tuple[str, ...] = ()  #: what holds now, or did: names from the catalogue
    decline: str | None = None  #: the code of the newest refusal that may be told of
    decline_class: str | None = None  #: "soft", "hard", "action_required" …: `DeclineClass`
    next_try_at: datetime | None = None  #: when it is tried again by itself
    amount: Money | None = None  #: the one sum it is about: wanted, paid or given back
    whole: Money | None = None  #: of a part that was given back: the sum that had been paid
    at: datetime | None = None  #: when that was paid, refused or given back
    due_at: datetime | None = None  #: when an invoice is to be paid
    #: What was or will be charged, or is about to expire. None: there is none to charge;
    #: one of which nothing is known has neither brand nor digits.
    card: Card | None = None
    days: int | None = None  #: whole days until it happens: 30, 7, 1
    trial_ends_at: datetime | None = None
    ends_at: datetime | None = None  #: when the subscription ends, or ended
    resumes_at: datetime | None = None  #: when a paused one goes on by itself
    ended: bool = False  #: the subscription is over, and not only to end
    why: str | None = None  #: why it ended: "requested", "payment_failed" …
    coupon: str | None = None  #: its name for people
    percent_off: str | None = None  #: "25" or "12.5"
    amount_off: Money | None = None
    months: int | None = None  #: how long a coupon is taken off; None with `forever` or once
    forever: bool = False  #: it is taken off every time
    timed_out: bool = False  #: it was waited for in vain, and not refused
    late_buys: bool = False  #: money that comes late starts it after all, where it still can
    starts: bool = False  #: what was bought opens with this payment, and not before it
    #: Nothing is owed for it any more. Of money that went back: `at` says when it had come.
    unowed: bool = False

    @property
    def pay_url(self) -> str:
        """Where to pay, to update a payment method, or to see what there is."""
        return self.link or f"{self.brand.base_url}/billing"


@dataclass(frozen=True, slots=True)
class Email:
    """
    One type of mail: a folder under `emails/`, its class, and its words in every language.

    To add one, write the folder and a line in `EMAILS`; docs/emails.md tells how. Two are equal
    when they say the same.
    """

    folder: ClassVar[str | Path]  #: where its catalogues are: under emails/, or any folder

    facts: MailFacts

    @classmethod
    def about(cls, facts: MailFacts) -> Self:
        """Return the mail that tells these facts. Never fails because a fact is missing."""
        return cls(facts)

    @classmethod
    def sample(cls) -> Self:
        """Return a typical mail of this type, for previews and tests."""
        raise NotImplementedError

    def subject(self) -> Say:
        """Return the subject: the catalogue's `subject`, with values."""
        raise NotImplementedError

    def parts(self) -> Iterator[Part]:
        """Yield what the mail says, in order; greeting, closing and footer are the layout's."""
        raise NotImplementedError
