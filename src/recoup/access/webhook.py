"""
A signed HTTP post that says what a customer's access is.

The answer is a 2xx. It may be JSON with `version`: the one the host has then. One that is smaller
than what was posted says that it was not followed, a greater one that we are behind.
Source: docs/access.md, "webhook".
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Protocol

import msgspec

from recoup.access.base import AccessState, Ahead, CannotTell, NotApplied

#: What the posts are called.
CHANGED: Final = "access.changed"
READ: Final = "access.read"
#: Of an answer no more is read.
LONGEST: Final = 64 * 1024
#: What a host answers that does not tell what it holds.
_NOT_TOLD: Final = frozenset({400, 404, 405, 422, 501})

_encode: Final = msgspec.json.Encoder().encode


class Answer(Protocol):
    """What a post came to."""

    @property
    def status(self) -> int | None: ...

    @property
    def error(self) -> str | None: ...

    @property
    def after(self) -> timedelta | None: ...

    @property
    def raw(self) -> bytes: ...


class Post(Protocol):
    """Signs a body and posts it to the host's URL; nothing is raised."""

    def __call__(self, body: bytes, *, kept: int) -> Answer: ...


class Webhook:
    """
    Posts to the host.

    Args:
        post: Signs, posts and reads so many bytes of the answer.
    """

    def __init__(self, post: Post) -> None:
        self._post = post

    def apply(self, state: AccessState) -> None:
        answer = self._post(body(state), kept=LONGEST)
        if answer.error is not None:
            raise NotApplied(answer.error, after=answer.after)
        said = _json(answer.raw).get("version")
        if type(said) is int and said > state.version:
            raise Ahead(said)
        if type(said) is int and said < state.version:
            raise NotApplied(f"posted version {state.version}, and the host says it has {said}")

    def read(self, customer: int) -> AccessState | None:
        answer = self._post(_encode({"type": READ, "customer": customer}), kept=LONGEST)
        if answer.status in _NOT_TOLD:
            raise CannotTell(f"the host does not tell what it holds: it answered {answer.status}")
        if answer.error is not None:
            raise CannotTell(answer.error)
        told = _json(answer.raw)
        if "version" not in told:
            raise CannotTell("the host does not tell what it holds")
        if told["version"] in (0, None):
            return None
        try:
            found = msgspec.convert(told, AccessState)
        except msgspec.ValidationError as error:
            raise CannotTell(f"what the host tells means nothing: {error}") from None
        if found.customer != customer:
            raise CannotTell(f"asked about customer {customer}, told of {found.customer}")
        return found


def body(state: AccessState) -> bytes:
    """Return what is posted of a state."""
    told: dict[str, Any] = msgspec.to_builtins(state)
    return _encode({"type": CHANGED, **told, "restored": state.restored})


def _json(raw: bytes) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return told if isinstance(told, dict) else {}
