"""
Spans for OpenTelemetry, if its API is installed; else nothing, at next to no cost.

`span("effect collect", claims=3)` ends with its block, and is marked as failed, by the kind of the
error and not its words, when that raises. Where they go is the host's, or the process's, own
configuration of the SDK.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

Attribute = str | int | bool

log: Final = logging.getLogger(__name__)
_NONE: Final = nullcontext()
_INSTALLED: Final = find_spec("opentelemetry") is not None
_tracer: Tracer | None = None


def span(name: str, **attributes: Attribute) -> AbstractContextManager[Any]:
    """
    Return a context manager that is a span around its block.

    Args:
        name: One of few, as it stands in the source: no id is in it.
        attributes: Words and counts of ours; "recoup." is put before each name.
    """
    return _Span(name, attributes) if _INSTALLED else _NONE


def note(**attributes: Attribute) -> None:
    """Add to the span in hand, if there is one."""
    if _INSTALLED:
        from opentelemetry import trace  # noqa: PLC0415  an extra, and slow

        trace.get_current_span().set_attributes(_named(attributes))


def event(name: str, **attributes: Attribute) -> None:
    """Tell of what happened within the span in hand, if there is one, and to whoever debugs."""
    log.debug(name)
    if _INSTALLED:
        from opentelemetry import trace  # noqa: PLC0415  an extra, and slow

        trace.get_current_span().add_event(f"recoup.{name}", _named(attributes))


def trace_id() -> str | None:
    """Return the id of the trace in hand, as its back end writes it."""
    if not _INSTALLED:
        return None
    from opentelemetry import trace  # noqa: PLC0415  an extra, and slow

    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


class _Span:
    """One span, entered once. By hand, because each generator in between costs microseconds."""

    __slots__ = ("_attributes", "_made", "_name", "_token")

    def __init__(self, name: str, attributes: dict[str, Attribute]) -> None:
        self._name = name
        self._attributes = attributes

    def __enter__(self) -> Span:
        from opentelemetry import context, trace  # noqa: PLC0415  an extra, and slow

        made = self._made = _tracing().start_span(self._name, attributes=_named(self._attributes))
        # Where nothing is recorded what is in hand stays in hand: a host's own parent, or nothing.
        self._token = (
            context.attach(trace.set_span_in_context(made)) if made.is_recording() else None
        )
        return made

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._token is None:
            return
        from opentelemetry import context  # noqa: PLC0415  an extra, and slow
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        if kind is not None and issubclass(kind, Exception):
            # Its kind and not its text, which may be somebody's.
            self._made.set_status(StatusCode.ERROR, kind.__name__)
        context.detach(self._token)
        self._made.end()


def _tracing() -> Tracer:
    global _tracer  # noqa: PLW0603  made once: asking for it takes longer than a span
    if _tracer is None:
        from opentelemetry import trace  # noqa: PLC0415  an extra, and slow

        _tracer = trace.get_tracer("recoup")
    return _tracer


def _named(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    return {f"recoup.{name}": value for name, value in attributes.items()}
