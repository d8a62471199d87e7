"""
Where requests are answered: read in the loop, answered in threads, of which there are few.

A request waits for a thread, and no longer queue than this is kept: what can not be answered soon
is refused at once, having done nothing. Reads and writes have threads of their own, so that a
processor that takes its time keeps nobody from looking.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from recoup.billing import Recoup
from recoup.core.billing.contact import storable
from recoup.errors import NotFound, RecoupError
from recoup.processors.fake import FakeProcessor
from recoup.store import database, keys
from recoup.store.keys import Holder, NoKey
from recoup.store.records import commands
from recoup.telemetry import about
from recoup.web import pay
from recoup.web.api import openapi, reading, refusals
from recoup.web.api.endpoint import MEDIA, Asked, Endpoint, File, Nothing, Rows
from recoup.web.api.nouns import ENDPOINTS
from recoup.web.api.reading import received
from recoup.web.api.refusals import FORBIDDEN, NO_KEY, PENDING, Refusal, Refused
from recoup.web.api.threads import Threads
from recoup.web.shell import as_json, request_id, told

log: Final = logging.getLogger(__name__)

#: Threads for what only reads, and for what may change something.
READERS: Final = 2
WRITERS: Final = 4

_encode: Final = msgspec.json.Encoder().encode
_Answers = Callable[[Request], Awaitable[Response]]


class Desk:
    """The API of one `Recoup`. Ends with `close`, which lets what is in hand end first."""

    def __init__(
        self,
        recoup: Recoup,
        engine: Engine,
        endpoints: Sequence[Endpoint] = (*ENDPOINTS, pay.ENDPOINT),
        *,
        payer_of: pay.PayerOf | None = None,
    ) -> None:
        self._recoup = recoup
        self._engine = engine
        self._payer_of = payer_of
        self._readers = Threads(READERS, "recoup api reads")
        self._writers = Threads(WRITERS, "recoup api writes")
        self._endpoints = endpoints
        self._document = openapi.document(endpoints)

    def routes(self) -> list[Route]:
        """Return a route for each path, and that of the OpenAPI document, which needs no key."""
        paths: dict[str, dict[str, Endpoint]] = {}
        for one in self._endpoints:
            paths.setdefault(one.route, {})[one.method] = one
        made = [
            Route(path, self._answering(methods), methods=list(methods))
            for path, methods in paths.items()
        ]
        return [*made, Route(openapi.PATH, self._described, methods=["GET"])]

    def close(self) -> None:
        """Answer what is in hand, and take no more. Not in the loop."""
        self._readers.close()
        self._writers.close()

    async def _described(self, _: Request) -> Response:
        return as_json(self._document)

    def _answering(self, methods: Mapping[str, Endpoint]) -> _Answers:
        async def answer(request: Request) -> Response:
            endpoint = methods["GET" if request.method == "HEAD" else request.method]
            try:
                sent = await received(request) if endpoint.changes else b""
                slow = endpoint.changes or endpoint.file
                threads = self._writers if slow else self._readers
                return await threads.run(lambda: self._answered(endpoint, request, sent))
            except Refused as no:
                return _refused(no.refusal, request)

        return answer

    def _answered(self, endpoint: Endpoint, request: Request, raw: bytes) -> Response:
        """Answer one request, in a thread."""
        try:
            who = self._admitted(endpoint, request)
        except Exception as error:  # noqa: BLE001  what is nobody's goes on
            return _refused(_known(error), request)
        with about(key=_actor(who)):
            return self._served(endpoint, request, raw, who)

    def _served(self, endpoint: Endpoint, request: Request, raw: bytes, who: Holder) -> Response:
        key: str | None = None
        try:
            asked = self._asked(endpoint, request, raw, who)
            key = asked.key
            shown = self._shown(endpoint, asked)
        except Exception as error:  # noqa: BLE001  what is nobody's goes on
            if key is not None and isinstance(error, PENDING) and self._recorded(key):
                body, headers = refusals.pending(error, key)
                return as_json(body, 202, headers=headers)
            return _refused(_known(error), request)
        if endpoint.changes:
            log.info("%s: done", endpoint.name)
        if isinstance(shown, File):
            return _file(shown)
        return Response(_encode(shown), endpoint.status, media_type="application/json")

    def _admitted(self, endpoint: Endpoint, request: Request) -> Holder:
        """
        Return who asks, if they may.

        Raises:
            Refused: nobody known, or not with this key; at what changes something it is recorded.
        """
        presented = reading.bearer(request.headers.getlist("authorization"))
        if presented is None and isinstance(endpoint, pay.Apart):
            payer = pay.payer(self._recoup, self._payer_of, request)
            if payer is not None:
                return payer
        try:
            return self._looked_up(endpoint, request, presented)
        except Exception as error:
            if not database.is_lost(error):
                raise
            self._engine.dispose()  # the server was restarted: all that we hold are dead
            return self._looked_up(endpoint, request, presented)

    def _looked_up(self, endpoint: Endpoint, request: Request, presented: str | None) -> Holder:
        now = self._recoup.clock.now()
        with self._engine.begin() as connection:
            who = keys.holder(connection, presented, now=now)
            if isinstance(who, Holder) and endpoint.scope in who.scopes:
                return who
            reason = who.reason if isinstance(who, NoKey) else "scope"
            if endpoint.changes:
                keys.deny(
                    connection,
                    key_id=who.id,
                    endpoint=endpoint.name,
                    reason=reason,
                    request=request_id(request),
                    now=now,
                )
        if isinstance(who, Holder):
            raise Refused(
                replace(FORBIDDEN, message=f"{FORBIDDEN.message}: it has not {endpoint.scope}")
            )
        raise Refused(NO_KEY)

    def _asked(self, endpoint: Endpoint, request: Request, raw: bytes, who: Holder) -> Asked:
        key = (
            reading.idempotency_key(request.headers.getlist("idempotency-key"))
            if endpoint.keyed
            else None
        )
        query = reading.query(request.query_params.multi_items(), endpoint.query)
        type = request.headers.get("content-type")
        body = reading.body(raw, type, endpoint.takes) if endpoint.changes else Nothing()
        recoup = self._recoup.acting_as(_actor(who))
        if endpoint.changes and isinstance(recoup.processor, FakeProcessor):
            recoup.processor.advance(recoup.clock.now())  # nobody else moves its clock
        id = request.path_params.get("id", "")
        if not storable(id):
            raise NotFound("nothing has an id like that")
        payer = who.customer if isinstance(who, pay.Payer) else None
        return Asked(recoup, id, query, body, key, payer)

    def _shown(self, endpoint: Endpoint, asked: Asked) -> Any:
        result = endpoint.run(asked)
        if isinstance(result, File):
            return result
        if isinstance(result, Rows):
            rows, after = result.page(asked.query.limit)
            result = {"data": rows, "next": after}
        return msgspec.convert(result, endpoint.answers, from_attributes=True)

    def _recorded(self, key: str) -> bool:
        with database.reading(self._recoup.database) as connection:
            return commands.by_key(connection, key) is not None


def _actor(who: Holder) -> str:
    """Return what the ledger calls who asks: "key:NAME", or "customer:7"."""
    return who.name if isinstance(who, pay.Payer) else f"key:{who.name}"


def _known(error: Exception) -> Refusal:
    """
    Return an error as what is answered.

    Raises:
        Exception: the same, if it is a fault of ours.
    """
    found = refusals.refusal(error)
    if found is None:
        raise error
    if found.status >= 500 and not isinstance(error, RecoupError | Refused):
        log.warning("the database does not answer: %s", type(error).__name__)
    return found


def _refused(no: Refusal, request: Request) -> Response:
    return told(no.status, no.code, no.message, headers=no.headers, request_id=request_id(request))


def _file(file: File) -> Response:
    """Return a file to be saved: no browser shows it in our name, and no cache keeps it."""
    headers = {
        "content-disposition": f'attachment; filename="{file.name}"',
        "etag": f'"{file.digest}"',
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
    }
    return Response(file.content, media_type=MEDIA, headers=headers)
