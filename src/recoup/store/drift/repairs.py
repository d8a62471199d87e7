"""
What a repair needs of the store.

A row that was edited behind the engine is not what the ledger tells. Before it is changed back,
what stands in it is put on record, so that the ledger says what was found and what became of it,
and its entries still fit one another. Nothing is ever updated here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from recoup.core import states
from recoup.core.account import CustomerId
from recoup.core.states import AttemptState
from recoup.store import batch, ledger
from recoup.store.drift.classes import Class
from recoup.store.drift.findings import Found
from recoup.store.ledger import UNKNOWN, NewEntry

_OPEN: Final = [str(one) for one in AttemptState if states.is_open(one)]
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def acknowledge(
    connection: Connection,
    found: Iterable[Found],
    *,
    only: Collection[tuple[str, str]] | None = None,
    cause: str,
    now: datetime,
) -> set[tuple[str, str]]:
    """
    Put on record what stands in rows that are not as the ledger tells; return subjects and fields.

    Args:
        found: Of customers whose locks the caller holds.
        only: Of these subjects and fields; None: of all.
    """
    entries: dict[tuple[int, str], dict[str, tuple[Any, Any]]] = defaultdict(dict)
    for one in found:
        wanted = only is None or (one.subject, one.field) in only
        if one.class_ is Class.ROW_CHANGED and one.customer_id and one.values and wanted:
            entries[one.customer_id, one.subject][one.field] = one.values
    told = [
        NewEntry(customer_id, f"{subject.partition(':')[0]}.drifted", subject, changes, now)
        for (customer_id, subject), changes in entries.items()
    ]
    ledger.append(connection, told, actor=UNKNOWN, cause=cause, now=now)
    return {(subject, name) for (_, subject), changes in entries.items() for name in changes}


def head(connection: Connection, customer_id: CustomerId) -> int:
    """Return the number of a customer's newest entry; 0: there is none."""
    sql = "SELECT coalesce((SELECT seq FROM ledger_heads WHERE customer_id = %s), 0)"
    return int(batch.fetch(connection, sql, (customer_id,))[0][0])


def changed_since(
    connection: Connection, customer_id: CustomerId, seq: int
) -> set[tuple[str, str]]:
    """Return the subjects and fields that entries behind `seq` have changed."""
    sql = "SELECT subject, body FROM ledger_entries WHERE customer_id = %s AND seq > %s"
    rows = batch.fetch(connection, sql, (customer_id, seq))
    return {(subject, name) for subject, body in rows for name in _decode(body)}


def facts_of(connection: Connection, cause: str, ids: Collection[int]) -> list[Any]:
    """Return customer, subject and changes of what was written for `cause`, not yet committed."""
    sql = (
        "SELECT customer_id, subject, body FROM ledger_entries "
        "WHERE customer_id = ANY(%s) AND cause = %s ORDER BY customer_id, seq"
    )
    rows = batch.fetch(connection, sql, (sorted(ids), cause))
    return [(id, subject, _decode(body)) for id, subject, body in rows]


def under_way(connection: Connection, customer_id: CustomerId) -> bool:
    """Return whether any attempt of a customer is open or unknown: then nothing is repaired."""
    sql = "SELECT EXISTS (SELECT FROM attempts WHERE customer_id = %s AND state = ANY(%s))"
    return bool(batch.fetch(connection, sql, (customer_id, _OPEN))[0][0])


def customer_of(connection: Connection, processor: str, name: str) -> CustomerId | None:
    """Return our id of the customer whom the processor calls so, if there is one."""
    sql = "SELECT id FROM customers WHERE processor = %s AND processor_id = %s"
    return next((id for (id,) in batch.fetch(connection, sql, (processor, name))), None)


def name_of(connection: Connection, customer_id: CustomerId) -> str | None:
    """Return the processor's name of a customer, if it has one and is not deleted there."""
    sql = "SELECT processor_id FROM customers WHERE id = %s AND NOT deleted"
    return next((name for (name,) in batch.fetch(connection, sql, (customer_id,))), None)
