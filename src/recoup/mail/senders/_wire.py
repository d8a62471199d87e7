"""
A message as it goes over the wire.

The library's own way parses, folds and copies for a millisecond. What is made as our messages are
is put together here instead, to the very same bytes; all else takes the library's way.
"""

from __future__ import annotations

import re
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final, cast

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_SPEC: Final = rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9.-]+"
#: One address, with a name of plain words or none, as most headers have it.
_ONE: Final = re.compile(rf"""(?:[\w '-]+ |"[\w .'-]+" )?<({_SPEC})>|({_SPEC})""", re.ASCII)
_OURS: Final = re.compile(r'multipart/alternative;\s+boundary="(=_[0-9a-f]{32})"')


def addresses(message: EmailMessage, header: str) -> list[str]:
    """Return the plain addresses of a header."""
    match = _ONE.fullmatch(_kept(message, header))
    if match is not None:
        return [match[1] or match[2]]
    return [a.addr_spec for a in cast("AddressHeader", message[header]).addresses]


def dotted(data: bytes) -> bytes:
    """Return the mail with CRLF at its end and every leading dot doubled (RFC 5321 §4.5.2)."""
    ended = data if data.endswith(b"\r\n") else data + b"\r\n"
    doubled = ended.replace(b"\n.", b"\n..")
    return b"." + doubled if doubled.startswith(b".") else doubled


def serialised(message: EmailMessage) -> bytes:
    """Return what `message.as_bytes(policy=SMTP)` does."""
    match = _OURS.fullmatch(_kept(message, "Content-Type"))
    if match is None or not (message.preamble is message.epilogue is None):
        return message.as_bytes(policy=SMTP)
    bodies = [_body(part) for part in cast("list[EmailMessage]", message.get_payload())]
    if not bodies or None in bodies:
        return message.as_bytes(policy=SMTP)
    between = b"--" + match[1].encode()
    pieces = [_head(message)]
    for body in bodies:
        pieces += between, b"\r\n", body or b"", b"\r\n"
    return b"".join((*pieces, between, b"--\r\n"))


def _body(part: EmailMessage) -> bytes | None:
    """Return a part of plain text that is encoded already; None for any other."""
    if part.is_multipart() or not _kept(part, "Content-Type").startswith("text/"):
        return None
    text = part.get_payload()
    if not isinstance(text, str) or not text.isascii():
        return None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    return _head(part) + lines.encode("ascii")


def _head(message: EmailMessage) -> bytes:
    """Return the headers, and the empty line behind them."""
    written = (SMTP.fold_binary(name, value) for name, value in message.raw_items())
    return b"".join((*written, b"\r\n"))


def _kept(message: EmailMessage, header: str) -> str:
    """Return a header as it is kept, where nobody has parsed it yet; else nothing."""
    name = header.lower()
    found: Any = next((v for n, v in message.raw_items() if n.lower() == name), "")
    return found if type(found) is str else ""
