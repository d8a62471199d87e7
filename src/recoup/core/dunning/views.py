"""What callers get back about bad debt. See `recoup.core.billing.views`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.core.billing.views import Payment
from recoup.core.money import Money


@dataclass(frozen=True, slots=True)
class BadDebt:
    """
    One stay of one obligation in bad debt: what entered, why, and how it left.

    An obligation that is owed again after it left has a stay of its own for that.
    """

    id: int
    customer_id: int
    invoice_id: int
    invoice: str  #: the processor's id
    number: str | None
    case_id: int
    amount: Money  #: what was owed of it when it entered
    remaining: Money  #: what is owed of it now; nothing once it has left
    entered_at: datetime
    made_by: str  #: "engine", by the end of the ladder, or the processor that ended it
    age_days: int  #: whole days from the case's anchor until it entered
    reason: str  #: why it was billed, in the processor's words
    decline_class: str | None  #: of the newest refusal before it entered
    decline_code: str | None  #: for operators; never show it to a customer as it is
    products: tuple[str, ...]  #: prices that it was billed for
    exited_at: datetime | None
    exited_as: str | None  #: paid, written_off, forgiven, voided, credited, paid_out_of_band …
    days_in: int | None  #: whole days from the entry until the exit
    exited_by: str | None  #: who decided on an exit without money, if somebody did
    why: str | None  #: the reason they gave
    income_at: datetime | None  #: when money came for it after it had been written off


@dataclass(frozen=True, slots=True)
class DebtCharge:
    """One invoice among those that are paid together; no payment: it was not tried."""

    invoice_id: int
    amount: Money
    payment: Payment | None = None
    refused: str | None = None  #: why it could not be tried, though those before it were paid


@dataclass(frozen=True, slots=True)
class DebtPayment:
    """
    What came of paying bad debt: a charge for each invoice, in order of age.

    The first that brings no money is the last that is tried. `paid` is all that came in. With
    `dry_run` it is what would be asked for, and nothing was written: `changes` is what follows
    when the money comes, `why` what was looked at, both in words.
    """

    key: str
    customer_id: int
    amount: Money  #: of all that were named
    paid: Money
    charges: tuple[DebtCharge, ...]
    dry_run: bool = False
    method: str | None = None  #: of a rehearsal: what would be charged, in the processor's word
    changes: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    failed: str | None = None  #: why nobody can say what would follow
