"""A real SMTP server in a thread, which answers as a test scripts it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope

from recoup.mail.emails import EMAILS
from recoup.mail.letter import SAMPLE
from recoup.mail.message import compose

HERE = Path(__file__).parent
PASSWORD = b"s3cret!"


class Script:
    """
    Answers MAIL, RCPT and DATA with what the script says, else with a yes.

    Instead of an answer: "stall" never gives one, "drop" closes the connection, and for DATA
    "drop after" closes it once the mail was accepted.
    """

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.answers = answers
        self.taken: list[Envelope] = []
        self.said: list[str] = []
        self.encrypted: list[bool] = []

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802  aiosmtpd's
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        answer = await self._answer("MAIL", server)
        if answer.startswith("2"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  aiosmtpd's
        answer = await self._answer("RCPT", server)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  aiosmtpd's
        if self.answers.get("DATA") == "drop after":
            self.taken.append(envelope)
            asyncio.get_running_loop().call_soon(server.transport.close)
            return "250 taken"
        answer = await self._answer("DATA", server)
        if answer.startswith("2"):
            self.taken.append(envelope)
        return answer

    async def _answer(self, stage: str, server: Any) -> str:
        self.said.append(stage)
        answer = self.answers.get(stage, "250 OK")
        if answer == "stall":
            await asyncio.sleep(3600)
        if answer == "drop":
            server.transport.abort()
        return answer


class Server:
    """A server on a free port, its loop in a thread."""

    def __init__(self, script: Script, *, implicit: bool, **options: Any) -> None:
        self.script = script
        self.loop = asyncio.new_event_loop()
        listening = self.loop.create_server(
            lambda: SMTP(script, loop=self.loop, hostname="localhost", **options),
            "127.0.0.1",
            0,
            ssl=certificate() if implicit else None,
        )
        self.server = self.loop.run_until_complete(listening)
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    @property
    def taken(self) -> list[Envelope]:
        return self.script.taken

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(60)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(60)
        self.loop.close()

    async def _close(self) -> None:
        self.server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # transports close in the next turn


def _authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=data.password == PASSWORD, handled=False)


def certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(HERE / "localhost.pem")
    return context


@pytest.fixture
def trusting() -> ssl.SSLContext:
    """Trusts the test server's certificate, and only that."""
    return ssl.create_default_context(cafile=str(HERE / "localhost.pem"))


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    """Start servers: `start({"RCPT": "550 no"}, tls=True, auth=True)`."""
    running: list[Server] = []

    def make(
        answers: Mapping[str, str] | None = None,
        *,
        tls: bool = False,
        auth: bool = False,
        implicit: bool = False,
    ) -> Server:
        options: dict[str, Any] = {"tls_context": certificate()} if tls else {}
        if auth:
            options |= {"authenticator": _authenticate, "auth_required": True}
        running.append(Server(Script(answers or {}), implicit=implicit, **options))
        return running[-1]

    yield make
    for server in running:
        server.stop()


@pytest.fixture
def message():
    """A reminder to the sample customer."""
    email = EMAILS["dunning_reminder"].sample()
    date = datetime(2026, 3, 2, 12, tzinfo=UTC)
    return compose(email, SAMPLE, key="notice:7", case="case:1", date=date)
