"""
Mails by SMTP, one conversation each.

The conversation is held step by step, because what an answer means depends on when it comes.
Before the recipient is named a refusal is about us (a wrong password, a sender not allowed), so
the mail waits for a person to set that right. From then on a refusal is about this mail. After
the final dot no answer means that nobody knows.
Source: RFC 5321 §4.2.1 (replies), §4.5.3.2 (timeouts); RFC 1047 (lost answers).
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final, cast
from urllib.parse import unquote, urlsplit

from recoup.errors import MailUnreachable, Undeliverable
from recoup.mail.wording import one_line

Reply = tuple[int, bytes]

PORTS: Final = {"smtp": 25, "smtps": 465}

#: Seconds to wait for an answer, and for the one after the final dot. The latter is long because
#: who gives up early sends a mail twice. Source: RFC 5321 §4.5.3.2.6.
TIMEOUT: Final = 30.0
FINAL_TIMEOUT: Final = 600.0


class SmtpSender:
    """
    Sends by one SMTP server, `smtp://user:password@host:port` or `smtps://…`.

    smtps speaks TLS from the first byte. smtp changes to TLS when the server offers it, and must
    when a user is given: a password never goes in the clear. A certificate that does not hold is
    a refusal to talk, never a reason to go on without.

    Args:
        url: Where, and as whom; user and password percent-encoded.
        context: Which certificates hold; None: the system's.
        timeout: Seconds for each answer.
        final_timeout: Seconds for the answer after the final dot.
    """

    def __init__(
        self,
        url: str,
        *,
        context: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
        final_timeout: float = FINAL_TIMEOUT,
    ) -> None:
        parts = urlsplit(url)
        self.secure = parts.scheme == "smtps"
        self.host = parts.hostname or "localhost"
        self.port = parts.port or PORTS[parts.scheme]
        self.user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self.context = context
        self.timeout = timeout
        self.final_timeout = final_timeout

    def __repr__(self) -> str:
        return f"SmtpSender({self.host}:{self.port})"

    def send(self, message: EmailMessage) -> None:
        """
        Hand `message` to the server.

        Raises:
            Undeliverable: 5xx to the recipient or to the content.
            MailUnreachable: 4xx, no connection, bad TLS, a login or a sender refused; with
                `accepted_maybe` when the answer to the final dot did not come.
        """
        data = _dotted(message.as_bytes(policy=SMTP))
        sender, recipients = _addresses(message, "From")[0], _addresses(message, "To")
        with self._ready(sender) as server:
            with _talking():
                for recipient in recipients:
                    _judge(server.rcpt(recipient))
                _judge(server.docmd("DATA"), wanted=3)
                server.send(data)
            _judge(self._finish(server))

    def _finish(self, server: smtplib.SMTP) -> Reply:
        """Send the final dot. From here on the server may have taken the mail."""
        with _talking("no answer after the final dot: ", accepted_maybe=True):
            _wait_at_most(server, self.final_timeout)
            server.send(b".\r\n")
            code, words = server.getreply()
            if code // 100 not in {2, 4, 5}:
                raise smtplib.SMTPResponseException(code, words)
            return code, words

    @contextmanager
    def _ready(self, sender: str) -> Iterator[smtplib.SMTP]:
        """Give a conversation up to and including MAIL; whatever fails here is about us."""
        with _talking(f"{self.host}:{self.port}: "):
            server = self._connect()
        try:
            with _talking(f"{self.host}:{self.port}: "):
                self._introduce(server)
                code, words = server.mail(sender)
                if code != 250:
                    raise smtplib.SMTPSenderRefused(code, words, sender)
            yield server
            # The mail is taken; how the conversation ends no longer matters.
            with suppress(OSError, smtplib.SMTPException):
                _wait_at_most(server, self.timeout)
                server.docmd("QUIT")
        finally:
            server.close()

    def _connect(self) -> smtplib.SMTP:
        if self.secure:
            context = self.context or ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=self.timeout)

    def _introduce(self, server: smtplib.SMTP) -> None:
        server.ehlo_or_helo_if_needed()
        if not self.secure and server.has_extn("starttls"):
            server.starttls(context=self.context or ssl.create_default_context())
            server.ehlo()
        elif not self.secure and self.user:
            raise MailUnreachable(
                f"{self.host}:{self.port} offers no TLS, and a password never goes in the clear"
            )
        if self.user:
            server.login(self.user, self._password)


@contextmanager
def _talking(step: str = "", *, accepted_maybe: bool = False) -> Iterator[None]:
    """Turn trouble with the conversation itself into `MailUnreachable`."""
    try:
        yield
    except (OSError, UnicodeError, smtplib.SMTPException) as error:
        raise MailUnreachable(f"{step}{_said(error)}", accepted_maybe=accepted_maybe) from error


def _judge(answer: Reply, *, wanted: int = 2) -> None:
    """Raise what an answer about this mail means, unless its first digit is `wanted`."""
    error = smtplib.SMTPResponseException(*answer)
    if answer[0] // 100 == 5:
        raise Undeliverable(_said(error))
    if answer[0] // 100 != wanted:
        raise MailUnreachable(_said(error))


def _wait_at_most(server: smtplib.SMTP, seconds: float) -> None:
    if server.sock is not None:
        server.sock.settimeout(seconds)


def _said(error: Exception) -> str:
    """Return what went wrong on one line, the server's own words included."""
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        return one_line(f"{error.smtp_code} {text}", longest=300)
    return one_line(f"{type(error).__name__}: {error}", longest=300)


def _addresses(message: EmailMessage, header: str) -> list[str]:
    return [a.addr_spec for a in cast("AddressHeader", message[header]).addresses]


def _dotted(data: bytes) -> bytes:
    """Return the mail with CRLF at its end and every leading dot doubled (RFC 5321 §4.5.2)."""
    ended = data if data.endswith(b"\r\n") else data + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", ended)
