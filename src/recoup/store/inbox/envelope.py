"""
Opening one line: what it claims to be, or why nobody can say.

Whatever bytes come, this ends, and quickly; it never raises.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

#: Longer lines are kept and never opened, in bytes.
LARGEST: Final = 2**20
DEEPEST: Final = 64
_LONGEST_KEY: Final = 255
_LAST_SECOND: Final = 253402300799

_decode = msgspec.json.Decoder().decode
_NO_BRACKETS: Final = bytes(code for code in range(256) if code not in b"[]{}")
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Envelope:
    """
    A line, opened.

    `key` names it: the event's own id, or the SHA-256 of its bytes when it has a fault, so that a
    damaged copy never takes the place of a sound one.
    """

    key: str
    type: str | None = None
    created: int | None = None  #: seconds since 1970
    event: dict[str, Any] | None = None
    fault: str | None = None


def opened(raw: bytes) -> Envelope:
    """
    Return what `raw` holds: an event, or the fault that keeps it from being one.

    A fault is: larger than 1 MiB, no JSON, nested deeper than 64, no object, without id or type,
    or with characters that PostgreSQL can not hold (NUL, lone surrogates).
    """
    event, fault = _decoded(raw)
    if event is None:
        return sealed(raw, fault)
    return Envelope(event["id"], event["type"], _second(event.get("created")), event)


def sealed(raw: bytes, fault: str | None) -> Envelope:
    """Return `raw` unopened, known by its bytes alone, because of its `fault`."""
    return Envelope(f"sha256:{hashlib.sha256(raw).hexdigest()}", fault=fault)


def _decoded(raw: bytes) -> tuple[dict[str, Any] | None, str | None]:
    if len(raw) > LARGEST:
        return None, "larger than 1 MiB"
    try:
        event = _decode(raw)
    except RecursionError:
        return None, f"nested deeper than {DEEPEST}"
    except (msgspec.MsgspecError, ValueError):
        return None, "no JSON, or a lone surrogate" if _SURROGATE.search(raw) else "no JSON"
    if not isinstance(event, dict):
        return None, "the root is no object"
    return (None, fault) if (fault := _fault(raw, event)) else (event, None)


def _fault(raw: bytes, event: Mapping[str, Any]) -> str | None:
    if not _shallow(raw) and any(depth > DEEPEST for depth, _ in _walk(event)):
        return f"nested deeper than {DEEPEST}"
    # Only a code can stand for what no text may hold. One byte is found far faster than two.
    if b"\\" in raw and b"\\u" in raw:
        texts = [text for _, text in _walk(event)]
        if any("\0" in text for text in texts):
            return "a NUL character"
        if not all(_encodes(text) for text in texts):
            return "a lone surrogate"
    for name in ("id", "type"):
        value = event.get(name)
        if not isinstance(value, str) or not value:
            return f"no {name}"
        if len(value) > _LONGEST_KEY:
            return f"an {name} longer than {_LONGEST_KEY} characters"
    return None


def _shallow(raw: bytes) -> bool:
    """Whether it is certainly no deeper than `DEEPEST`; brackets inside texts may hide that."""
    if raw.count(b"{") + raw.count(b"[") <= DEEPEST:
        return True
    brackets = raw.translate(None, _NO_BRACKETS)
    for _ in range(DEEPEST):
        inner = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if not inner:
            return True
        if len(inner) == len(brackets):
            return False
        brackets = inner
    return False


def _walk(value: object) -> Iterator[tuple[int, str]]:
    """Yield every text inside with its depth; an empty one for each object and list."""
    pending: list[tuple[int, object]] = [(0, value)]
    while pending:
        depth, value = pending.pop()
        if isinstance(value, str):
            yield depth, value
            continue
        if isinstance(value, dict):
            pending.extend((depth + 1, key) for key in value)
            pending.extend((depth + 1, inner) for inner in value.values())
        elif isinstance(value, list):
            pending.extend((depth + 1, inner) for inner in value)
        else:
            continue
        yield depth + 1, ""


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _second(created: object) -> int | None:
    return created if type(created) is int and 0 <= created <= _LAST_SECOND else None
