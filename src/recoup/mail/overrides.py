"""
What a host may do otherwise: how a mail looks, what a type says, or all of it.

The first rung is the setting RECOUP_MAIL_OFF, asked long before anything is made. Every process
that sends mails must be told the same: a worker does what it was told, and not its neighbour.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage
from typing import Protocol

from recoup.errors import InvalidValue
from recoup.mail import message
from recoup.mail.base import Brand, Email, MailFacts
from recoup.mail.emails import EMAILS
from recoup.mail.layout.engine import Layout
from recoup.mail.letter import NOON

#: Which layout a mail of a type takes, by its facts; None: the one of all mails.
Choice = Callable[[str, MailFacts], Layout | None]
Attachments = Sequence[tuple[str, str, bytes]]


class Mailer(Protocol):
    """What makes messages out of facts."""

    def compose(
        self,
        type: str,
        facts: MailFacts,
        *,
        key: str,
        case: str | None,
        date: datetime,
        attachments: Attachments = (),
    ) -> EmailMessage:
        """
        Return the message that tells `facts`, as `type` does.

        Sender, recipient, date and Message-ID are ours: they replace what it has. The same
        facts and key must give the same message.
        """
        ...


class Mails:
    """Makes messages by our own types and layout, but for what the host does otherwise."""

    def __init__(self) -> None:
        self._emails = dict(EMAILS)
        self._choose: Choice = _ours
        self._mailer: Mailer | None = None

    def choose_template(self, choose: Choice) -> None:
        """Let `choose` give the layout of each message: for some customers, or some types."""
        self._choose = choose

    def use(self, type: str, email: type[Email]) -> None:
        """
        Let mails of `type` say what `email` says.

        Raises:
            InvalidValue: there is no such type, or this is no class of mails.
        """
        known(type)
        if not (isinstance(email, _Class) and issubclass(email, Email)):
            raise InvalidValue(f"{type}: expected a class made from Email, got {email!r}")
        self._emails[type] = email

    def replace(self, mailer: Mailer) -> None:
        """Let `mailer` make every message; who sends it to whom, and under which id, stays."""
        self._mailer = mailer

    def sample(self, type: str, brand: Brand, *, locale: str | None = None) -> EmailMessage:
        """
        Return the message of a type's sample, as `brand` writes it.

        Raises:
            InvalidValue: there is no such type.
        """
        sample = self._emails[known(type)].sample().facts
        facts = dataclasses.replace(sample, brand=brand, locale=locale or sample.locale)
        return self.compose(type, facts, key=f"sample:{type}", case=None, date=NOON)

    def email(self, type: str, facts: MailFacts) -> Email:
        """Return the mail of `type` that tells these facts."""
        return self._emails[type].about(facts)

    def compose(
        self,
        type: str,
        facts: MailFacts,
        *,
        key: str,
        case: str | None,
        date: datetime,
        attachments: Attachments = (),
    ) -> EmailMessage:
        """
        Return the message that tells `facts.to` of them.

        Raises:
            Undeliverable: the customer's address is none.
            ConfigError: the sender's address is none.
        """
        if self._mailer is not None:
            made = self._mailer.compose(
                type, facts, key=key, case=case, date=date, attachments=attachments
            )
            return message.addressed(made, facts, key=key, case=case, date=date)
        return message.compose(
            self.email(type, facts),
            facts,
            key=key,
            case=case,
            date=date,
            attachments=attachments,
            layout=self._choose(type, facts),
        )


def known(type: str) -> str:
    """
    Return the name of a type of mail.

    Raises:
        InvalidValue: there is none of this name.
    """
    if type not in EMAILS:
        raise InvalidValue(f"no mail is called {type!r}; there are {', '.join(EMAILS)}")
    return type


_Class = type


def _ours(_type: str, _facts: MailFacts) -> None:
    """All mails look alike."""
