"""Customers' own rows: as commands change them, under their lock, and how mails reach them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.account import CURRENT
from recoup.errors import NotFound, NotPossible, StaleRecord
from recoup.store import batch, tables
from recoup.store.writer import Writer

_COLUMNS: Final = tuple(column.name for column in tables.customers.c)
_READ: Final = f"SELECT {', '.join(_COLUMNS)} FROM customers WHERE "
_BY_OWNER: Final = "owner_type = %s AND owner_id = %s AND processor = %s"

Values = Mapping[str, Any]


def read(connection: Connection, id: int) -> Values:
    """
    Return the whole row, as `Writer.update` needs it.

    Raises:
        NotFound: there is none.
    """
    for row in batch.fetch(connection, _READ + "id = %s", (id,)):
        return _values(row)
    raise NotFound(f"there is no customer {id}")


def living(connection: Connection, id: int) -> Values:
    """
    Return the whole row of a customer whom the processor has and who can be changed.

    Raises:
        NotFound: there is none.
        NotPossible: deleted, erased, or not at the processor yet.
    """
    row = read(connection, id)
    if row["erased_at"] is not None:
        raise NotPossible(f"customer {id} has been erased")
    if row["deleted"]:
        raise NotPossible(f"customer {id} has been deleted at the processor")
    if row["processor_id"] is None:
        raise NotPossible(
            f"customer {id} is not at the processor yet: call get_or_create for its owner again"
        )
    return row


def at_processor(connection: Connection, id: int) -> str:
    """
    Return the processor's id of a customer whom something can be asked about; see `living`.

    Raises:
        NotFound, NotPossible
    """
    return str(living(connection, id)["processor_id"])


def claim(writer: Writer, row: Values, version: int | None) -> None:
    """
    Make a new version of the row, so that whoever read an older one is told.

    It is made when a change is asked for and not when it is answered: of two callers who read the
    same version only one may ask.

    Raises:
        StaleRecord: the row is not at `version` any more. None asks for no check.
    """
    if version is not None and version != row["version"]:
        raise StaleRecord(
            f"customer {row['id']} is at version {row['version']}, not {version}: read it again"
        )
    writer.update(tables.customers, row, {"version": row["version"] + 1})


def one_of_owner(connection: Connection, processor: str, owner_type: str, owner_id: str) -> None:
    """Let one transaction at a time make a customer for this owner: no row, no lock."""
    owner = json.dumps(["recoup owner", processor, owner_type, owner_id])
    sql = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
    batch.fetch(connection, sql, (owner,))


def by_owner(
    connection: Connection, processor: str, owner_type: str, owner_id: str
) -> Values | None:
    """Return the owner's row at this processor, if there is one."""
    for row in batch.fetch(connection, _READ + _BY_OWNER, (owner_type, owner_id, processor)):
        return _values(row)
    return None


def intend(
    writer: Writer, owner_type: str, owner_id: str, *, processor: str, zone: str | None
) -> int:
    """Write the row of a customer whom the processor is about to be asked for; return its id."""
    id = writer.new_id(tables.customers)
    values = {
        "id": id,
        "owner_type": owner_type,
        "owner_id": owner_id,
        "processor": processor,
        "time_zone": zone,
        "metadata": {},
        "data": {},
        "deleted": False,
        "created_at": writer.now,
    }
    writer.insert(tables.customers, values, type="customer.intended")
    standing = {
        "customer_id": id,
        "standing": CURRENT,
        "next_wake_at": None,
        "run_state": "ok",
        "failures": 0,
    }
    writer.insert(tables.standings, standing)
    writer.flush()
    return id


def link(writer: Writer, id: int, owner_type: str, owner_id: str) -> bool:
    """
    Make the customer, who is locked, the owner's; return whether it was not already.

    Raises:
        NotFound: there is none.
        NotPossible: it has another owner, the owner has another customer at the same processor,
            or it is deleted or erased.
    """
    connection, owner = writer.connection, (owner_type, owner_id)
    row = read(connection, id)
    if (row["owner_type"], row["owner_id"]) == owner:
        return False
    if row["owner_id"] is not None:
        raise NotPossible(f"customer {id} has another owner already")
    living(connection, id)
    one_of_owner(connection, row["processor"], *owner)
    other = by_owner(connection, row["processor"], *owner)
    if other is not None:
        raise NotPossible(
            f"customer {id} can not be linked: this owner has customer {other['id']} already"
        )
    news = {"owner_type": owner_type, "owner_id": owner_id, "version": row["version"] + 1}
    writer.update(tables.customers, row, news)
    writer.flush()
    return True


def unlinked(
    connection: Connection, processor: str, name: str, owner_type: str, *, after: int, limit: int
) -> list[tuple[int, str]]:
    """
    Return customers, by id behind `after`, whose metadata has an owner's id under `name`.

    Who is that owner's already is left out, and so is who is deleted or erased.
    """
    sql = (
        "SELECT id, metadata ->> %s FROM customers WHERE processor = %s AND id > %s "
        "AND metadata ->> %s <> '' AND NOT deleted AND erased_at IS NULL "
        "AND (owner_type, owner_id) IS DISTINCT FROM (%s, metadata ->> %s) ORDER BY id LIMIT %s"
    )
    given = (name, processor, after, name, owner_type, name, limit)
    return [(id, value) for id, value in batch.fetch(connection, sql, given)]


def asked_before(connection: Connection, id: int, kind: str) -> int:
    """Return how many commands of this kind about the customer have come to an end."""
    sql = (
        "SELECT count(*) FROM commands "
        "WHERE customer_id = %s AND kind = %s AND ended_at IS NOT NULL"
    )
    ((count,),) = batch.fetch(connection, sql, (id, kind))
    return int(count)


def settle(writer: Writer, id: int, processor_id: str) -> int:
    """
    Return the row that is the processor's customer `processor_id`, made for the intent `id`.

    It is the intent's own, except where news that named no request of ours came first and made a
    row without an owner: then that row is given the owner and the intent is closed. A row that
    has an owner already keeps it, and the intent waits for another answer.
    """
    intent = read(writer.connection, id)
    if intent["processor_id"] is not None:
        return id
    found = _named(writer.connection, intent["processor"], processor_id)
    if found is None or found["owner_id"] is not None or found["erased_at"] is not None:
        return id
    owner = {name: intent[name] for name in ("owner_type", "owner_id", "time_zone")}
    gone = {"owner_type": None, "owner_id": None, "deleted": True}
    writer.update(tables.customers, intent, gone, type="customer.superseded")
    writer.flush()  # no two rows may have one owner, not even for a moment
    writer.update(tables.customers, found, owner)
    return int(found["id"])


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom a mail goes to. Nothing of it is kept in job arguments or logs."""

    email: str | None
    name: str | None
    locale: str | None
    time_zone: str | None
    country: str | None


def contacts(connection: Connection, ids: Sequence[int]) -> Mapping[int, Contact]:
    """Return how to reach these customers."""
    sql = "SELECT id, email, name, locale, time_zone, country FROM customers WHERE id = ANY(%s)"
    return {id: Contact(*rest) for id, *rest in batch.fetch(connection, sql, (list(ids),))}


def invoice_numbers(connection: Connection, ids: Sequence[int]) -> Mapping[int, str]:
    """Return what is printed on these invoices; those without a number are left out."""
    sql = "SELECT id, number FROM invoices WHERE id = ANY(%s) AND number IS NOT NULL"
    return dict(batch.fetch(connection, sql, (list(ids),)))


def _named(connection: Connection, processor: str, processor_id: str) -> Values | None:
    sql = _READ + "processor = %s AND processor_id = %s FOR UPDATE"
    for row in batch.fetch(connection, sql, (processor, processor_id)):
        return _values(row)
    return None


def _values(row: Any) -> Values:
    return dict(zip(_COLUMNS, row, strict=True))
