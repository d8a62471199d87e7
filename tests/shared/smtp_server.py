"""
A real SMTP server in a thread that speaks by a script, and tells of every step it sees.

Steps of a conversation, in order: CONNECT, EHLO, MAIL, RCPT, DATA, BODY (the first piece of the
mail), DOT (all of it, before the answer), YES (the answer is sent), RSET, QUIT.
"""

from __future__ import annotations

import re
import socket
import socketserver
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any, Self

STEPS = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "BODY", "DOT", "YES")
_PLAIN = "250 OK"
_YES = {"CONNECT": "220 localhost", "DATA": "354 go on", "QUIT": "221 bye"}
_MESSAGE_ID = re.compile(rb"(?im)^Message-ID: *(<[^>]+>)")


@dataclass
class Script:
    """
    What is answered at a step, else a yes; "stall" gives no answer, "drop" hangs up.

    Args:
        most: Mails that one connection may bring; then MAIL is answered with 421, and that is all.
        watch: Told of each step as it is reached, before its answer.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    most: int | None = None
    watch: Callable[[str], None] = lambda _step: None
    #: Answers by recipient, which go before those by step.
    recipients: Mapping[str, str] = field(default_factory=dict)
    pipelining: bool = False  #: whether commands may come before the last one is answered
    lax: bool = False  #: whether it lets a mail begin whose every recipient was refused


class SmtpServer(socketserver.ThreadingTCPServer):
    """Listens on a free port of this machine while it is used in a `with`."""

    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.taken: list[bytes] = []  #: mails that it took, also where no answer went out
        self.steps: list[str] = []
        self.connections = 0
        self.stop = Event()
        self._lock = Lock()
        super().__init__(("127.0.0.1", 0), _Conversation)

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"

    @property
    def ids(self) -> list[str]:
        """The Message-IDs of what it took, in order, twice where a mail came twice."""
        found = (_MESSAGE_ID.search(mail) for mail in self.taken)
        return [match[1].decode() for match in found if match]

    def note(self, step: str) -> None:
        with self._lock:
            self.steps.append(step)
            self.connections += step == "CONNECT"
        self.script.watch(step)

    def take(self, mail: bytes) -> None:
        with self._lock:
            self.taken.append(mail)

    def handle_error(self, *_: Any) -> None:
        """Say nothing of connections that ended early: that is what they are for."""


class _HungUp(Exception):
    """The conversation is over."""


class _Conversation(socketserver.StreamRequestHandler):
    server: SmtpServer

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        brought, named = 0, False
        try:
            self._say("CONNECT")
            while line := self.rfile.readline():
                verb = line[:4].decode("latin-1").upper().strip()
                verb = "EHLO" if verb in {"EHLO", "HELO"} else verb
                if verb == "MAIL" and brought == self.server.script.most:
                    self.server.note("MAIL")
                    self._write("421 that is enough for one connection")
                    return
                by_recipient = self._by_recipient(line) if verb == "RCPT" else None
                if verb == "DATA" and not named and not self.server.script.lax:
                    by_recipient = "554 no valid recipients"
                said = self._say(verb, by_recipient)
                named = said.startswith("2") if verb == "RCPT" else named and verb != "MAIL"
                if verb == "DATA" and said.startswith("3"):
                    brought += self._mail()
                if verb == "QUIT" or said.startswith("421"):
                    return
        except (_HungUp, OSError):
            return

    def _by_recipient(self, line: bytes) -> str | None:
        answers = self.server.script.recipients
        return next((answers[one] for one in answers if one.encode() in line), None)

    def _mail(self) -> int:
        parts, first = [], True
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise _HungUp
            parts.append(line)
            if first:
                self.server.note("BODY")
                first = False
        mail = b"".join(parts)
        answer = self.server.script.answers.get("DOT", "250 taken")
        if answer == "drop after":
            answer = "drop"
            self.server.take(mail)
        elif answer.startswith("2"):
            self.server.take(mail)
        self._say("DOT", answer)
        self.server.note("YES")
        return 1

    def _say(self, step: str, answer: str | None = None) -> str:
        self.server.note(step)
        given = answer or self.server.script.answers.get(step) or _YES.get(step, _PLAIN)
        if given == "stall":
            self.server.stop.wait(600)
            raise _HungUp
        if given == "drop":
            raise _HungUp
        if step == "EHLO" and given == _PLAIN and self.server.script.pipelining:
            given = "250-localhost\r\n250 PIPELINING"
        self._write(given)
        return given

    def _write(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")
