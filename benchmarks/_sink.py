"""
An SMTP server in a process of its own, which counts what it takes.

It says what servers say, and offers what they offer: commands in one go (RFC 2920). It does no
more with a mail than to note its Message-ID, for it shares the machine with what is measured; a
server that is written in Python otherwise takes as long for a mail as we do.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from multiprocessing.connection import Connection as Pipe
from typing import Final

_DOT: Final = b"\r\n.\r\n"
_ANSWERS: Final = {
    b"EHLO": b"250-localhost\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


@dataclass(frozen=True, slots=True)
class Sink:
    """Where it listens, and the way to ask what it took."""

    port: int
    _pipe: Pipe

    def taken(self) -> list[str]:
        """Return the Message-IDs of everything it took, twice where a mail came twice."""
        self._pipe.send("taken")
        ids: list[str] = self._pipe.recv()
        return ids


@contextmanager
def sink() -> Iterator[Sink]:
    """Run one."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield Sink(here.recv(), here)
    finally:
        process.kill()
        process.join()


class _Conversation(asyncio.Protocol):
    """One connection; `ids` are those of all."""

    def __init__(self, ids: list[str]) -> None:
        self._ids = ids
        self._heard = b""
        self._mailing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 localhost\r\n")

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while True:
            piece, end, rest = self._heard.partition(_DOT if self._mailing else b"\r\n")
            if not end:
                return
            self._heard = rest
            self._transport.write(self._taken(piece) if self._mailing else self._answer(piece))

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        self._mailing = verb == b"DATA"
        if verb == b"QUIT":
            self._transport.close()
        return _ANSWERS.get(verb, b"250 yes\r\n")

    def _taken(self, mail: bytes) -> bytes:
        self._mailing = False
        head = mail.partition(b"\r\n\r\n")[0]
        self._ids.append(str(message_from_bytes(head)["Message-ID"]))
        return b"250 taken\r\n"


def _serve(pipe: Pipe) -> None:
    asyncio.run(_listen(pipe))


async def _listen(pipe: Pipe) -> None:
    ids: list[str] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Conversation(ids), "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    loop.add_reader(pipe.fileno(), lambda: pipe.recv() and pipe.send(ids))
    await asyncio.Event().wait()
