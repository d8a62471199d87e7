"""Bad debt as people look at it: one row for each stay of an obligation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.dunning.views import BadDebt
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus
from recoup.errors import NotFound
from recoup.store.views.reading import LIMIT, Values, rows

_DEBT: Final = """
    SELECT d.id, d.customer_id, d.invoice_id, i.processor_id AS invoice, i.number, d.case_id,
           d.amount, d.currency, d.entered_at, d.made_by, d.age_days, d.reason, d.decline_class,
           d.decline_code, d.products, d.exited_at, d.exited_as,
           CASE WHEN d.exited_at IS NULL THEN i.amount_remaining + i.charged_back ELSE 0 END
               AS remaining,
           CASE WHEN d.exited_as = 'written_off' AND i.status = ANY(%(paid)s)
                     AND i.amount_paid > 0 AND NOT i.out_of_band THEN i.closed_at END AS came_at,
           d.exited_by, d.why
    FROM debts d JOIN invoices i ON i.id = d.invoice_id"""


def read_debt(connection: Connection, id: int) -> BadDebt:
    """
    Return one stay.

    Raises:
        NotFound: there is none with this id.
    """
    for row in rows(connection, f"{_DEBT} WHERE d.id = %(id)s", {**_words(), "id": id}):
        return _made(row)
    raise NotFound(f"there is no bad debt {id}")


def list_debts(
    connection: Connection,
    *,
    customer_id: int | None = None,
    invoice_ids: Sequence[int] | None = None,
    over: bool = False,
    after: int = 0,
    limit: int = LIMIT,
) -> tuple[BadDebt, ...]:
    """Return what is bad debt, by id; with `over` what has left it too."""
    where = "d.id > %(after)s"
    where += "" if customer_id is None else " AND d.customer_id = %(customer)s"
    where += "" if invoice_ids is None else " AND d.invoice_id = ANY(%(invoices)s)"
    where += "" if over else " AND d.exited_at IS NULL"
    given = {
        **_words(),
        "customer": customer_id,
        "invoices": None if invoice_ids is None else list(invoice_ids),
        "after": after,
        "limit": limit,
    }
    sql = f"{_DEBT} WHERE {where} ORDER BY d.id LIMIT %(limit)s"
    return tuple(_made(row) for row in rows(connection, sql, given))


def _words() -> Mapping[str, Any]:
    return {"paid": [str(status) for status in InvoiceStatus if states.is_paid(status)]}


def _made(row: Values) -> BadDebt:
    currency, left = row["currency"], row["exited_at"]
    return BadDebt(
        id=row["id"],
        customer_id=row["customer_id"],
        invoice_id=row["invoice_id"],
        invoice=row["invoice"],
        number=row["number"],
        case_id=row["case_id"],
        amount=Money(row["amount"], currency),
        remaining=Money(row["remaining"], currency),
        entered_at=row["entered_at"],
        made_by=row["made_by"],
        age_days=row["age_days"],
        reason=row["reason"],
        decline_class=row["decline_class"],
        decline_code=row["decline_code"],
        products=tuple(row["products"]),
        exited_at=left,
        exited_as=row["exited_as"],
        days_in=None if left is None else (left - row["entered_at"]).days,
        exited_by=row["exited_by"] if left else None,
        why=row["why"] if left else None,
        income_at=row["came_at"],
    )
