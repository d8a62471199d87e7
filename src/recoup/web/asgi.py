"""The application: its routes, and what they share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from recoup.billing import Recoup
from recoup.errors import ConfigError, InvalidValue
from recoup.store import database
from recoup.web.api import Desk
from recoup.web.health import Watch
from recoup.web.letterbox import WRITERS
from recoup.web.pages import Counter
from recoup.web.pay import PayerOf
from recoup.web.receiving import Receiving
from recoup.web.shell import Shell, as_json, refused, told, traced
from recoup.webhooks.mailed import MailDoor
from recoup.webhooks.post import Door, described

if TYPE_CHECKING:
    from recoup.web.metrics import Figures

log: Final = logging.getLogger(__name__)

WEBHOOKS: Final = "/webhooks/stripe"
MAILED: Final = "/webhooks/resend"
#: How long a sender's transaction waits for the database: less than the sender does.
_PATIENCE: Final = timedelta(seconds=3)
#: Connections for finding out who asks the API.
ASKING: Final = 3

_FIGURES: Final = "text/plain; version=0.0.4"

_Answers = Callable[[Request], Awaitable[Response]]


def app(recoup: Recoup, *, payer_of: PayerOf | None = None) -> Starlette:
    """
    Return the ASGI application of `recoup`, on connections of its own.

    They end with the application's lifespan; `recoup` itself is the caller's to close.

    Args:
        payer_of: Says which customer a request in the host's session is of, who may pay their
            bad debt; None when it is nobody's. Without it only keys of the API open that.
    """
    engine = database.connect(
        recoup.database.url,
        schema=recoup.config.schema_name,
        pool_size=WRITERS + 1 + ASKING,
        patience=_PATIENCE,
        ping=False,
    )
    patience = recoup.engine.policies.undo_within
    watch = Watch(engine, recoup.clock.now, undo_within=patience)
    figures = _figures(watch)
    door = Door.of(recoup, engine=engine)
    receiving = Receiving(door) if figures is None else Receiving(door, counted=figures.counted)
    mailed = Receiving(MailDoor.of(recoup, engine=engine))
    threads = ThreadPoolExecutor(1, thread_name_prefix="recoup watch")
    counting = ThreadPoolExecutor(1, thread_name_prefix="recoup numbers")
    desk = Desk(recoup, engine, payer_of=payer_of)
    counter = Counter(recoup)
    routes = [
        Route(WEBHOOKS, receiving.__call__, methods=["POST"]),
        Route(MAILED, mailed.__call__, methods=["POST"]),
        Route("/healthz", _healthz(watch, threads), methods=["GET"]),
        Route("/readyz", _readyz(watch, threads), methods=["GET"]),
        Route("/metrics", _metrics(figures, threads), methods=["GET"]),
        Route("/metrics/numbers", _numbers(recoup, counting), methods=["GET"]),
        *desk.routes(),
        *counter.routes(),
    ]
    counted = {} if figures is None else {"counted": figures.answered}
    made = Starlette(
        routes=[traced(route) for route in routes],
        middleware=[Middleware(Shell, **counted)],
        exception_handlers={HTTPException: refused},
        lifespan=_lifespan((receiving, mailed), (desk, counter), (threads, counting), engine),
    )
    made.router.redirect_slashes = False
    return made


def links_app(recoup: Recoup) -> Starlette:
    """
    Return an ASGI application that serves the pages of signed links and nothing else.

    Mount it in the host's own where RECOUP_LINKS_URL leads: they are below `/links`. It uses the
    connections of `recoup`, which is the caller's to close.

    Raises:
        ConfigError: RECOUP_SECRET_KEY is not set.
    """
    counter = Counter(recoup)
    routes = counter.routes()
    if not routes:
        raise ConfigError("RECOUP_SECRET_KEY: signed links need one. See docs/links.md.")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(counter.close)

    made = Starlette(
        routes=[traced(route) for route in routes],
        middleware=[Middleware(Shell)],
        exception_handlers={HTTPException: refused},
        lifespan=lifespan,
    )
    made.router.redirect_slashes = False
    return made


def _figures(watch: Watch) -> Figures | None:
    if find_spec("prometheus_client") is None:
        return None
    from recoup.web.metrics import Figures  # noqa: PLC0415  an extra

    return Figures(watch)


def _healthz(watch: Watch, threads: ThreadPoolExecutor) -> _Answers:
    async def healthz(_: Request) -> Response:
        look = await asyncio.get_running_loop().run_in_executor(threads, watch.look)
        return as_json({"status": look.status, **asdict(look)}, 200 if look.database else 503)

    return healthz


def _readyz(watch: Watch, threads: ThreadPoolExecutor) -> _Answers:
    async def readyz(_: Request) -> Response:
        look = await asyncio.get_running_loop().run_in_executor(threads, watch.look)
        if look.database and look.schema:
            return told(200, "ready")
        return told(503, "not_ready", "the database does not answer, or has another schema")

    return readyz


def _metrics(figures: Figures | None, threads: ThreadPoolExecutor) -> _Answers:
    async def metrics(_: Request) -> Response:
        if figures is None:
            return _not_installed()
        text = await asyncio.get_running_loop().run_in_executor(threads, figures.text)
        return Response(text, media_type=_FIGURES)

    return metrics


def _numbers(recoup: Recoup, threads: ThreadPoolExecutor) -> _Answers:
    async def numbers(request: Request) -> Response:
        if find_spec("prometheus_client") is None:
            return _not_installed()
        from recoup.web.numbers import text  # noqa: PLC0415  an extra

        days = request.query_params.get("days")
        try:
            body = await asyncio.get_running_loop().run_in_executor(threads, text, recoup, days)
        except InvalidValue as error:
            return told(400, "invalid_value", str(error))
        except Exception as error:  # noqa: BLE001  whatever it is, nothing was counted
            log.warning("the numbers were not counted: %s", described(error))
            return told(503, "unavailable", "the database does not answer as it should")
        return Response(body, media_type=_FIGURES)

    return numbers


def _not_installed() -> Response:
    return told(404, "not_installed", "pip install 'recoup[metrics]'")


def _lifespan(
    receiving: Iterable[Receiving],
    desks: Iterable[Desk | Counter],
    threads: Iterable[ThreadPoolExecutor],
    engine: Engine,
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        for endpoint in receiving:
            await endpoint.close()
        for served in desks:
            await asyncio.to_thread(served.close)
        for pool in threads:
            pool.shutdown(wait=False)
        engine.dispose()

    return lifespan
