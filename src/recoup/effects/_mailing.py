"""`recoup.mail`: what a host asks for and changes about mails."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from email.message import EmailMessage

from sqlalchemy import Connection
from sqlalchemy import Engine as Database

from recoup.core.occasions.base import Scalar
from recoup.effects._asked import deliver
from recoup.effects._hearing import Hearing
from recoup.effects.base import World
from recoup.mail.base import Email
from recoup.mail.overrides import Choice, Mailer
from recoup.store.lending import Host, Lender


class Mailing(Hearing):
    """
    Mails, as a host wants them.

    What is changed here holds in this process: tell every one that sends mails, before it does.
    """

    def __init__(
        self, database: Database, world: World, now: Callable[[], datetime], lender: Lender
    ) -> None:
        super().__init__(database, world, now)
        self._mails = world.mails
        self._brand = world.brand
        self._lend: Callable[[Host], AbstractContextManager[Connection]] = lender.lent
        self._begin = database.begin
        self._time = now

    def deliver(
        self, type: str, /, *, using: Host | None = None, key: str | None = None, **ids: Scalar
    ) -> str:
        """
        Have a mail of `type` sent, and return its delivery key. What it says is read when it goes
        out, and it is left out where it is not true any more.

        Args:
            using: A transaction of the host's, that the mail is to commit or roll back with; by
                default one of our own.
            key: What makes it one mail: the same type and key again send nothing. By default what
                it is about.
            ids: `customer_id`, and what it is about: our ids, or the processor's. Also `locale`
                (BCP 47) and `time_zone` (IANA), before those of the customer.

        Raises:
            InvalidValue: there is no such type, it is a campaign's, or a value is no scalar.
            NotFound: there is no such customer, or it has nothing of that id.
            WrongConnection: `using` can not be used; the text says what is needed.
        """
        with self._begin() if using is None else self._lend(using) as connection:
            return deliver(connection, type, key, ids, now=self._time())

    def sample(self, type: str, *, locale: str | None = None) -> EmailMessage:
        """
        Return what a mail of `type` would be, of the facts of its sample: with the settings'
        brand, and with whatever was changed here.

        Args:
            type: Its name.
            locale: BCP 47; by default the configured one.

        Raises:
            InvalidValue: there is no such type.
        """
        return self._mails.sample(type, self._brand, locale=locale)

    def choose_template(self, choose: Choice) -> None:
        """
        Let `choose` give the layout of each message, by its type and facts; None: ours.

        One that can not be filled is logged, and the mail looks as all mails do.
        """
        self._mails.choose_template(choose)

    def use(self, type: str, email: type[Email]) -> None:
        """
        Let mails of `type` say what `email` says.

        Raises:
            InvalidValue: there is no such type, or this is no class of mails.
        """
        self._mails.use(type, email)

    def replace(self, mailer: Mailer) -> None:
        """Let `mailer` make every message; who sends it to whom, and under which id, stays."""
        self._mails.replace(mailer)
