"""A sender that keeps what it is given, for the tests of whoever sends."""

from __future__ import annotations

from collections.abc import Iterable
from email.message import EmailMessage
from threading import Lock

from recoup.errors import MailError


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
        """The Message-IDs, in order, twice where a message came twice."""
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
