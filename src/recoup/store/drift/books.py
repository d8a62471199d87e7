"""
Rows against the ledger: folding a customer's entries must give the customer's rows.

Folding is slow, so what was compared is remembered: up to which entry, and what the rows hashed
to. Where neither has changed nothing is folded. This finds mistakes and edits by hand; against
somebody who also forges what is remembered there is `recoup verify`, which folds everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from recoup.core import states
from recoup.core.ledger import fold
from recoup.core.states import CommandState
from recoup.errors import StoreError
from recoup.store import batch
from recoup.store.drift.classes import Class
from recoup.store.drift.findings import Found
from recoup.store.ledgered import LEDGERED, Ledgered

_decode: Final = msgspec.json.Decoder(dict[str, tuple[Any, Any]]).decode
_encode: Final = msgspec.json.Encoder().encode
_State = dict[str, dict[str, Any]]
#: The field of a finding that is about all of a row.
WHOLE: Final = "*"

#: Customers of a range, the seq of their newest entry and the hash of their rows, where either is
#: not as it was when they were last found in order.
_CHANGED: Final = """
    SELECT h.customer_id, h.seq, coalesce(r.digest, 0)
    FROM ledger_heads h
    LEFT JOIN (SELECT customer_id, bit_xor(hash) AS digest FROM ({rows}) AS one
               GROUP BY customer_id) r ON r.customer_id = h.customer_id
    LEFT JOIN drift_books b
         ON b.customer_id = h.customer_id AND b.customer_id BETWEEN %s AND %s
    WHERE h.customer_id BETWEEN %s AND %s
      AND (b.seq IS DISTINCT FROM h.seq OR b.digest IS DISTINCT FROM coalesce(r.digest, 0))"""


def _owner(of: Ledgered) -> str:
    return "id" if of.kind == "customer" else "customer_id"


def _rows(of: Ledgered) -> str:
    columns = ", ".join((_owner(of), of.key, *of.columns))
    return f"SELECT {columns} FROM {of.table.name} WHERE {_owner(of)} = ANY(%s)"


def _hashes() -> str:
    """Return SQL for the hash of every row of a range, with its customer."""
    return " UNION ALL ".join(
        f"SELECT {_owner(of)} AS customer_id, "
        f"hash_record_extended(ROW({', '.join((of.key, *of.columns))}), {place}) AS hash "
        f"FROM {of.table.name} WHERE {_owner(of)} BETWEEN %s AND %s"
        for place, of in enumerate(LEDGERED.values(), 1)
    )


@dataclass(slots=True)
class Compared:
    """What a comparison found, and what to remember of who is in order: id, seq, digest."""

    found: list[Found] = field(default_factory=list)
    in_order: list[tuple[int, int, int]] = field(default_factory=list)
    folded: int = 0


def compared(connection: Connection, first: int, last: int, *, anyway: bool = False) -> Compared:
    """
    Compare the rows of the customers from `first` to `last` with the ledger.

    Args:
        anyway: Fold everything, whatever is remembered.
    """
    result = Compared()
    changed = _changed(connection, first, last, anyway=anyway)
    silent = _silent(connection, first, last)
    ids = [*changed, *silent]
    result.folded = len(ids)
    if not ids:
        return result
    result.found = list(differences(connection, ids))
    off = {one.customer_id for one in result.found}
    result.in_order = [(id, *seen) for id, seen in changed.items() if id not in off]
    return result


def remember(connection: Connection, rows: Sequence[tuple[int, int, int]]) -> None:
    """Keep that these customers' rows were in order."""
    if not rows:
        return
    ids, seqs, digests = (list(column) for column in zip(*rows, strict=True))
    batch.driver(connection).execute(
        "INSERT INTO drift_books (customer_id, seq, digest) "
        "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) "
        "ON CONFLICT (customer_id) DO UPDATE SET seq = excluded.seq, digest = excluded.digest",
        tuple(map(batch.array, (ids, seqs, digests))),
    )


def differences(connection: Connection, ids: Collection[int]) -> Iterator[Found]:
    """Yield where the rows of these customers are not what the ledger tells."""
    told, unreadable = _folded(connection, sorted(ids))
    for id, why in unreadable.items():
        yield Found(id, "ledger", f"customer:{id}", WHOLE, Class.LEDGER_UNREADABLE, None, why)
    queries = [(_rows(of), (sorted(ids),)) for of in LEDGERED.values()]
    for of, rows in zip(LEDGERED.values(), batch.fetch_each(connection, queries), strict=True):
        for customer_id, key, *row in rows:
            if customer_id not in unreadable:
                yield from _row(of, customer_id, key, row, told.get(customer_id, {}))
    kinds = {of.kind for of in LEDGERED.values()}
    for id, state in told.items():
        for subject, fields in state.items():
            kind = subject.partition(":")[0]
            if kind in kinds and not _may_be_forgotten(kind, fields):
                yield Found(id, "ledger", subject, WHOLE, Class.ROW_MISSING, None, "a row")


def _changed(
    connection: Connection, first: int, last: int, *, anyway: bool
) -> dict[int, tuple[int, int]]:
    sql = _CHANGED.format(rows=_hashes())
    given: list[Any] = [first, last] * (len(LEDGERED) + 2)
    if anyway:
        sql = sql[: sql.index("AND (b.seq")]
    return {id: (seq, digest) for id, seq, digest in batch.fetch(connection, sql, given)}


def _silent(connection: Connection, first: int, last: int) -> list[int]:
    """Return the customers of whom the ledger says nothing at all."""
    sql = (
        "SELECT c.id FROM customers c LEFT JOIN ledger_heads h ON h.customer_id = c.id "
        "WHERE c.id BETWEEN %s AND %s AND h.customer_id IS NULL"
    )
    return [id for (id,) in batch.fetch(connection, sql, (first, last))]


def _folded(connection: Connection, ids: list[int]) -> tuple[dict[int, _State], dict[int, str]]:
    sql = """
        SELECT customer_id, subject, version, body FROM ledger_entries
        WHERE customer_id = ANY(%s) ORDER BY customer_id, seq
    """
    entries: dict[int, list[Any]] = defaultdict(list)
    for customer_id, *entry in batch.fetch(connection, sql, (ids,)):
        entries[customer_id].append(entry)
    told: dict[int, _State] = {}
    unreadable: dict[int, str] = {}
    for customer_id, mine in entries.items():
        try:
            told[customer_id] = fold((s, v, _decode(body)) for s, v, body in mine)
        except (StoreError, msgspec.MsgspecError) as problem:
            unreadable[customer_id] = str(problem)
    return told, unreadable


def _row(
    of: Ledgered, customer_id: int, key: int, row: list[Any], told: _State
) -> Iterator[Found]:
    """Yield where a row differs from what the ledger tells; what is told is taken out."""
    subject = f"{of.kind}:{key}"
    fields = told.pop(subject, None)
    if fields is None:
        yield Found(customer_id, "ledger", subject, WHOLE, Class.ROW_UNRECORDED, "a row", None)
        return
    values = msgspec.to_builtins(row)  # as they are written in an entry
    if [fields.get(name) for name in of.columns] == values:
        return
    for name, value in zip(of.columns, values, strict=True):
        if fields.get(name) != value:
            yield Found(
                customer_id, "ledger", subject, name, Class.ROW_CHANGED,
                written(value), written(fields.get(name)), (fields.get(name), value),
            )  # fmt: skip


def written(value: object) -> str | None:
    """Return a value as a finding shows it."""
    if value is None or isinstance(value, str):
        return value
    return _encode(value).decode()


def _may_be_forgotten(kind: str, fields: Mapping[str, Any]) -> bool:
    """Whether rows like this are deleted in time: commands are, some months after their end."""
    return kind == "command" and states.is_over(CommandState(fields["state"]))
