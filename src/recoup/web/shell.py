"""
What every answer has: a request's id, headers that forbid a browser everything, errors as JSON.

An error says a code and a sentence of ours, never what was raised.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recoup.telemetry import about, span
from recoup.telemetry.spans import note
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


#: What a request that no route matches is counted as.
OTHER: Final = "other"
_ID: Final = "recoup.request_id"
_ROUTE: Final = "recoup.route"

#: Told of each answer: the method and the route's own path, the status, and the seconds it took.
Counted = Callable[[str, int, float], None]


class Shell:
    """
    Gives each request an id, which its answer and its log lines name, and its headers.

    Args:
        counted: Told of every answer.
    """

    def __init__(
        self, app: ASGIApp, counted: Counted = lambda _route, _status, _seconds: None
    ) -> None:
        self._app = app
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        id = secrets.token_hex(8).encode()
        scope[_ID] = id.decode()
        begun, status, since = False, 500, time.perf_counter()

        async def with_headers(message: Message) -> None:
            nonlocal begun, status
            if message["type"] == "http.response.start":
                begun, status = True, message["status"]
                given = list(message.get("headers", ()))
                named = {name for name, _ in given}  # a page may do more than an answer may
                own = [one for one in _HEADERS if one[0] not in named]
                message["headers"] = [*given, *own, (b"x-request-id", id)]
            await send(message)

        with about(request_id=id.decode()):
            try:
                await self._app(scope, receive, with_headers)
            except Exception:
                log.exception("request %s failed", id.decode())
                if begun:
                    raise
                message = f"this failed here; it is known as {id.decode()}"
                failed = told(500, "failed", message, request_id=id.decode())
                await failed(scope, receive, with_headers)
            finally:
                self._counted(scope.get(_ROUTE, OTHER), status, time.perf_counter() - since)


def traced(route: Route) -> Route:
    """Return a route whose requests are spans, and counted, by its own path: no id is in it."""
    answer = route.endpoint

    async def answered(request: Request) -> Response:
        name = f"{request.method} {route.path}"
        request.scope[_ROUTE] = name
        with span(f"HTTP {name}", route=route.path):
            response: Response = await answer(request)
            note(status=response.status_code)
        return response

    return Route(route.path, answered, methods=list(route.methods or ()))


def request_id(request: Request) -> str:
    """Return the id that the shell gave this request."""
    return str(request.scope.get(_ID, ""))


def told(
    status: int,
    code: str,
    message: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    request_id: str | None = None,
) -> Response:
    """Return an answer that is one code: of success, or of an error and what it means."""
    body = Answer(status, code, message).body()
    if request_id is not None and "error" in body:
        body["error"]["request_id"] = request_id
    return as_json(body, status, headers=headers)


def as_json(
    value: object, status: int = 200, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return `value` as JSON: instants as ISO 8601."""
    return Response(_encode(value), status, headers, media_type="application/json")


async def refused(request: Request, error: Exception) -> Response:
    """Answer what the routes refuse: no such path, not this method."""
    assert isinstance(error, HTTPException)  # noqa: S101  registered for these
    code, message = _WORDS.get(error.status_code, _OTHER)
    return told(
        error.status_code, code, message, headers=error.headers, request_id=request_id(request)
    )
