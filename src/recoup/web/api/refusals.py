"""
What of a request is refused, and every error of ours as an answer: one table.

An answer says a code, a sentence and the request's id. What a caller did not send is not in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from recoup import errors
from recoup.commands.options import uncalled
from recoup.errors import RecoupError
from recoup.store import database
from recoup.telemetry.lines import clean

#: The nearest of an error's kinds that is here decides. What is nowhere is a fault of ours: 500.
STATUS: Final[Mapping[type[RecoupError], int]] = {
    errors.InvalidKey: 400,
    errors.InvalidValue: 422,
    errors.NotFound: 404,
    errors.CommandError: 409,
    errors.TooManyTries: 429,
    errors.Interrupted: 503,
    errors.KeyReused: 409,
    errors.Rejected: 422,
    errors.Busy: 503,
    errors.Unreachable: 503,
    errors.Unreadable: 502,
    errors.SchemaOutdated: 503,
    errors.DocumentsUnreachable: 503,
}
#: Seconds after which the same may be asked again.
AGAIN: Final[Mapping[type[RecoupError], int]] = {
    errors.InProgress: 1,
    errors.Interrupted: 1,
    errors.Busy: 5,
    errors.Unreachable: 10,
    errors.Unreadable: 60,
    errors.SchemaOutdated: 60,
    errors.DocumentsUnreachable: 10,
}
#: A command that raises one of these goes on, if it is on record: the answer is 202.
PENDING: Final = (errors.Busy, errors.Unreachable, errors.Unreadable)
_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """Raised to answer with a refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


NO_KEY: Final = Refusal(
    401, "unauthorized", "a key that is valid is needed", {"www-authenticate": "Bearer"}
)
FORBIDDEN: Final = Refusal(403, "forbidden", "this key may not do that")
UNAVAILABLE: Final = Refusal(
    503, "unavailable", "this can not be answered just now", {"retry-after": "1"}
)
OVERLOADED: Final = Refusal(
    503, "overloaded", "too many requests wait: nothing was done", {"retry-after": "1"}
)


def code_of(kind: type[RecoupError]) -> str:
    """Return what an error is called: "NotPossible" is "not_possible"."""
    return _WORD.sub("_", kind.__name__).lower()


def refusal(error: Exception) -> Refusal | None:
    """Return an error as an answer; None: nobody outside can do anything about it."""
    if isinstance(error, Refused):
        return error.refusal
    if not isinstance(error, RecoupError):
        gone = isinstance(error, OperationalError | PoolTimeout) or database.failed(error)
        return UNAVAILABLE if gone else None
    status = _nearest(error, STATUS)
    if status is None:
        return None
    after = _seconds(error)
    headers = {} if after is None else {"retry-after": str(after)}
    return Refusal(status, code_of(type(error)), clean(uncalled(str(error)))[:500], headers)


def pending(error: RecoupError, key: str) -> tuple[dict[str, Any], Mapping[str, str]]:
    """Return what says: it is on record, and the same key tells what came of it."""
    after = _seconds(error) or 1
    told = {"key": key, "code": code_of(type(error)), "message": clean(str(error))[:500]}
    return {"pending": told}, {"retry-after": str(after)}


def _seconds(error: RecoupError) -> int | None:
    given = getattr(error, "after", None)
    return _nearest(error, AGAIN) if given is None else max(1, math.ceil(given))


def _nearest(error: RecoupError, table: Mapping[type[RecoupError], int]) -> int | None:
    return next((table[kind] for kind in type(error).__mro__ if kind in table), None)
