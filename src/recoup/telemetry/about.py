"""What the log lines of a piece of work belong to: a request, or effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Id = str | int | tuple[int, ...]

_NOTHING: Final[Mapping[str, Id]] = {}
_now: Final[ContextVar[Mapping[str, Id]]] = ContextVar("recoup_about", default=_NOTHING)


@contextmanager
def about(**ids: Id) -> Iterator[None]:
    """Let every log line inside name these; one within another adds to it."""
    token = _now.set({**_now.get(), **ids})
    try:
        yield
    finally:
        _now.reset(token)


def current() -> Mapping[str, Id]:
    """Return what the work in hand belongs to."""
    return _now.get()
