"""A server that is killed at the n-th step that the outside world can see of it."""

from __future__ import annotations

import threading
from multiprocessing.connection import Connection as Pipe

from sqlalchemy import event
from sqlalchemy.pool import Pool

from recoup import web
from recoup.billing import Recoup
from recoup.config import Config
from recoup.testing.crash_worker import Steps
from recoup.web import serving


class Stepping:
    """Counts a step around each message of a request's."""

    def __init__(self, app, step):
        self._app = app
        self._step = step

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def received():
            message = await receive()
            self._step("a body has come")
            return message

        async def sent(message):
            self._step(f"before {message['type']}")
            await send(message)
            self._step(f"after {message['type']}")

        await self._app(scope, received, sent)


def serve(settings: dict[str, str], last: int, pipe: Pipe) -> None:
    """Say where it listens, serve, and die at step `last`."""
    with Recoup(Config.load(**settings)) as recoup:
        listener = serving.listening("127.0.0.1", 0)
        pipe.send(listener.getsockname()[1])
        steps, one = Steps(last, pipe), threading.Lock()

        def step(name: str) -> None:
            with one:  # the loop and the writers pass steps at the same time
                steps.step(name)

        # Between the two is the statement that commits, and nothing else.
        event.listen(Pool, "checkout", lambda *_: step("before the commit"))
        event.listen(Pool, "checkin", lambda *_: step("after the commit"))
        serving.serve(Stepping(web.app(recoup), step), listener)
