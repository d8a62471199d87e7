"""
Mails by SMTP, any number of them in one conversation.

The conversation is held step by step, because what an answer means depends on when it comes.
Before the recipient is named a refusal is about us (a wrong password, a sender not allowed), so
the mail waits for a person to set that right. From then on a refusal is about this mail. After
the final dot no answer means that nobody knows.

Where the server offers it, the three commands before the mail itself go out together, and their
answers are read one by one: that saves two journeys a mail, and changes nothing of what they mean.
Source: RFC 5321 §4.2.1 (replies), §4.5.3.2 (timeouts); RFC 1047 (lost answers); RFC 2920
(pipelining).
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Final
from urllib.parse import unquote, urlsplit

from recoup.errors import MailUnreachable
from recoup.mail.senders._answers import Reply, judge, said, stalled, talking
from recoup.mail.senders._wire import addresses, dotted, serialised

PORTS: Final = {"smtp": 25, "smtps": 465}

#: Seconds to wait for an answer, and for the one after the final dot. The latter is long because
#: who gives up early sends a mail twice. Source: RFC 5321 §4.5.3.2.6.
TIMEOUT: Final = 30.0
FINAL_TIMEOUT: Final = 600.0
#: Seconds that a goodbye may take. What was sent is to be recorded, and the answer tells nothing.
GOODBYE: Final = 2.0

_CLOSING: Final = 421


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
        Hand `message` to the server, in a conversation of its own.

        Raises:
            Undeliverable: 5xx to the recipient or to the content.
            MailUnreachable: 4xx, no connection, bad TLS, a login or a sender refused; with
                `accepted_maybe` when the answer to the final dot did not come.
        """
        with self.session() as one:
            one.send(message)

    @contextmanager
    def session(self) -> Iterator[Conversation]:
        """Give a conversation for any number of mails; it begins with the first of them."""
        conversation = Conversation(self)
        try:
            yield conversation
        finally:
            conversation.close()

    def connected(self) -> smtplib.SMTP:
        """
        Return a connection that is encrypted and logged in, as far as that is to be.

        Raises:
            MailUnreachable: it could not be had. That is about us, and no mail's fault.
        """
        with talking(f"{self.host}:{self.port}: "):
            server = self._connect()
            try:
                if server.sock is not None:  # else each mail's last bytes wait for an old answer
                    server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._introduce(server)
            except BaseException:
                server.close()
                raise
            return server

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


class Conversation:
    """
    Mails in a row over one connection, for one thread.

    A server may end it whenever it likes, so many mails a connection: the next mail has a new
    one. After a refusal the server is told to forget that mail. A server that can not be had, or
    that has stalled, is not asked for the others: they would wait as long, one after another.
    """

    def __init__(self, sender: SmtpSender) -> None:
        self._sender = sender
        self._server: smtplib.SMTP | None = None
        self._given_up: MailUnreachable | None = None
        self.answer = ""  #: what the server said of the newest mail that it took

    def send(self, message: EmailMessage) -> None:
        """
        Hand one mail to the server.

        Raises:
            Undeliverable, MailUnreachable: see `SmtpSender.send`.
        """
        if self._given_up is not None:
            raise MailUnreachable(f"not tried: {self._given_up}")
        data = dotted(serialised(message))
        sender, recipients = addresses(message, "From")[0], addresses(message, "To")
        server = self._begun(sender, recipients)
        try:
            with talking():
                self._named(server, recipients)
                server.send(data)
            answer = self._finish(server)
            self._judged(answer)
            self.answer = said(smtplib.SMTPResponseException(*answer))
        except BaseException as error:
            self._forget(server, error)
            raise

    def close(self) -> None:
        """End the conversation. How it ends no longer matters: what was taken is taken."""
        server, self._server = self._server, None
        if server is None:
            return
        with suppress(OSError, smtplib.SMTPException):
            _wait_at_most(server, min(GOODBYE, self._sender.timeout))
            server.docmd("QUIT")
        server.close()

    def _begun(self, sender: str, recipients: Sequence[str]) -> smtplib.SMTP:
        """
        Return the connection, up to and including MAIL; whatever fails here is about us.

        On a connection that has served before, it may only be that the server has had enough.
        """
        if self._server is not None:
            with suppress(OSError, UnicodeError, smtplib.SMTPException):
                _begin(self._server, sender, recipients)
                return self._server
            self._drop()
        try:
            server = self._sender.connected()
        except MailUnreachable as error:
            self._given_up = error
            raise
        self._server = server
        try:
            with talking(f"{self._sender.host}:{self._sender.port}: "):
                _begin(server, sender, recipients)
        except BaseException:
            self._drop()
            raise
        return server

    def _named(self, server: smtplib.SMTP, recipients: Sequence[str]) -> None:
        """Name the recipients and announce the mail, or read the answers if that is done."""
        if _at_once(server, recipients):
            answer = server.getreply()
            self._abandoned(server, answer)
            self._judged(answer)
            self._judged(server.getreply(), wanted=3)
            return
        for recipient in recipients:
            self._judged(server.rcpt(recipient))
        self._judged(server.docmd("DATA"), wanted=3)

    def _abandoned(self, server: smtplib.SMTP, answer: Reply) -> None:
        """
        After a recipient was refused: read the answer to the DATA that went out with it.

        Should it be a yes, nothing but hanging up ends that: after a dot an empty mail could go
        out.
        """
        if answer[0] // 100 != 2 and answer[0] != _CLOSING and server.getreply()[0] // 100 == 3:
            self._drop()

    def _finish(self, server: smtplib.SMTP) -> Reply:
        """Send the final dot. From here on the server may have taken the mail."""
        with talking("no answer after the final dot: ", accepted_maybe=True):
            _wait_at_most(server, self._sender.final_timeout)
            server.send(b".\r\n")
            code, words = server.getreply()
            if code // 100 not in {2, 4, 5}:
                raise smtplib.SMTPResponseException(code, words)
            _wait_at_most(server, self._sender.timeout)
            return code, words

    def _judged(self, answer: Reply, *, wanted: int = 2) -> None:
        if answer[0] == _CLOSING:
            self._drop()
        judge(answer, wanted=wanted)

    def _forget(self, server: smtplib.SMTP, error: BaseException) -> None:
        """After what failed: have the server forget it where it still listens, else hang up."""
        if isinstance(error, MailUnreachable) and stalled(error):
            self._given_up = error
        if self._server is None:
            return
        if not isinstance(error.__cause__, OSError | smtplib.SMTPException):
            with suppress(OSError, smtplib.SMTPException):
                if server.rset()[0] == 250:
                    return
        self._drop()

    def _drop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()


def _begin(server: smtplib.SMTP, sender: str, recipients: Sequence[str]) -> None:
    """Begin a mail, up to the answer to MAIL; what else may be said before that, is."""
    lines = [f"MAIL FROM:{smtplib.quoteaddr(sender)}"]
    if _at_once(server, recipients):
        lines += f"RCPT TO:{smtplib.quoteaddr(recipients[0])}", "DATA"
    server.send("".join(f"{line}\r\n" for line in lines))
    code, words = server.getreply()
    if code != 250:
        raise smtplib.SMTPSenderRefused(code, words, sender)


def _at_once(server: smtplib.SMTP, recipients: Sequence[str]) -> bool:
    """Whether a mail's commands go out together: not where one of several could be refused."""
    return len(recipients) == 1 and server.has_extn("pipelining")


def _wait_at_most(server: smtplib.SMTP, seconds: float) -> None:
    if server.sock is not None:
        server.sock.settimeout(seconds)
