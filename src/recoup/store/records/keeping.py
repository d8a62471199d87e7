"""Requests and refusals as a command keeps them: until it is over, and for whoever asks again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from recoup import errors
from recoup.core.billing.requests import REQUESTS, Request
from recoup.errors import ProcessorError

#: How the reason begins why a command waits: nothing has happened, or nobody knows.
BUSY: Final = "the processor is busy"
UNKNOWN: Final = "the outcome is unknown"
#: The text of a refusal is kept up to this many characters.
LONGEST: Final = 500


def stored(request: Request) -> dict[str, Any]:
    """Return a request as it is kept until it is asked: {its type: its fields}."""
    return {type(request).__name__: msgspec.to_builtins(request)}


def decoded(kept: Mapping[str, Any]) -> Request:
    """Return a request that was stored as {its type: its fields}."""
    ((name, fields),) = kept.items()
    request: Request = msgspec.convert(fields, REQUESTS[name])
    return request


def told(error: ProcessorError) -> dict[str, Any]:
    """Return a refusal as it is kept."""
    return {
        "type": type(error).__name__,
        "message": str(error)[:LONGEST],
        "request_id": error.request_id,
    }


def wordless(error: ProcessorError) -> ProcessorError:
    """Return the same refusal without the processor's words, for what must not be kept."""
    word = getattr(error, "code", "refused")
    quiet = type(error)(f"{word}: the processor's words are not kept", request_id=error.request_id)
    if isinstance(quiet, errors.Busy) and isinstance(error, errors.Busy):
        quiet.after = error.after
    return quiet


def raised(kept: Mapping[str, Any]) -> ProcessorError:
    """Return the refusal that was kept: of the same type, with the same text and request id."""
    found = getattr(errors, str(kept.get("type")), None)
    kind = found if isinstance(found, type) and issubclass(found, ProcessorError) else None
    # The text holds the request id already.
    error = (kind or errors.Rejected)(str(kept.get("message")))
    error.request_id = kept.get("request_id")
    return error
