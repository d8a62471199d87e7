"""Rows as they are and as they will be, so that each is written once however much news it got."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table

from recoup.core.facts import Seen
from recoup.store import batch
from recoup.store.writer import Writer

Values = Mapping[str, Any]


class Row:
    """
    One row: what the database holds, and what the facts make of it.

    `at` is the instant of the news that changed it, `type` what the ledger calls that.
    """

    __slots__ = ("at", "before", "seen", "type", "values")

    def __init__(self, before: Values | None) -> None:
        self.before = before
        self.values: dict[str, Any] = {}
        self.seen = _seen(before) if before else None
        self.at: datetime | None = None
        self.type: str | None = None

    def __getitem__(self, name: str) -> Any:
        if name in self.values:
            return self.values[name]
        return self.before[name] if self.before else None

    def was(self, name: str) -> Any:
        """Return what the database holds; None where there was no row."""
        return self.before[name] if self.before else None

    def moved(self, name: str) -> bool:
        """Whether `name` will be another than it was."""
        return bool(self.was(name) != self[name])

    def offer(self, seen: Seen, values: Values) -> bool:
        """Take `values` if their news is newer than all before; return whether."""
        if self.seen is not None and (seen <= self.seen or _lags(seen, self.seen)):
            return False
        self.take(seen, values)
        return True

    def take(self, seen: Seen, values: Values) -> None:
        """Take `values`, whose news the caller has found newer than all before."""
        self.seen = seen
        self.values.update(values)
        self.values.update(
            seen_rank=seen.rank, seen_at=seen.at, seen_tie=seen.tie, seen_event=seen.event
        )
        self.at = seen.at

    def tells(self) -> bool:
        """Whether more has changed than when it was last heard of."""
        before = self.before
        return before is None or any(
            before[name] != value
            for name, value in self.values.items()
            if not name.startswith("seen_")
        )

    def earliest(self, name: str, instant: datetime) -> None:
        """Keep the earlier of the row's instant and this one."""
        known = self[name]
        if known is None or instant < known:
            self.values[name] = instant
            self.at = self.at or instant

    def latest(self, name: str, instant: datetime) -> None:
        """Keep the later of the row's instant and this one."""
        known = self[name]
        if known is None or instant > known:
            self.values[name] = instant
            self.at = self.at or instant


class Mirror:
    """The rows of one table that a batch concerns, by the processor's id and by ours."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: dict[str, Row] = {}
        self.by_id: dict[int, Row] = {}
        self._columns: Final = tuple(column.name for column in table.c)

    def read(
        self, connection: Connection, condition: str, parameters: Sequence[Any]
    ) -> Iterator[Row]:
        """Read the rows that meet `condition`, and yield them."""
        sql = f"SELECT {', '.join(self._columns)} FROM {self.table.name} WHERE {condition}"
        for found in batch.fetch(connection, sql, parameters):
            row = Row(dict(zip(self._columns, found, strict=True)))
            self.add(row)
            yield row

    def load(self, connection: Connection, condition: str, parameters: Sequence[Any]) -> None:
        for _ in self.read(connection, condition, parameters):
            pass

    def add(self, row: Row) -> None:
        self.by_id[row["id"]] = row
        if row["processor_id"] is not None:
            self.rows[row["processor_id"]] = row

    def get(self, name: str | None) -> Row | None:
        """Return the row of the processor's id `name`."""
        return None if name is None else self.rows.get(name)

    def new(self, writer: Writer, values: Values) -> Row:
        """Return a row that will be inserted."""
        row = Row(None)
        row.values.update(values)
        row.values["id"] = writer.new_id(self.table)
        self.add(row)
        return row

    def changed(self) -> Iterable[Row]:
        return (row for row in self.by_id.values() if row.values)


def _lags(seen: Seen, known: Seen) -> bool:
    """Whether a look shows less than was known shortly before: then it shows what was."""
    return seen.tie < known.tie and seen.may_lag(known)


def _seen(before: Values) -> Seen | None:
    if before["seen_event"] is None:
        return None
    return Seen(before["seen_rank"], before["seen_at"], before["seen_tie"], before["seen_event"])
