"""Turns: how fast all processes together may ask, and whether anybody may just now."""

from __future__ import annotations

from sqlalchemy import Engine


class DatabaseLine:
    """Implements `recoup.processors.base.Line` for all processes on one database."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def turn(self, endpoint: str) -> float:
        """See `Line`."""
        del endpoint
        return 0.0

    def answered(self) -> None:
        """See `Line`."""

    def silent(self) -> None:
        """See `Line`."""
