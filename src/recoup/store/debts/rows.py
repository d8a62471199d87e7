"""What is written of bad debt, and what a payment of it goes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.account import Debt
from recoup.core.states import AttemptState
from recoup.store import batch, tables
from recoup.store.writer import Writer

_DECIDED: Final = ("exited_as", "exited_by", "why")
#: Exits that the processor's own word is not the last about: a person may have had another reason.
_ITS_WORD: Final = ("voided", "written_off")


def enter(writer: Writer, customer_id: int, debt: Debt, case_id: int) -> Debt:
    """Write that an obligation became bad debt; return it with the id of its row and its case."""
    row = {
        "customer_id": customer_id,
        "case_id": case_id,
        "invoice_id": debt.invoice_id,
        "amount": debt.amount.minor,
        "currency": debt.amount.currency,
        "entered_at": debt.entered_at,
        "made_by": debt.by,
        "age_days": debt.age_days,
        "reason": debt.reason,
        "decline_class": debt.decline_class,
        "decline_code": debt.decline_code,
        "products": list(debt.products),
        "exited_at": None,
        "exited_as": None,
        "exited_by": None,
    }
    id = writer.insert(tables.debts, row, occurred_at=debt.entered_at, type="debt.entered")
    return replace(debt, id=id, case_id=case_id)


def leave(writer: Writer, customer_id: int, before: Debt, after: Debt) -> None:
    """Write that an obligation is bad debt no more, and how it came."""
    row = {"id": before.id, "customer_id": customer_id, "exited_at": None, "exited_as": None}
    values = {
        "exited_at": after.exited_at,
        "exited_as": None if after.exit is None else after.exit.value,
    }
    writer.update(tables.debts, row, values, occurred_at=after.exited_at, type="debt.left")


def decided(writer: Writer, invoice_id: int, how: str, *, why: str | None) -> None:
    """
    Say who closed an invoice that is bad debt, as what and why; its exit is the loop's to find.

    Where the processor told of the end before us the exit is corrected: it knows that the invoice
    is void, and not that we meant to forgive.
    """
    sql = """
        SELECT id, customer_id, exited_as, exited_by, why FROM debts WHERE invoice_id = %s
        ORDER BY entered_at DESC, id DESC LIMIT 1"""
    for found in batch.fetch(writer.connection, sql, (invoice_id,)):
        row = dict(zip(("id", "customer_id", *_DECIDED), found, strict=True))
        if row["exited_as"] in _ITS_WORD:
            values = {"exited_as": how, "exited_by": writer.actor, "why": why}
            writer.update(tables.debts, row, values, type="debt.corrected")
        elif row["exited_as"] is None:
            values = {"exited_by": writer.actor, "why": why}
            writer.update(tables.debts, row, values, type="debt.decided")


def identity(connection: Connection, invoices: Sequence[int]) -> tuple[list[int], int]:
    """
    Return what tells a payment of these from the one before: stays in bad debt, tries refused.

    While a try is under way both stay the same, and after it succeeded too.
    """
    entries = "SELECT id FROM debts WHERE invoice_id = ANY(%s) ORDER BY id"
    tries = """
        SELECT count(*) FROM attempts
        WHERE invoice_id = ANY(%s) AND ordinal IS NOT NULL AND state = ANY(%s)"""
    ids = list(invoices)
    over = [
        str(state)
        for state in AttemptState
        if not states.is_open(state) and not states.succeeded(state)
    ]
    ((count,),) = batch.fetch(connection, tries, (ids, over))
    return [id for (id,) in batch.fetch(connection, entries, (ids,))], int(count)


def tried(
    connection: Connection, customer_id: int, *, now: datetime, within: timedelta
) -> list[datetime]:
    """Return when tries at bad debt failed or began within a span of `now`, oldest first."""
    sql = """
        SELECT happened_at FROM attempts
        WHERE customer_id = %s AND origin = 'bad_debt' AND happened_at > %s AND state <> ALL(%s)
        ORDER BY happened_at"""
    came = [str(state) for state in AttemptState if states.succeeded(state)]
    return [at for (at,) in batch.fetch(connection, sql, (customer_id, now - within, came))]
