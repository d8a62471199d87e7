"""
Cases that are over, when it turns out that they began earlier, or that their money came after all.

An open case is moved by the next decision. One that has ended is not looked at again, so late news
of an earlier failure is written down here, and so is money for what had been given up: any order
of the two then comes to the same end. Bad debt keeps its end; that it is settled is decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from recoup.core import states
from recoup.core.states import CaseEnd, InvoiceStatus
from recoup.store import batch, tables
from recoup.store.absorb.known import Known
from recoup.store.absorb.mirror import Row
from recoup.store.writer import Writer

_ENDED: Final = (
    "SELECT id, customer_id, anchor, opened_at FROM cases "
    "WHERE id = ANY(%s) AND ending IS NOT NULL"
)
#: Ends without money, that money turns into the one it would have brought in time.
_GIVEN_UP: Final = sorted((CaseEnd.WRITTEN_OFF, CaseEnd.VOLUNTARY, CaseEnd.SUPERSEDED))
_WITHOUT_MONEY: Final = (
    "SELECT id, customer_id, ending, ended_at, opened_at FROM cases "
    "WHERE id = ANY(%s) AND ending = ANY(%s)"
)
_OF_CASES: Final = (
    "SELECT case_id, id, status, amount_remaining, closed_at, first_failed_at IS NOT NULL "
    "FROM invoices WHERE case_id = ANY(%s)"
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


def endings(writer: Writer, known: Known) -> None:
    """Let cases that ended without money end as recovered, once all of them is paid or closed."""
    ids = sorted({row["case_id"] for row in known.invoices.changed() if _is_paid_after_all(row)})
    if not ids:
        return
    closed = _closed(known, batch.fetch(writer.connection, _OF_CASES, (ids,)))
    given = (ids, [str(end) for end in _GIVEN_UP])
    for id, customer, ending, at, opened in batch.fetch(writer.connection, _WITHOUT_MONEY, given):
        if id not in closed:
            continue
        before = {"id": id, "customer_id": customer, "ending": ending, "ended_at": at}
        end = max(closed[id], opened)
        values = {"ending": str(CaseEnd.RECOVERED), "ended_at": end}
        writer.update(tables.cases, before, values, occurred_at=end, type="case.amended")


def _is_paid_after_all(row: Row) -> bool:
    if row.was("case_id") is None or not row.moved("status"):
        return False
    money = row["resolved_as"] in {None, "paid_out_of_band"}
    return money and states.is_paid(InvoiceStatus(row["status"]))


def _closed(known: Known, rows: Iterable[Any]) -> dict[int, datetime]:
    """Return when the last obligation of each case was closed; cases that still owe are not in."""
    found: dict[int, datetime] = {}
    owing: set[int] = set()
    for case, id, *stored in rows:
        row = known.invoices.by_id.get(id)
        status, left, at, failed = stored
        if row is not None:
            status, left, at = row["status"], row["amount_remaining"], row["closed_at"]
            failed = row["first_failed_at"] is not None
        if failed and left and states.is_owed(InvoiceStatus(status)):
            owing.add(case)
        elif at is not None:
            found[case] = max(at, found.get(case, at))
    return {case: at for case, at in found.items() if case not in owing}
