"""
Mails by Resend's HTTP API.

A mail is known there by its Message-ID, as the idempotency key and as a tag: the same one again
within 24 hours goes out once, and what is posted back about it names it. Resend gives the mail
that arrives a Message-ID of its own.
Source: resend.com/docs/api-reference: emails/send-email, errors, rate-limit;
resend.com/docs/dashboard/emails/idempotency-keys.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import urlsplit

from recoup.errors import MailUnreachable, Undeliverable
from recoup.mail.wording import one_line

#: The tag under which a mail's own name comes back.
TAG: Final = "recoup_mail"
#: Seconds for a whole answer.
TIMEOUT: Final = 30.0
#: Bytes of an answer that are read.
_MOST: Final = 64 * 1024

#: Status, body, and how long we are asked to wait.
Answer = tuple[int, bytes, str | None]
#: Seconds to leave it alone when it has had enough and does not say for how long; and at most.
ENOUGH: Final = 3600.0
LONGEST: Final = 86_400.0

#: Headers that go with a mail; the others are Resend's to make, or fields of the request.
_HEADERS: Final = (
    "Auto-Submitted", "In-Reply-To", "References", "List-Unsubscribe", "List-Unsubscribe-Post",
)  # fmt: skip
#: The mail was taken before, as it was then; what it says now is newer.
_TAKEN: Final = "invalid_idempotent_request"
#: What is wrong with the recipient alone. All other refusals are about us or about all mails.
_RECIPIENT: Final = "invalid `to`"
_ITS_NAMES: Final = frozenset({"invalid_to_address", "invalid_attachment"})


class ResendSender:
    """
    Sends by Resend.

    Args:
        key: May send, `re_…`.
        base: Where the API is.
        timeout: Seconds for an answer.
    """

    def __init__(
        self,
        key: str,
        *,
        base: str = "https://api.resend.com",
        context: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        parts = urlsplit(base)
        self.secure = parts.scheme == "https"
        self.host = parts.hostname or "api.resend.com"
        self.port = parts.port or (443 if self.secure else 80)
        self.path = f"{parts.path.rstrip('/')}/emails"
        self.context = context
        self.timeout = timeout
        self._key = key

    def __repr__(self) -> str:
        return f"ResendSender({self.host}:{self.port})"

    def send(self, message: EmailMessage) -> None:
        """
        Hand `message` over, on a connection of its own.

        Raises:
            Undeliverable: the recipient's address, or this mail's attachment, is refused.
            MailUnreachable: any other refusal, no connection, bad TLS; with `accepted_maybe` when
                it was handed over and no answer came.
        """
        with self.session() as one:
            one.send(message)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Give what sends any number of mails over one connection, begun with the first."""
        session = Session(self)
        try:
            yield session
        finally:
            session.close()

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection that is not open yet."""
        if not self.secure:
            return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        context = self.context or ssl.create_default_context()
        return http.client.HTTPSConnection(
            self.host, self.port, timeout=self.timeout, context=context
        )

    def headers(self, message: EmailMessage) -> Mapping[str, str]:
        """Return what goes with the request of a mail, the key among it."""
        return {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": "application/json",
            "Idempotency-Key": name_of(message),
            "User-Agent": "recoup",
        }


class Session:
    """Mails in a row over one connection, for one thread."""

    def __init__(self, sender: ResendSender) -> None:
        self._sender = sender
        self._connection: http.client.HTTPConnection | None = None
        self._given_up: MailUnreachable | None = None
        self.answer = ""  #: what was said of the newest mail that was taken

    def send(self, message: EmailMessage) -> None:
        """
        Hand one mail over.

        Raises:
            Undeliverable, MailUnreachable: see `ResendSender.send`.
        """
        if self._given_up is not None:
            raise MailUnreachable(f"not tried: {self._given_up}", after=self._given_up.after)
        try:
            status, answer, after = self._posted(message)
            if status == http.HTTPStatus.TOO_MANY_REQUESTS:
                raise _busy(answer, after)
        except MailUnreachable as error:
            self._given_up = error
            self.close()
            raise
        if status // 100 != 2:
            _refused(status, answer)
        self.answer = one_line(f"{status} {answer.decode('utf-8', 'replace')}", longest=300)

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _posted(self, message: EmailMessage) -> Answer:
        """Return the answer. A connection that was kept open may have been closed meanwhile."""
        body = json.dumps(payload(message)).encode()
        headers = self._sender.headers(message)
        if self._connection is not None:
            # The same key makes it safe to ask again.
            with suppress(OSError, http.client.HTTPException):
                return self._asked(self._connection, body, headers)
            self.close()
        where = f"{self._sender.host}:{self._sender.port}: "
        connection = self._sender.connection()
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise MailUnreachable(f"{where}{_said(error)}") from error
        self._connection = connection
        try:
            return self._asked(connection, body, headers)
        except (OSError, http.client.HTTPException) as error:
            raise MailUnreachable(
                f"{where}no answer: {_said(error)}", accepted_maybe=True
            ) from error

    def _asked(
        self, connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        connection.request("POST", self._sender.path, body, dict(headers))
        answer = connection.getresponse()
        read = answer.read(_MOST)
        if answer.will_close or not answer.isclosed():
            self.close()
        return answer.status, read, answer.getheader("Retry-After")


def name_of(message: EmailMessage) -> str:
    """Return what a mail is known by there: its Message-ID before the @, letters and digits."""
    return str(message["Message-ID"]).strip().strip("<>").partition("@")[0]


def payload(message: EmailMessage) -> dict[str, Any]:
    """Return what is asked for."""
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    asked: dict[str, Any] = {
        "from": str(message["From"]),
        "to": [address.addr_spec for address in message["To"].addresses],
        "subject": str(message["Subject"]),
        "headers": {name: str(message[name]) for name in _HEADERS if message[name] is not None},
        "tags": [{"name": TAG, "value": name_of(message)}],
    }
    if message["Reply-To"] is not None:
        asked["reply_to"] = [address.addr_spec for address in message["Reply-To"].addresses]
    if text is not None:
        asked["text"] = text.get_content()
    if html is not None:
        asked["html"] = html.get_content()
    attachments = [_attached(part) for part in message.iter_attachments()]
    return asked | ({"attachments": attachments} if attachments else {})


def _attached(part: Any) -> dict[str, str]:
    return {
        "filename": part.get_filename() or "attachment",
        "content_type": part.get_content_type(),
        "content": base64.b64encode(part.get_payload(decode=True) or b"").decode(),
    }


def _refused(status: int, answer: bytes) -> None:
    """Raise what a refusal means, unless it says that the mail was taken before."""
    name, words = _error(answer)
    said = one_line(f"{status} {name} {words}", longest=300)
    if status == http.HTTPStatus.CONFLICT and name == _TAKEN:
        return
    its_own = name in _ITS_NAMES or words.casefold().startswith(_RECIPIENT)
    if status in {400, 422} and its_own:
        raise Undeliverable(said)
    # A server's error or a proxy's may come after the mail was taken; the key keeps it one mail.
    raise MailUnreachable(said, accepted_maybe=status >= 500)


def _busy(answer: bytes, after: str | None) -> MailUnreachable:
    """Too many requests, or the day's or month's mails are used up: nothing was looked at."""
    name, words = _error(answer)
    seconds = float(after) if after is not None and after.strip().isdecimal() else ENOUGH
    said = one_line(f"429 {name} {words}", longest=300)
    return MailUnreachable(said, after=min(max(seconds, 1.0), LONGEST))


def _error(answer: bytes) -> tuple[str, str]:
    try:
        told = json.loads(answer)
        return str(told.get("name", "")), str(told.get("message", ""))
    except (ValueError, AttributeError):
        return "", answer[:200].decode("utf-8", "replace")


def _said(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}", longest=200)
