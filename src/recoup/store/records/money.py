"""What commands about money write and look up: invoices, tries, and places among the methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.account import Account
from recoup.core.states import AttemptState, InvoiceStatus
from recoup.store import batch, observe, tables
from recoup.store.writer import Writer

Row = Mapping[str, Any]

_METHOD: Final = (
    "id customer_id processor_id instrument kind exp_year exp_month backup consented_at "
    "consented_by"
).split()


def account(
    connection: Connection,
    customer_id: int,
    *,
    now: datetime,
    invoice_id: int | None = None,
    also: Sequence[int] = (),
) -> Account:
    """
    Return everything about a customer, which the caller has locked if it is going to decide.

    The invoice, and those that are there `also`, are among its invoices in whatever state.

    Raises:
        Exception: a row of the customer's can not be read.
    """
    named = (*also,) if invoice_id is None else (*also, invoice_id)
    seen = observe.observe(connection, [customer_id], now=now, also=named)
    for problem in seen.unreadable.values():
        raise problem
    return seen.accounts[0]


def status(connection: Connection, invoice_id: int) -> InvoiceStatus:
    """Return what the processor calls the state of an invoice; people are shown another word."""
    sql = "SELECT status FROM invoices WHERE id = %s"
    ((word,),) = batch.fetch(connection, sql, (invoice_id,))
    return InvoiceStatus(word)


def over(connection: Connection, invoice_id: int) -> int:
    """Return how many of our tries at the invoice have come to an end."""
    sql = (
        "SELECT count(*) FROM attempts WHERE invoice_id = %s AND ordinal IS NOT NULL "
        "AND state <> ALL(%s)"
    )
    open_states = [str(state) for state in AttemptState if states.is_open(state)]
    ((count,),) = batch.fetch(connection, sql, (invoice_id, open_states))
    return int(count)


def resolve(writer: Writer, invoice_id: int, how: str) -> None:
    """Say how the invoice was closed without money: "forgiven", "voided" …"""
    sql = "SELECT customer_id, resolved_as FROM invoices WHERE id = %s"
    ((customer_id, before),) = batch.fetch(writer.connection, sql, (invoice_id,))
    row = {"id": invoice_id, "customer_id": customer_id, "resolved_as": before}
    writer.update(tables.invoices, row, {"resolved_as": how}, type="invoice.resolved")


def methods(connection: Connection, customer_id: int) -> list[Row]:
    """Return the rows of the customer's methods that are not detached, by id."""
    sql = (
        f"SELECT {', '.join(_METHOD)} FROM payment_methods "
        "WHERE customer_id = %s AND NOT detached ORDER BY id"
    )
    found = batch.fetch(connection, sql, (customer_id,))
    return [dict(zip(_METHOD, row, strict=True)) for row in found]


def place(writer: Writer, method: Row, backup: int | None, consent: Row | None) -> None:
    """
    Give `method` a place among the backups, or none.

    `consent` holds `consented_at` and `consented_by`; without one no place can be had.
    """
    values = {
        "backup": backup,
        "consented_at": None if consent is None else consent["consented_at"],
        "consented_by": None if consent is None else consent["consented_by"],
    }
    writer.update(tables.payment_methods, method, values, type="method.placed")


def method(connection: Connection, id: int) -> Row:
    """Return the row of a method, detached or not."""
    sql = f"SELECT {', '.join(_METHOD)} FROM payment_methods WHERE id = %s"
    (row,) = batch.fetch(connection, sql, (id,))
    return dict(zip(_METHOD, row, strict=True))


def is_attached(connection: Connection, name: str) -> bool:
    """Return whether the method of this id at the processor is known and not detached."""
    sql = "SELECT id FROM payment_methods WHERE processor_id = %s AND NOT detached"
    return bool(batch.fetch(connection, sql, (name,)))
