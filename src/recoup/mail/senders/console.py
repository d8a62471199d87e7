"""Mails on a screen, for a developer who wants to see what would go out."""

from __future__ import annotations

import sys
from email.message import EmailMessage
from typing import TextIO

SHOWN = ("From", "To", "Subject", "Date", "Message-ID")


class ConsoleSender:
    """Prints each mail, headers first, to `stream` or to standard output."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream

    def send(self, message: EmailMessage) -> None:
        headers = [f"{name}: {message[name]}" for name in SHOWN if message[name] is not None]
        plain = message.get_body(("plain",))
        body: str = "" if plain is None else plain.get_content()
        mail = "\n".join([*headers, "", *body.splitlines(), "─" * 72, ""])
        # Looked up now: standard output may have been redirected since.
        stream = self.stream or sys.stdout
        stream.write(mail)
        stream.flush()
