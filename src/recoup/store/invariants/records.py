"""Records: every row is in a state we know, belongs to one customer, and is in the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from recoup.core import states
from recoup.core.ledger import fold
from recoup.core.states import CommandState
from recoup.errors import StoreError
from recoup.store import batch, chain
from recoup.store.invariants.base import Finding, Invariant, Look, by_sql
from recoup.store.ledgered import LEDGERED, Ledgered

#: Customers whose ledger and rows are in memory together.
_PART: Final = 2_000
_LAST: Final = 2**63 - 1
_decode = msgspec.json.Decoder(dict[str, tuple[Any, Any]]).decode
_State = dict[str, dict[str, Any]]


def _chain(look: Look) -> Iterator[Finding]:
    for problem in chain.verify(look.connection).problems:
        yield f"customer {problem.customer_id}", f"entry {problem.seq}: {problem.what}"


def _told(look: Look) -> Iterator[Finding]:
    first = 0
    sql = "SELECT id FROM customers WHERE id >= %s ORDER BY id LIMIT %s"
    while True:
        ids = batch.fetch(look.connection, sql, (first, _PART))
        last = ids[-1][0] if len(ids) == _PART else _LAST
        yield from _compared(look, first, last)
        if last == _LAST:
            return
        first = last + 1


def _compared(look: Look, first: int, last: int) -> Iterator[Finding]:
    """Yield where the rows of the customers from `first` to `last` are not what was recorded."""
    told, unreadable = _folded(look, first, last)
    yield from ((f"customer {id}", why) for id, why in unreadable.items())
    for of in LEDGERED.values():
        owner = "id" if of.kind == "customer" else "customer_id"
        columns = ", ".join((owner, of.key, *of.columns))
        sql = f"SELECT {columns} FROM {of.table.name} WHERE {owner} BETWEEN %s AND %s"
        for customer_id, key, *row in batch.fetch(look.connection, sql, (first, last)):
            if customer_id not in unreadable:
                yield from _row(of, key, row, told.get(customer_id, {}))
    kinds = {of.kind for of in LEDGERED.values()}
    for state in told.values():
        for subject, fields in state.items():
            kind, _, key = subject.partition(":")
            if kind in kinds and not _may_be_forgotten(kind, fields):
                yield f"{kind} {key}", "the ledger tells of it, but there is no such row"


def _may_be_forgotten(kind: str, fields: Mapping[str, Any]) -> bool:
    """Whether rows like this are deleted in time: commands are, some months after their end."""
    return kind == "command" and states.is_over(CommandState(fields["state"]))


def _folded(look: Look, first: int, last: int) -> tuple[dict[int, _State], dict[int, str]]:
    sql = """
        SELECT customer_id, subject, version, body FROM ledger_entries
        WHERE customer_id BETWEEN %s AND %s ORDER BY customer_id, seq
    """
    entries: dict[int, list[Any]] = {}
    for customer_id, *entry in batch.fetch(look.connection, sql, (first, last)):
        entries.setdefault(customer_id, []).append(entry)
    told: dict[int, _State] = {}
    unreadable: dict[int, str] = {}
    for customer_id, mine in entries.items():
        try:
            told[customer_id] = fold((s, v, _decode(body)) for s, v, body in mine)
        except (StoreError, msgspec.MsgspecError) as problem:
            unreadable[customer_id] = str(problem)
    return told, unreadable


def _row(of: Ledgered, key: int, row: list[Any], told: _State) -> Iterator[Finding]:
    """Yield where a row differs from what the ledger tells; what is told is taken out."""
    fields = told.pop(f"{of.kind}:{key}", None)
    if fields is None:
        yield f"{of.kind} {key}", "the ledger does not tell of it"
        return
    values = msgspec.to_builtins(row)  # as they are written in an entry
    if [fields.get(name) for name in of.columns] != values:
        for name, value in zip(of.columns, values, strict=True):
            if fields.get(name) != value:
                detail = f"{name} is {value!r}, the ledger says {fields.get(name)!r}"
                yield f"{of.kind} {key}", detail


def _unknown(table: str, column: str, known: str) -> str:
    return (
        f"SELECT '{table[:-1]} ' || id, '{column} ' || {column} FROM {table}"
        f" WHERE {column} <> ALL(%({known})s)"
    )


def _astray(child: str, parent: str, key: str) -> str:
    return (
        f"SELECT '{child[:-1]} ' || x.id, 'of another customer than {parent[:-1]} ' || p.id"
        f" FROM {child} x JOIN {parent} p ON p.id = x.{key} WHERE x.customer_id <> p.customer_id"
    )


RECORDS: Final[tuple[Invariant, ...]] = (
    by_sql(
        "states_are_known",
        "Every status is one of its machine's.",
        "SELECT * FROM ("
        + " UNION ALL ".join(
            (
                _unknown("attempts", "state", "attempt_states"),
                _unknown("invoices", "status", "invoice_statuses"),
                _unknown("subscriptions", "status", "subscription_statuses"),
                _unknown("notices", "state", "notice_states"),
            )
        )
        + ") strange",
    ),
    by_sql(
        "one_owner",
        "What belongs together belongs to one customer.",
        "SELECT * FROM ("
        + " UNION ALL ".join(
            (
                _astray("invoices", "subscriptions", "subscription_id"),
                _astray("invoices", "cases", "case_id"),
                _astray("attempts", "invoices", "invoice_id"),
                _astray("refunds", "attempts", "attempt_id"),
                _astray("disputes", "attempts", "attempt_id"),
                _astray("redemptions", "subscriptions", "subscription_id"),
                _astray("previews", "subscriptions", "subscription_id"),
                _astray("notices", "cases", "case_id"),
                _astray("restrictions", "cases", "case_id"),
            )
        )
        + ") astray",
    ),
    Invariant(
        "ledger_is_sound",
        "The ledger is what was written: each hash, link, sequence and head.",
        _chain,
    ),
    Invariant(
        "ledger_tells_rows",
        "Folding the ledger gives the rows, field by field.",
        _told,
    ),
)
