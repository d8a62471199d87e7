"""A progress bar, for a terminal and for what takes longer than a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final, Self

from recoup.cli.output import console

AFTER: Final = 1.0


class Bar:
    """
    Shows how far something has come, on standard error.

    Nothing is shown where nobody looks, nor in the first second.

    Args:
        what: What is being done, "absorbing".
        total: How much there is; None when nobody knows.
    """

    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._begun = time.monotonic()
        self._seen = sys.stderr.isatty()
        self._shown: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown is not None:
            self._shown.stop()

    def to(self, done: int) -> None:
        """Show that so much is done in all."""
        self._done = done
        if not self._seen:
            return
        if self._shown is None and time.monotonic() - self._begun > AFTER:
            self._show()
        if self._shown is not None:
            self._shown.update(self._task, completed=done)

    def over(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Pass lines on, and count their bytes."""
        for line in lines:
            yield line
            self.to(self._done + len(line))

    def _show(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        self._shown = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %" if self._total else "{task.completed:,.0f}"),
            TimeElapsedColumn(),
            console=console(stderr=True),
            transient=True,
        )
        self._shown.start()
        self._task = self._shown.add_task(self._what, total=self._total)
