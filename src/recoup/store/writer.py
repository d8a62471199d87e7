"""
The one way rows change: a writer that collects inserts and updates and writes them together.

Whoever changes a row goes through it, so no change can be made without its ledger entry, and
every batch is a handful of statements however many customers it touches.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Table

from recoup.errors import Refused
from recoup.store import batch, ledger, tables
from recoup.store.ledgered import LEDGERED

Values = Mapping[str, Any]

#: Parents before children.
_ORDER: Final = tuple(
    table.name
    for table in (
        tables.customers,
        tables.standings,
        tables.coupons,
        tables.promotion_codes,
        tables.payment_methods,
        tables.subscriptions,
        tables.cases,
        tables.invoices,
        tables.debts,
        tables.payment_links,
        tables.attempts,
        tables.gates,
        tables.late_payments,
        tables.refunds,
        tables.disputes,
        tables.notices,
        tables.step_requests,
        tables.tellings,
        tables.restrictions,
        tables.holds,
        tables.tasks,
        tables.mails,
        tables.runs,
        tables.decisions,
        tables.commands,
        tables.redemptions,
    )
)


class Writer:
    """
    Collects changes of rows; `flush` writes them and their ledger entries.

    The caller holds the locks of all customers concerned and the transaction.

    Args:
        now: Our clock's UTC instant; what the ledger calls recorded.
        actor: Who did it, for the ledger: "engine", "cli", an operator's name.
        cause: What brought it about: "ingest", "run:12", "effect:7".
    """

    def __init__(self, connection: Connection, *, now: datetime, actor: str, cause: str) -> None:
        self.connection = connection
        self.now = now
        self._actor = actor
        self._cause = cause
        self._inserts: dict[str, dict[tuple[str, ...], list[tuple[Any, ...]]]] = {}
        self._updates: dict[str, dict[int, dict[str, Any]]] = {}
        self._entries: list[ledger.NewEntry] = []

    @property
    def actor(self) -> str:
        """Who does it."""
        return self._actor

    def new_id(self, table: Table) -> int:
        """Return an id for a row of `table` that will be inserted."""
        return batch.new_id(self.connection, table)

    def insert(
        self,
        table: Table,
        values: Values,
        *,
        occurred_at: datetime | None = None,
        type: str | None = None,
    ) -> int | None:
        """
        Insert a row; return its id, if the table has one.

        `type` is what the ledger calls it, "case.opened"; without one, "case.created".
        """
        row = dict(values)
        if "id" in table.c and "id" not in row:
            row["id"] = self.new_id(table)
        columns = tuple(row)
        groups = self._inserts.setdefault(table.name, {})
        groups.setdefault(columns, []).append(tuple(row.values()))
        told = LEDGERED.get(table.name)
        if told:
            after = {name: row.get(name) for name in told.columns}
            self._record(
                told.kind,
                row[told.key],
                row,
                {},
                after,
                type or f"{told.kind}.created",
                occurred_at,
            )
        return row.get("id")

    def update(
        self,
        table: Table,
        before: Values,
        values: Values,
        *,
        occurred_at: datetime | None = None,
        type: str | None = None,
    ) -> bool:
        """
        Set `values` on the row that `before` was read from; return whether any differs.

        `before` holds the key, the customer's id, and the old values of what is set.
        """
        changed = {k: v for k, v in values.items() if before[k] != v}
        if not changed:
            return False
        told = LEDGERED.get(table.name)
        key = told.key if told else "id"
        self._updates.setdefault(table.name, {}).setdefault(before[key], {}).update(changed)
        if told:
            after = {k: v for k, v in changed.items() if k in told.columns}
            self._record(
                told.kind,
                before[key],
                before,
                before,
                after,
                type or f"{told.kind}.changed",
                occurred_at,
            )
        return True

    def flush(self) -> None:
        """
        Write everything collected so far.

        Raises:
            Refused: a constraint said no. Roll back to before; try the rows' owners one by one.
        """
        try:
            self._flush()
        except (psycopg.IntegrityError, psycopg.DataError, OverflowError) as error:
            raise Refused(str(error).strip()) from error

    def _flush(self) -> None:
        for name in _ORDER:
            table = tables.metadata.tables[name]
            key = LEDGERED[name].key if name in LEDGERED else "id"
            # What ends makes room for what begins: only one case, attempt or task may be open.
            for columns, changed in _alike(self._updates.pop(name, {})).items():
                batch.update(self.connection, table, key, columns, changed)
            for columns, rows in self._inserts.pop(name, {}).items():
                batch.copy(self.connection, table, columns, rows)
        ledger.append(
            self.connection, self._entries, actor=self._actor, cause=self._cause, now=self.now
        )
        self._entries = []

    def _record(
        self,
        kind: str,
        key: int,
        row: Values,
        before: Values,
        after: Values,
        type: str,
        occurred_at: datetime | None,
    ) -> None:
        changes = ledger.differences(before, after)
        if not changes:
            return
        customer_id = row["id"] if kind == "customer" else row["customer_id"]
        if customer_id is None:
            return  # a coupon is nobody's, and so is the command that makes one
        self._entries.append(
            ledger.NewEntry(customer_id, type, f"{kind}:{key}", changes, occurred_at or self.now)
        )


def _alike(updates: Mapping[int, Values]) -> dict[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return what is set, key first, by the columns that are."""
    groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for key, values in sorted(updates.items()):
        groups.setdefault(tuple(values), []).append((key, *values.values()))
    return groups
