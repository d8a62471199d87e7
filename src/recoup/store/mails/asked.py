"""What somebody names who asks for a mail: found, and found to be its customer's."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from recoup.errors import NotFound
from recoup.store import batch

#: Name -> the argument that the worker reads by, and the table.
NAMES: Final = {
    "gate_id": ("gate_id", "gates"),
    "invoice_id": ("invoice_id", "invoices"),
    "payment_id": ("attempt_id", "attempts"),
    "charge_id": ("attempt_id", "attempts"),
    "refund_id": ("refund_id", "refunds"),
    "subscription_id": ("subscription_id", "subscriptions"),
    "case_id": ("case_id", "cases"),
    "debt_id": ("debt_id", "debts"),
    "method_id": ("method_id", "payment_methods"),
}
#: Tables whose rows have an id of the processor's as well.
_MIRRORED: Final = frozenset(
    {"customers", "invoices", "attempts", "refunds", "subscriptions", "payment_methods"}
)


def customer(connection: Connection, ref: int | str) -> int:
    """
    Return our id of a customer, by it or by the processor's.

    Raises:
        NotFound: there is none.
    """
    found = _found(connection, "customers", ref, "id")
    if found is None:
        raise NotFound(f"there is no customer {ref!r}")
    return found[0]


def named(connection: Connection, name: str, ref: int | str, customer_id: int) -> tuple[str, int]:
    """
    Return the argument and our id of what `name` says, which must be this customer's.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    argument, table = NAMES[name]
    found = _found(connection, table, ref, "customer_id")
    if found is None or found[1] != customer_id:
        raise NotFound(f"{name}: customer {customer_id} has none that is {ref!r}")
    return argument, found[0]


def _found(
    connection: Connection, table: str, ref: int | str, owner: str
) -> tuple[int, int] | None:
    text = str(ref)
    ours = text.isascii() and text.isdigit() and len(text) < 19
    if not ours and table not in _MIRRORED:
        return None
    where = "id = %s" if ours else "processor_id = %s"
    given = int(text) if ours else text
    rows = batch.fetch(connection, f"SELECT id, {owner} FROM {table} WHERE {where}", (given,))
    return (int(rows[0][0]), int(rows[0][1])) if rows else None
