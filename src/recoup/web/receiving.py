"""
`POST /webhooks/…`: the raw body, capped and in time, then the door, then the letterbox.

Nothing here blocks: the database is waited for in threads, and by each sender for so long only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from recoup.store.inbox import LARGEST
from recoup.telemetry import span
from recoup.telemetry.spans import note
from recoup.web.letterbox import Letterbox
from recoup.web.shell import told
from recoup.webhooks.mailed import MailDoor
from recoup.webhooks.post import OVERSIZE, RECEIVED, UNAVAILABLE, Answer, Door, described

log: Final = logging.getLogger(__name__)

#: Seconds that a sender may take for its body, and that it waits for the database at most.
SLOWEST: Final = 15.0
LONGEST_WAIT: Final = 4.0
#: Bytes of bodies that are still being sent, all together.
_ROOM: Final = 64 * 2**20

_ENCODED: Final = Answer(415, "encoded", "send the body as it was signed, without encoding")
_SLOW: Final = Answer(408, "too_slow", "the body did not arrive in time")
_GONE: Final = Answer(400, "incomplete", "the body ended early")
_CLOSED: Final = {"connection": "close"}

Counted = Callable[[str, float], None]


class Receiving:
    """
    The endpoint. Ends with `close`, which lets what has been accepted be kept first.

    Args:
        counted: Told of each answer's code, and of the seconds it took.
    """

    def __init__(
        self,
        door: Door | MailDoor,
        *,
        counted: Counted = lambda _code, _seconds: None,
        slowest: float = SLOWEST,
    ) -> None:
        self._door = door
        self._letterbox = Letterbox(door.keep, alive=door.alive)
        self._counted = counted
        self._slowest = slowest
        self._held = 0
        self._said = _Sparing()

    async def __call__(self, request: Request) -> Response:
        """Answer one post."""
        begun = time.perf_counter()
        with span("webhook receive"):
            answer, whole = await self._answer(request)
            note(code=answer.code)
        self._counted(answer.code, time.perf_counter() - begun)
        if answer not in {RECEIVED, UNAVAILABLE}:
            self._said.warn(answer)
        # What is still being sent is not read: the connection ends with the answer.
        return told(answer.status, answer.code, answer.message, headers=None if whole else _CLOSED)

    async def close(self) -> None:
        """Let what has been accepted be kept, and take no more."""
        await asyncio.to_thread(self._letterbox.close)

    async def _answer(self, request: Request) -> tuple[Answer, bool]:
        """Return the answer, and whether the whole body was read."""
        body = await self._body(request)
        if isinstance(body, Answer):
            return body, False
        refused = self._door.refused(body, self._door.presented(request.headers))
        return (await self._kept(body) if refused is None else refused), True

    async def _body(self, request: Request) -> bytes | Answer:
        if not self._door.secrets:
            return self._door.refused(b"", None) or UNAVAILABLE
        if request.headers.get("content-encoding", "identity") != "identity":
            return _ENCODED
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 15 or int(length) > LARGEST:
            return OVERSIZE
        try:
            async with asyncio.timeout(self._slowest):
                return await self._read(request)
        except TimeoutError:
            return _SLOW
        except ClientDisconnect:
            return _GONE

    async def _read(self, request: Request) -> bytes | Answer:
        """Return the body; no more than the largest is ever held, nor too many at once."""
        parts, size = [], 0
        try:
            async for part in request.stream():
                size += len(part)
                self._held += len(part)
                if size > LARGEST:
                    return OVERSIZE
                if self._held > _ROOM:
                    self._said.warn(UNAVAILABLE, "too many bodies at once")
                    return UNAVAILABLE
                parts.append(part)
        finally:
            self._held -= size
        return b"".join(parts)

    async def _kept(self, body: bytes) -> Answer:
        try:
            # The writer goes on with it: kept after all, it is known when it comes again.
            async with asyncio.timeout(LONGEST_WAIT):
                await self._letterbox.put(body)
        except Exception as error:  # noqa: BLE001  whatever it is, the sender tries again
            self._said.warn(UNAVAILABLE, described(error))
            return UNAVAILABLE
        return RECEIVED


class _Sparing:
    """Says of each code once a second at most how often it was answered: a flood stays short."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def warn(self, answer: Answer, why: str = "") -> None:
        now = time.monotonic()
        self._unsaid[answer.code] = self._unsaid.get(answer.code, 0) + 1
        if now - self._last.get(answer.code, -1.0) >= 1.0:
            self._last[answer.code] = now
            times = self._unsaid.pop(answer.code)
            log.warning(
                "webhooks answered %d %s, %d times. %s", answer.status, answer.code, times, why
            )
