"""The application: its routes, and what they share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
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
from recoup.store import database
from recoup.web.api import Desk
from recoup.web.health import Watch
from recoup.web.letterbox import WRITERS
from recoup.web.receiving import Receiving
from recoup.web.shell import Shell, as_json, refused, told, traced
from recoup.webhooks.post import Door

if TYPE_CHECKING:
    from recoup.web.metrics import Figures

WEBHOOKS: Final = "/webhooks/stripe"
#: How long a sender's transaction waits for the database: less than the sender does.
_PATIENCE: Final = timedelta(seconds=3)
#: Connections for finding out who asks the API.
ASKING: Final = 3

_Answers = Callable[[Request], Awaitable[Response]]


def app(recoup: Recoup) -> Starlette:
    """
    Return the ASGI application of `recoup`, on connections of its own.

    They end with the application's lifespan; `recoup` itself is the caller's to close.
    """
    engine = database.connect(
        recoup.database.url,
        schema=recoup.config.schema_name,
        pool_size=WRITERS + 1 + ASKING,
        patience=_PATIENCE,
        ping=False,
    )
    watch = Watch(engine, recoup.clock.now)
    figures = _figures(watch)
    door = Door.of(recoup, engine=engine)
    receiving = Receiving(door) if figures is None else Receiving(door, counted=figures.counted)
    threads = ThreadPoolExecutor(1, thread_name_prefix="recoup watch")
    desk = Desk(recoup, engine)
    routes = [
        Route(WEBHOOKS, receiving.__call__, methods=["POST"]),
        Route("/healthz", _healthz(watch, threads), methods=["GET"]),
        Route("/readyz", _readyz(watch, threads), methods=["GET"]),
        Route("/metrics", _metrics(figures, threads), methods=["GET"]),
        *desk.routes(),
    ]
    counted = {} if figures is None else {"counted": figures.answered}
    made = Starlette(
        routes=[traced(route) for route in routes],
        middleware=[Middleware(Shell, **counted)],
        exception_handlers={HTTPException: refused},
        lifespan=_lifespan(receiving, desk, threads, engine),
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
            return told(404, "not_installed", "pip install 'recoup[metrics]'")
        text = await asyncio.get_running_loop().run_in_executor(threads, figures.text)
        return Response(text, media_type="text/plain; version=0.0.4")

    return metrics


def _lifespan(
    receiving: Receiving, desk: Desk, threads: ThreadPoolExecutor, engine: Engine
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await receiving.close()
        await asyncio.to_thread(desk.close)
        threads.shutdown(wait=False)
        engine.dispose()

    return lifespan
