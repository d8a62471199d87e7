"""A few threads for what must not be done in the loop, and a short queue before them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final

from starlette.responses import Response

from recoup.web.api.refusals import OVERLOADED, Refused

#: Requests that may wait for one of them.
ROOM: Final = 64


class Threads:
    """A few threads, and a short queue before them."""

    def __init__(self, count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._most = count + ROOM
        self._taken = 0

    async def run(self, work: Callable[[], Response]) -> Response:
        """
        Return what `work` returns in a thread.

        It goes on, and has its place, when nobody waits for it any more.

        Raises:
            Refused: too many wait already.
        """
        if self._taken >= self._most:
            raise Refused(OVERLOADED)
        self._taken += 1
        done = asyncio.get_running_loop().run_in_executor(self._pool, copy_context().run, work)
        done.add_done_callback(self._free)
        return await asyncio.shield(done)

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    def _free(self, done: asyncio.Future[Response]) -> None:
        self._taken -= 1
        if not done.cancelled():
            done.exception()  # it was told to who waits; if nobody does, it is nobody's news
