"""Several debts of one case take turns: they are never tried in one burst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from recoup.core import states
from recoup.core.account import Account, Attempt, Invoice
from recoup.core.collection.limits import stamp
from recoup.core.collection.plan import NEW_METHOD, RETRY, Plan
from recoup.core.policy import DAY

#: How far apart, unless the last of them was paid.
APART: Final = DAY


def in_turn(account: Account, made: Plan, debts: Sequence[Invoice], *, until: datetime) -> Plan:
    """
    Return the plan with its try a day after that of another debt of the case, if that needs it.

    A bank that refused one debt refuses the next of the same hour, and each refusal costs. Where
    money came, what it paid is owed no more, and the next debt follows at once.

    Args:
        debts: What is owed in the case's scope, `made`'s own among it.
        until: The end of the ladder.
    """
    if made.at is None:
        return made
    others = {debt.id for debt in debts if debt.id != made.invoice_id}
    last = max(
        (a.at for a in account.attempts if a.invoice_id in others and _ours(a)), default=None
    )
    if last is None or last + APART <= made.at:
        return made
    at = last + APART
    why = f"Another debt of this case was tried on {stamp(last)}; they are tried a day apart."
    if at <= until:
        return replace(made, at=at, reasons=(*made.reasons, why))
    over = f"That would be after the ladder's end on {stamp(until)}."
    return replace(made, at=None, price=None, reasons=(*made.reasons, why, over))


def _ours(attempt: Attempt) -> bool:
    """Whether it was made by itself, and reached a bank or may yet."""
    return attempt.origin in {RETRY, NEW_METHOD} and not states.was_called_off(attempt.state)
