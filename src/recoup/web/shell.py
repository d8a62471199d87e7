"""
What every answer has: a request's id, headers that forbid a browser everything, errors as JSON.

An error says a code and a sentence of ours, never what was raised.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recoup.webhooks.post import Answer

log: Final = logging.getLogger(__name__)

_encode: Final = msgspec.json.Encoder().encode
_HEADERS: Final = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "strict-transport-security": "max-age=31536000",
        "x-content-type-options": "nosniff",
    }.items()
)
_WORDS: Final = {
    404: ("not_found", "there is nothing here"),
    405: ("method_not_allowed", "not by this method"),
}
_OTHER: Final = ("refused", "this can not be answered")


class Shell:
    """Gives each request an id, which its answer and its log lines name, and its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        id = secrets.token_hex(8).encode()
        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                own = [*_HEADERS, (b"x-request-id", id)]
                message["headers"] = [*message.get("headers", ()), *own]
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception:
            log.exception("request %s failed", id.decode())
            if begun:
                raise
            failed = told(500, "failed", f"this failed here; it is known as {id.decode()}")
            await failed(scope, receive, with_headers)


def told(
    status: int, code: str, message: str = "", *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer that is one code: of success, or of an error and what it means."""
    return as_json(Answer(status, code, message).body(), status, headers=headers)


def as_json(
    value: object, status: int = 200, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return `value` as JSON: instants as ISO 8601."""
    return Response(_encode(value), status, headers, media_type="application/json")


async def refused(_: Request, error: Exception) -> Response:
    """Answer what the routes refuse: no such path, not this method."""
    assert isinstance(error, HTTPException)  # noqa: S101  registered for these
    code, message = _WORDS.get(error.status_code, _OTHER)
    return told(error.status_code, code, message, headers=error.headers)
