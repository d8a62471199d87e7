"""How often a customer tried by links, and how often they were sent a fresh one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.states import AttemptState, InvoiceStatus
from recoup.store import batch

#: The type of the mail that brings a fresh link.
FRESH: Final = "fresh_link"
_OWED: Final = [str(status) for status in InvoiceStatus if states.is_owed(status)]
_PAID: Final = [str(state) for state in AttemptState if states.succeeded(state)]


def open_invoices(connection: Connection, customer_id: int) -> list[tuple[int, bool]]:
    """Return our ids of the customer's invoices that are owed, and whether a gate hides each."""
    sql = """
        SELECT id, gate_id IS NOT NULL FROM invoices
        WHERE customer_id = %s AND status = ANY(%s) AND amount_remaining > 0 ORDER BY id"""
    return [(id, hidden) for id, hidden in batch.fetch(connection, sql, (customer_id, _OWED))]


def tries(
    connection: Connection, customer_id: int, *, actor: str, attach: str, since: datetime
) -> list[datetime]:
    """
    Return when the customer tried since an instant and no money came, oldest first.

    A method that `actor` had put on file by a command of the kind `attach` is a try as well.
    """
    sql = """
        SELECT happened_at FROM attempts
        WHERE customer_id = %s AND origin IN ('customer', 'bad_debt') AND happened_at > %s
          AND state <> ALL(%s)
        UNION ALL
        SELECT recorded_at FROM commands
        WHERE customer_id = %s AND kind = %s AND actor = %s AND recorded_at > %s
        ORDER BY 1"""
    given = (customer_id, since, _PAID, customer_id, attach, actor, since)
    return [at for (at,) in batch.fetch(connection, sql, given)]


def sent(connection: Connection, customer_id: int, *, since: datetime) -> int:
    """Return how many fresh links the customer was sent, or is about to be, since an instant."""
    sql = "SELECT count(*) FROM mails WHERE customer_id = %s AND type = %s AND queued_at > %s"
    ((count,),) = batch.fetch(connection, sql, (customer_id, FRESH, since))
    return int(count)
