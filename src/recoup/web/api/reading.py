"""What of a request is read: its key, its query and its body, each refused by name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
import msgspec.inspect
import msgspec.structs
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request

from recoup.core.billing.contact import storable
from recoup.web.api.refusals import Refusal, Refused

#: Bytes of a body, and seconds that it may take to arrive.
LARGEST: Final = 64 * 2**10
SLOWEST: Final = 15.0
#: Instants beyond these are slips, and leave no room to count from them.
_EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_BEARER: Final = re.compile(r"Bearer +(\S{1,200})", re.IGNORECASE)
_WHERE: Final = re.compile(r" - at `\$\.?(.*)`$")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL)

S = TypeVar("S", bound=Struct)

OVERSIZE: Final = Refusal(413, "oversize", "a body is at most 64 KiB", {"connection": "close"})
SLOW: Final = Refusal(408, "too_slow", "the body did not arrive in time", {"connection": "close"})
GONE: Final = Refusal(400, "incomplete", "the body ended early", {"connection": "close"})
ENCODED: Final = Refusal(415, "encoded", "send the body without encoding", {"connection": "close"})
NOT_JSON: Final = Refusal(400, "not_json", "the body is not JSON")
NO_COMMAND_KEY: Final = Refusal(
    400, "idempotency_key_missing", "exactly one Idempotency-Key header is needed"
)
NO_JSON_TYPE: Final = Refusal(415, "not_json", "send application/json")


def bearer(authorization: Sequence[str]) -> str | None:
    """Return the key that is presented; None where none is, "" where it has no shape."""
    if not authorization:
        return None
    found = _BEARER.fullmatch(authorization[0].strip())
    return found[1] if found and len(authorization) == 1 else ""


def idempotency_key(given: Sequence[str]) -> str:
    """
    Return the key of a command.

    Raises:
        Refused: there is none, or several.
    """
    if len(given) != 1:
        raise Refused(NO_COMMAND_KEY)
    return given[0]


async def received(request: Request, *, largest: int = LARGEST) -> bytes:
    """
    Return the body; no more than the largest is ever held.

    Raises:
        Refused: it is too large, too slow, or not as it should be.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(ENCODED)
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 15 or int(length) > largest:
        raise Refused(OVERSIZE)
    parts, size = [], 0
    try:
        async with asyncio.timeout(SLOWEST):
            async for part in request.stream():
                size += len(part)
                if size > largest:
                    raise Refused(OVERSIZE)
                parts.append(part)
    except TimeoutError:
        raise Refused(SLOW) from None
    except ClientDisconnect:
        raise Refused(GONE) from None
    return b"".join(parts)


def query(items: Sequence[tuple[str, str]], into: type[S]) -> S:
    """
    Return the query as `into`.

    Raises:
        Refused: a parameter is unknown, there twice, or of another type.
    """
    given = dict(items)
    if len(given) < len(items):
        twice = next(name for name, _ in items if [n for n, _ in items].count(name) > 1)
        raise Refused(Refusal(400, "repeated_parameter", f"{_name(twice)}: it is there twice"))
    try:
        made = msgspec.convert(given, into, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(_wrong(error, "parameter", into, given)) from None
    return _checked(made)


def body(raw: bytes, content_type: str | None, into: type[S]) -> S:
    """
    Return the body as `into`; an empty one is an object without fields.

    Raises:
        Refused: it is not JSON, or a field is unknown, missing, or of another type.
    """
    media = (content_type or "application/json").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Refused(NO_JSON_TYPE)
    try:
        made = msgspec.json.decode(raw or b"{}", type=into)
    except msgspec.ValidationError as error:
        raise Refused(_wrong(error, "field", into, _sent(raw))) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refused(NOT_JSON) from None
    return _checked(made)


def _sent(raw: bytes) -> dict[str, Any]:
    """Return the body that was refused, as far as it is an object."""
    try:
        made = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return made if isinstance(made, dict) else {}


def _wrong(
    error: msgspec.ValidationError, what: str, into: type[Struct], given: Mapping[str, Any]
) -> Refusal:
    """Say what is wrong, and where; of a word or an instant, what came and what is expected."""
    text = str(error)
    unknown = _UNKNOWN.match(_WHERE.sub("", text))
    if unknown is not None:
        return Refusal(400, f"unknown_{what}", f"{_name(unknown[1])}: there is no such {what}")
    found = _WHERE.search(text)
    words = _WHERE.sub("", text)
    if found is None:
        return Refusal(400, f"wrong_{what}", words[:300])
    expected = _expected(into, found[1])
    if expected is not None and isinstance(given.get(found[1]), str):
        words = f"expected {expected}, got {_name(given[found[1]])[:60]!r}"
    return Refusal(400, f"wrong_{what}", f"{_name(found[1])}: {words}"[:300])


def _expected(into: type[Struct], name: str) -> str | None:
    """Return what a field takes where that is one of some words, or an instant."""
    field = next((one for one in msgspec.structs.fields(into) if one.encode_name == name), None)
    if field is None:
        return None
    kind = msgspec.inspect.type_info(field.type)
    for one in kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,):
        match one.type if isinstance(one, msgspec.inspect.Metadata) else one:
            case msgspec.inspect.LiteralType(values=values):
                return f"one of {', '.join(map(str, values))}"
            case msgspec.inspect.EnumType(cls=cls):
                return f"one of {', '.join(str(each.value) for each in cls)}"
            case msgspec.inspect.DateTimeType():
                return "an instant like 2026-03-01T12:00:00Z"
    return None


def _name(given: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in given)[:100]


def _checked(made: S) -> S:
    for name, value in _leaves(made, ""):
        if isinstance(value, str) and not storable(value):
            raise Refused(Refusal(400, "wrong_field", f"{name}: expected text without NUL"))
        if isinstance(value, datetime) and not _EARLIEST <= value < _LATEST:
            raise Refused(Refusal(400, "wrong_field", f"{name}: expected 1970 to 2200"))
    return made


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Struct):
        for field in value.__struct_fields__:
            yield from _leaves(getattr(value, field), f"{name}.{field}".lstrip("."))
    elif isinstance(value, list | tuple):
        for place, each in enumerate(value):
            yield from _leaves(each, f"{name}[{place}]")
    elif isinstance(value, dict):
        for key, each in value.items():
            yield name, key
            yield from _leaves(each, name)
    else:
        yield name, value
