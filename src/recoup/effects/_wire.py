"""
One post over HTTP: to the address that was checked, within ten seconds, and nowhere further.

No redirect is followed, no proxy of the environment is used, and of the answer no more is read
than is kept.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Final, Self

from recoup.effects import _addresses
from recoup.effects._addresses import NotAllowed, Resolve
from recoup.errors import masked

KEPT: Final = 500  #: bytes of an answer
#: No server is obeyed that asks for more patience.
LONGEST_WAIT: Final = timedelta(days=1)
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a post may take, in seconds."""

    connect: float = 5.0
    total: float = 10.0


@dataclass(frozen=True, slots=True)
class Posted:
    """What one post came to."""

    status: int | None  #: None: there was no answer
    ms: int
    answer: str = ""  #: the first 500 bytes, without what must not be kept
    error: str | None = None  #: why it is not delivered, if it is not
    after: timedelta | None = None  #: how long the server asks to be left alone
    raw: bytes = field(default=b"", repr=False)  #: as much of the answer as was asked for

    @property
    def gone(self) -> bool:
        """Whether the server says that there is no such endpoint any more."""
        return self.status == http.HTTPStatus.GONE


class Wire:
    """
    Posts bytes.

    Args:
        anywhere: Plain http, any port and private addresses are fine too.
        resolve: Looks up a host.
        context: How servers are believed to be who they are; by default as the system does.
    """

    def __init__(
        self,
        *,
        anywhere: bool = False,
        resolve: Resolve = _addresses.resolved,
        context: ssl.SSLContext | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.anywhere = anywhere
        self._resolve = resolve
        self._context = context
        self._limits = limits or Limits()

    def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        now: datetime,
        kept: int = KEPT,
    ) -> Posted:
        """
        Return what a post came to; nothing is raised.

        Args:
            now: UTC, for a `Retry-After` that is a date.
            kept: Bytes of the answer that are read.
        """
        began = time.monotonic()
        status: int | None = None
        answer, after, error = b"", None, None
        try:
            with self._connected(url, until=began + self._limits.total) as line:
                line.request("POST", line.path, body, dict(headers))
                response = line.getresponse()
                status = response.status
                after = _patience(response.headers.get("Retry-After"), now)
                with suppress(OSError, http.client.HTTPException):
                    answer = response.read(kept)
        except NotAllowed as refused:
            error = f"not sent: {refused}"
        except (OSError, http.client.HTTPException) as failed:
            error = _described(failed)
        ms = round((time.monotonic() - began) * 1000)
        return Posted(status, ms, cleaned(answer), error or _refused(status), after, answer)

    def _connected(self, url: str, *, until: float) -> _Line:
        where = _addresses.target(url, anywhere=self.anywhere)
        addresses = _addresses.reachable(where, resolve=self._resolve, anywhere=self.anywhere)
        for last, address in enumerate(addresses, 1 - len(addresses)):
            try:
                left = min(self._limits.connect, until - time.monotonic())
                raw = socket.create_connection((address, where.port), max(left, 0.001))
            except OSError:
                if not last:
                    raise
                continue
            break
        line = _Line(where)
        try:
            if where.secure:
                raw.settimeout(max(until - time.monotonic(), 0.001))
                context = self._context or _trusting()
                raw = context.wrap_socket(raw, server_hostname=where.host)
        except BaseException:
            raw.close()
            raise
        line.sock = line.timed = _Timed(raw, until)
        return line


@cache
def _trusting() -> ssl.SSLContext:
    """Believe as the system does; reading whom it believes takes longer than most posts."""
    return ssl.create_default_context()


class _Line(http.client.HTTPConnection):
    """A connection that is made already, and is never made again."""

    auto_open = 0
    timed: _Timed

    def __init__(self, where: _addresses.Target) -> None:
        super().__init__(where.host, where.port)
        self.path = where.path
        self._authority = where.authority

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.timed.end()

    def putrequest(
        self,
        method: str,
        url: str,
        skip_host: bool = False,
        skip_accept_encoding: bool = False,
    ) -> None:
        """Begin a request to the host that was asked for, whatever address it has."""
        del skip_host, skip_accept_encoding
        super().putrequest(method, url, skip_host=True, skip_accept_encoding=True)
        self.putheader("Host", self._authority)


class _Timed:
    """A socket all of whose work together is over at an instant of the monotonic clock."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock = sock
        self._until = until

    def _hurry(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("it took too long")
        self._sock.settimeout(left)

    def sendall(self, data: Any) -> None:
        self._hurry()
        self._sock.sendall(data)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def receive(self, into: Any) -> int:
        self._hurry()
        return self._sock.recv_into(into)

    def close(self) -> None:
        """Do nothing: whoever is done with the request may still read the answer."""

    def end(self) -> None:
        self._sock.close()


class _Reader(io.RawIOBase):
    def __init__(self, timed: _Timed) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        return self._timed.receive(into)


def cleaned(answer: bytes) -> str:
    """Return what is kept of an answer: one line of what can be printed, secrets masked."""
    text = answer[:KEPT].decode("utf-8", "replace")
    seen = "".join(one if one.isprintable() else " " for one in text)
    return masked(" ".join(seen.split()))


def _patience(told: str | None, now: datetime) -> timedelta | None:
    """Return how long a `Retry-After` asks to wait, at most a day; None if it says nothing."""
    if told is None:
        return None
    if _SECONDS.fullmatch(told.strip()):
        wait = timedelta(seconds=int(told))
    else:
        try:
            at = parsedate_to_datetime(told)
        except (ValueError, IndexError):
            return None
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def _refused(status: int | None) -> str | None:
    if status is None or 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"answered {status}: redirects are not followed"
    return f"answered {status}"


def _described(failed: Exception) -> str:
    """Return what went wrong, in words that hold nothing of the URL."""
    if isinstance(failed, TimeoutError):
        return "no answer in time"
    if isinstance(failed, socket.gaierror):
        return "its host has no address"
    if isinstance(failed, ssl.SSLCertVerificationError):
        return cleaned(f"its certificate is not good: {failed.verify_message}".encode())
    return cleaned(f"{type(failed).__name__}: {failed}".encode())
