"""
The way to Stripe: every HTTP request of ours goes through here, whatever the SDK asks.

It takes its turn in the common line, it says whether an answer came, and it is sent again only
where that can not do anything twice: Stripe says so, or it certainly was not begun. A POST
without a key of ours is never sent again.
"""

from __future__ import annotations

import json
import logging
import platform
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import requests
import stripe
from requests.adapters import HTTPAdapter
from stripe import APIConnectionError
from urllib3.exceptions import NewConnectionError

from recoup.errors import Busy, Rejected
from recoup.processors.base import Line
from recoup.processors.stripe.calls.errors import NOT_BEGUN, wait_of
from recoup.telemetry import span

log: Final = logging.getLogger(__name__)

#: Told of every HTTP request: the method, the path, and the form as it is sent.
Watch = Callable[[str, str, str], None]

#: First words of a path that are no collection themselves.
_NAMESPACES: Final = frozenset({"billing", "billing_portal", "checkout", "tax", "test_helpers"})
#: What stands in an id's place and is none.
_NO_IDS: Final = frozenset({"create_preview", "search", "upcoming"})
_POOLED: Final = 20


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds, and how often an unanswered request is sent again."""

    connect: float = 5.0
    read: float = 30.0
    again: int = 2
    pause: float = 0.5  #: before the second try; doubled before the third, both jittered
    total: float = 5.0  #: after so long nothing is sent again


USUAL: Final = Patience()

#: What one HTTP request came to.
_Result = tuple[bytes, int, Mapping[str, str]] | APIConnectionError


class Wire(stripe.HTTPClient):
    """
    An HTTP client of the SDK, for any number of threads.

    Args:
        line: What all processes that ask share.
        watch: Told of every request.
    """

    name = "requests"

    def __init__(
        self, line: Line, *, patience: Patience = USUAL, watch: Watch | None = None
    ) -> None:
        super().__init__()
        self._line = line
        self._patience = patience
        self._watch = watch
        self._session = requests.Session()
        # Stripe redirects nobody; a POST that is redirected would become a GET.
        self._session.max_redirects = 0
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=_POOLED))
        self._inner = stripe.RequestsClient(
            timeout=(patience.connect, patience.read), session=self._session
        )

    def request_with_retries(  # type: ignore[override]  # the SDK says str and reads bytes
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        post_data: Any = None,
        max_network_retries: int | None = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """
        Send the request; return the answer's body, status and headers.

        `max_network_retries` above 0 says that the request has a key of ours.

        Raises:
            Busy: the line says so, and nothing was sent.
            Rejected: the path names nothing.
            stripe.APIConnectionError: no answer, or none of Stripe's.
        """
        place = endpoint(method, url)
        most = self._patience.again if max_network_retries or method != "post" else 0
        begun, tries, result = time.monotonic(), 0, None
        while True:
            try:
                time.sleep(self._line.turn(place))
            except Busy:
                if result is None:
                    raise
                break  # what came before says more: it may have been begun
            with span(f"stripe {place}"):
                result = self._sent(method, url, headers, post_data)
            tries += 1
            pause = self._pause(tries, result)
            late = time.monotonic() - begun + pause > self._patience.total
            if tries > most or late or not _may_be_sent_again(result):
                break
            time.sleep(pause)
        if isinstance(result, APIConnectionError):
            raise result
        return result

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def _sent(
        self, method: str, url: str, headers: Mapping[str, str], form: str | None
    ) -> _Result:
        """Send it once, and tell the line whether an answer came."""
        if self._watch is not None:
            parts = urlsplit(url)
            self._watch(method.upper(), parts.path, parts.query if form is None else form)
        try:
            answer = self._inner.request(method, url, _said(headers), form)
            body, status, told = _understood(*answer)
        except APIConnectionError as error:
            self._line.silent()
            return _plain(error)
        replayed = told.get("Idempotent-Replayed") == "true"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not replayed:
            self._line.silent()
        else:
            self._line.answered()
        return body, status, told

    def _pause(self, tries: int, result: _Result) -> float:
        """Return how long to wait before the next try: jittered, never less than was asked for."""
        jitter = random.uniform(0.5, 1.0)  # noqa: S311  no secret
        usual = self._patience.pause * 2.0 ** (tries - 1) * jitter
        asked = None if isinstance(result, APIConnectionError) else wait_of(result[2])
        return max(usual, asked or 0.0)


def endpoint(method: str, url: str) -> str:
    """
    Return what the request's pace is counted by: "POST /v1/invoices/:id/pay".

    Raises:
        Rejected: an id in the path is empty or dots, so that it would name something else.
    """
    words = urlsplit(url).path.strip("/").split("/")
    if any(word in {"", ".", ".."} for word in words) or urlsplit(url).path.endswith("/"):
        raise Rejected("an id is missing: the request would be about something else")
    first = 2 if len(words) > 1 and words[1] in _NAMESPACES else 1
    shown = [
        ":id" if n > first and (n - first) % 2 and word not in _NO_IDS else word
        for n, word in enumerate(words)
    ]
    return f"{method.upper()} /{'/'.join(shown)}"


def _may_be_sent_again(result: _Result) -> bool:
    """Whether sending it again can not do it twice: Stripe says so, or it was not begun."""
    if isinstance(result, APIConnectionError):
        return result.should_retry
    body, status, headers = result
    advice = headers.get("Stripe-Should-Retry")
    if advice in {"true", "false"}:
        return advice == "true"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return status == HTTPStatus.CONFLICT and _code(body) in NOT_BEGUN


def _understood(
    body: bytes, status: int, headers: Mapping[str, str]
) -> tuple[bytes, int, Mapping[str, str]]:
    """
    Return the answer as the SDK may have it.

    Raises:
        stripe.APIConnectionError: it is no JSON object, or no error where it should be one; so
            it is none of Stripe's, or not whole.
    """
    try:
        whole = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if status >= HTTPStatus.BAD_REQUEST:
            msgspec.json.decode(whole["error"], type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
        raise _no_answer(f"the answer is no JSON of Stripe's (HTTP {status})") from None
    notice = headers.get("Stripe-Notice")
    if notice is None:
        return body, status, headers
    log.warning("Stripe says: %s", notice)  # the SDK would warn, which may be an error
    return body, status, _without(headers, "stripe-notice")


def _plain(error: APIConnectionError) -> APIConnectionError:
    """
    Return the error without the address in its text, which may hold somebody's.

    It may be sent again only where no connection was made at all.
    """
    cause = error.__cause__
    if cause is None:
        return error
    reason = getattr(cause.args[0] if cause.args else None, "reason", None)
    never_left = isinstance(cause, requests.ConnectTimeout) or (
        isinstance(cause, requests.ConnectionError)
        and not isinstance(cause, requests.exceptions.SSLError)
        and isinstance(reason, NewConnectionError)
    )
    words = "no connection to Stripe" if never_left else "no whole answer from Stripe"
    what = type(cause).__name__
    if reason is not None:
        what += f", {type(reason).__name__}"
    return _no_answer(f"{words} ({what})", again=never_left)


def _no_answer(words: str, *, again: bool = False) -> APIConnectionError:
    return APIConnectionError(words, should_retry=again)  # type: ignore[no-untyped-call]


def _said(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with our name in them, and without what the SDK says of the machine."""
    client = {
        "lang": "python",
        "lang_version": platform.python_version(),
        "application": {"name": "recoup"},
    }
    return {
        **headers,
        "User-Agent": f"Stripe/v1 PythonBindings/{stripe.VERSION} recoup",
        "X-Stripe-Client-User-Agent": json.dumps(client),
    }


def _code(body: bytes) -> str | None:
    told = msgspec.json.decode(body).get("error")
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, str) else None


def _without(headers: Mapping[str, str], name: str) -> Mapping[str, str]:
    kept = requests.structures.CaseInsensitiveDict[str]()
    kept.update({key: value for key, value in headers.items() if key.lower() != name})
    return kept
