"""
The form of log lines, for a process that is ours: text, or one JSON object a line.

Neither shows a secret or an address of mail, wherever in a line, or an error, it comes from.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

import msgspec

from recoup.errors import masked
from recoup.telemetry.about import current
from recoup.telemetry.spans import trace_id

#: Those whose INFO is of use; of others, as JSON, a WARNING is.
OURS: Final = ("recoup", "uvicorn")
_ADDRESS: Final = re.compile(r"[\w.+%-]+@[\w-]+(\.[\w-]+)+")

log: Final = logging.getLogger("recoup")


def clean(text: str) -> str:
    """Return `text` without what looks like a secret or an address of mail."""
    return _ADDRESS.sub("***@***", masked(text))


class Text(logging.Formatter):
    """A line for people, and below it what was raised."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return clean(super().format(record))


class Json(logging.Formatter):
    """One JSON object a line: ts, level, logger, message, and what it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": clean(record.getMessage()),
            **current(),
        }
        trace = trace_id()
        if trace is not None:
            line["trace_id"] = trace
        if record.exc_info:
            line["error"] = clean(self.formatException(record.exc_info))
        return msgspec.json.encode(line).decode()


def configure(form: Literal["json", "text"], stream: TextIO | None = None) -> None:
    """
    Send the log lines of this process to `stream`, by default standard error, in this form.

    As JSON everybody's, and also warnings and what nobody caught, so that each line is an object.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Json() if form == "json" else Text())
    for name in OURS:
        ours = logging.getLogger(name)
        ours.handlers = [handler] if form == "text" else []
        ours.setLevel(logging.INFO)
    if form == "json":
        logging.getLogger().handlers = [handler]
        logging.captureWarnings(True)
        sys.excepthook = _uncaught
        threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    log.critical("nobody caught %s", kind.__name__, exc_info=(kind, error, trace))


def _uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    error = told.exc_value
    if error is not None:
        log.critical("nobody caught %s in a thread", told.exc_type.__name__, exc_info=error)
