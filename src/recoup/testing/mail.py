"""
For the tests of whoever sends mails, or has them sent.

A host asks what would go out, before any of it does:

    with captured_mails(recoup) as mails:
        recoup.payments.refund(7)
    mails.assert_mail_sent("refund_issued", customer_id=3, to="ada@example.com")

`Outbox` is a sender that keeps the messages themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from threading import Lock
from typing import Any, Final

from sqlalchemy import text

from recoup.billing import Recoup
from recoup.errors import MailError
from recoup.mail.deliver import Scalar
from recoup.mail.emails import EMAILS

_MAILS: Final = text("""
    SELECT m.id, m.type, m.customer_id, c.email, m.args, m.key, m.state, m.reason
    FROM mails m JOIN customers c ON c.id = m.customer_id
    WHERE m.id > :after ORDER BY m.id
""")
_NEWEST: Final = text("SELECT coalesce(max(id), 0) FROM mails")


@dataclass(frozen=True, slots=True)
class CapturedMail:
    """A mail that was asked for: what it is of, and to whom it would go."""

    type: str
    customer_id: int
    to: str | None  #: the customer's address now; it is looked up when the mail is sent
    ids: Mapping[str, Scalar]  #: what it is about: {"invoice_id": 7}
    key: str  #: the same cause has the same key, and one mail
    state: str  #: queued, sent, skipped or bounced
    reason: str | None = None  #: why it is skipped

    @property
    def goes_out(self) -> bool:
        """Whether it is sent, or will be."""
        return self.state in {"queued", "sent"}

    def __str__(self) -> str:
        about = ", ".join(f"{name}={value!r}" for name, value in self.ids.items())
        why = f": {self.reason}" if self.reason else ""
        return f"{self.type} to {self.to}, customer {self.customer_id} ({about}) {self.state}{why}"


class CapturedMails:
    """The mails that were asked for since the capture began, as they stand now."""

    def __init__(self, recoup: Recoup, after: int) -> None:
        self._recoup = recoup
        self._after = after

    def __iter__(self) -> Iterator[CapturedMail]:
        with self._recoup.database.connect() as connection:
            rows = connection.execute(_MAILS, {"after": self._after}).all()
        for row in rows:
            yield CapturedMail(
                row.type, row.customer_id, row.email, row.args, row.key, row.state, row.reason
            )

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def assert_mail_sent(
        self,
        type: str,
        *,
        customer_id: int | None = None,
        to: str | None = None,
        where: Callable[[CapturedMail], bool] | None = None,
        **ids: Scalar,
    ) -> CapturedMail:
        """
        Return the one mail of `type` that fits; skipped and bounced ones count for nothing.

        Args:
            customer_id: Whom it is for.
            to: The address it goes to.
            where: Says whether a mail is meant.
            ids: Some of what it is about: `invoice_id=7`.

        Raises:
            AssertionError: there is none, or more than one; it lists what there is instead.
        """
        found = self._fitting(type, customer_id, to, where, ids)
        assert len(found) == 1, self._instead(
            f"{len(found)} mails fit", type, customer_id, to, ids
        )
        return found[0]

    def refute_mail_sent(
        self,
        type: str,
        *,
        customer_id: int | None = None,
        to: str | None = None,
        where: Callable[[CapturedMail], bool] | None = None,
        **ids: Scalar,
    ) -> None:
        """
        Make sure that no mail of `type` fits; see `assert_mail_sent`.

        Raises:
            AssertionError: one does; it lists what there is.
        """
        found = self._fitting(type, customer_id, to, where, ids)
        assert not found, self._instead(f"{len(found)} mails fit", type, customer_id, to, ids)

    def _fitting(
        self,
        type: str,
        customer_id: int | None,
        to: str | None,
        where: Callable[[CapturedMail], bool] | None,
        ids: Mapping[str, Scalar],
    ) -> list[CapturedMail]:
        # A name that is none would fit nothing for ever, and so be refuted for ever.
        assert type in EMAILS, f"no mail is called {type!r}; there are {', '.join(EMAILS)}"
        return [
            mail
            for mail in self
            if mail.goes_out and mail.type == type
            if customer_id is None or mail.customer_id == customer_id
            if to is None or mail.to == to
            if ids.items() <= mail.ids.items()
            if where is None or where(mail)
        ]

    def _instead(self, what: str, *wanted: Any) -> str:
        listed = "\n".join(f"  {mail}" for mail in self) or "  nothing"
        return f"{what} {wanted!r}; asked for were:\n{listed}"


@contextmanager
def captured_mails(recoup: Recoup) -> Iterator[CapturedMails]:
    """
    Give the mails that are asked for from here on, before anything is rendered or sent.

    They are read from the queue's own rows, so what is asked for in a transaction that is rolled
    back was never asked for, and it does not matter which process asks.

    Nothing is taken away when the block ends. The rows are committed with what they tell of, and
    stay in the queue: a worker that runs later sends them, by an `Outbox` if it is a test's. They
    are gone where a test's own transaction, or its database, is.
    """
    with recoup.database.connect() as connection:
        after = int(connection.scalar(_NEWEST) or 0)
    yield CapturedMails(recoup, after)


class Outbox:
    """
    Keeps every message it takes, in order. Any thread may send.

    Args:
        script: How the first sends go: None takes the message, an error is raised instead. A
            `MailUnreachable` with `accepted_maybe` is raised after the message was taken, as by
            a server whose answer got lost. Beyond the script everything is taken.
    """

    def __init__(self, script: Iterable[MailError | None] = ()) -> None:
        self.messages: list[EmailMessage] = []
        self._script = iter(script)
        self._lock = Lock()

    def send(self, message: EmailMessage) -> None:
        with self._lock:
            error = next(self._script, None)
            if error is None or getattr(error, "accepted_maybe", False):
                self.messages.append(message)
            if error is not None:
                raise error

    def to(self, address: str) -> list[EmailMessage]:
        """Return the messages with `address` among the recipients."""
        return [m for m in self.messages if address in {a.addr_spec for a in m["To"].addresses}]

    @property
    def ids(self) -> list[str]:
        """The Message-IDs, in order, twice where a mail came twice."""
        return [str(message["Message-ID"]) for message in self.messages]

    def assert_sent(self, *, to: str, subject: str | None = None) -> EmailMessage:
        """
        Return the one message to `to` whose subject contains `subject`.

        Raises:
            AssertionError: there is none, or more than one; it lists what there is.
        """
        found = [m for m in self.to(to) if subject is None or subject in str(m["Subject"])]
        listed = "\n".join(f"  {m['To']}: {m['Subject']}" for m in self.messages) or "  nothing"
        assert len(found) == 1, f"{len(found)} mails fit {to!r}, {subject!r}; sent were:\n{listed}"
        return found[0]
