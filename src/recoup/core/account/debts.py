"""Bad debt: obligations whose recovery is over, and that were not paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from recoup.core.money import Money

#: Who made an obligation bad debt: our own ladder, else the processor, by its name.
LADDER: Final = "engine"


class DebtExit(StrEnum):
    """How an obligation stopped being bad debt. Only `paid` means money."""

    PAID = "paid"
    WRITTEN_OFF = "written_off"
    FORGIVEN = "forgiven"
    VOIDED = "voided"
    CREDITED = "credited"
    PAID_OUT_OF_BAND = "paid_out_of_band"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Debt:
    """One stay of one obligation in bad debt. Its id is None until it is stored."""

    id: int | None
    invoice_id: int
    case_id: int
    amount: Money  #: what was owed of it when it entered
    entered_at: datetime
    by: str  #: who made it bad debt: `LADDER`, or the processor's name
    age_days: int  #: whole days from its case's anchor until it entered
    reason: str  #: why it was billed, in the processor's words
    decline_class: str | None  #: of the newest refusal; None: nobody refused
    decline_code: str | None
    products: tuple[str, ...]  #: what its lines sold, else the subscription's plan
    exit: DebtExit | None = None
    exited_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.exit is None
