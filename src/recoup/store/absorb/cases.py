"""
Cases that are over, when it turns out that they began earlier.

An open case is moved by the next decision. One that has ended is not looked at again, so late news
of an earlier failure is written down here: it changes when the case began, and nothing else.
"""

from __future__ import annotations

from typing import Final

from recoup.store import batch, tables
from recoup.store.absorb.known import Known
from recoup.store.absorb.mirror import Row
from recoup.store.writer import Writer

_ENDED: Final = (
    "SELECT id, customer_id, anchor, opened_at FROM cases "
    "WHERE id = ANY(%s) AND ending IS NOT NULL"
)


def beginnings(writer: Writer, known: Known) -> None:
    """Move the beginning of ended cases to the first failure that is known now."""
    earlier = [row for row in known.invoices.changed() if _fails_earlier(row)]
    if not earlier:
        return
    ids = sorted({row["case_id"] for row in earlier})
    for id, customer, anchor, opened_at in batch.fetch(writer.connection, _ENDED, (ids,)):
        first = min(row["first_failed_at"] for row in earlier if row["case_id"] == id)
        if first >= opened_at:
            continue
        before = {"id": id, "customer_id": customer, "anchor": anchor, "opened_at": opened_at}
        # An anchor that had moved on to a later debt was moved by what still holds.
        values = {"opened_at": first, "anchor": first if anchor == opened_at else anchor}
        writer.update(tables.cases, before, values, occurred_at=first, type="case.moved")


def _fails_earlier(row: Row) -> bool:
    was = row.was("first_failed_at")
    return row.was("case_id") is not None and was is not None and row["first_failed_at"] < was
