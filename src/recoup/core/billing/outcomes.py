"""
What people see of an invoice, and of one attempt to pay it.

Paid is not resolved: an invoice is shown as paid when money was received for it through the
processor, and never because the matter was closed in another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from recoup.core import states
from recoup.core.billing.views import Outcome, Pay
from recoup.core.states import AttemptState, InvoiceStatus

#: Resolutions that a person decided and that no later news of the processor takes back, but for
#: money.
DECIDED: Final = frozenset({"forgiven", "superseded", "paid_out_of_band"})

_PAYS: Final[Mapping[AttemptState, Pay]] = {
    AttemptState.INTENDED: Pay.PROCESSING,
    AttemptState.REQUESTED: Pay.PROCESSING,
    AttemptState.PROCESSING: Pay.PROCESSING,
    AttemptState.UNKNOWN: Pay.UNKNOWN,
    AttemptState.ACTION_REQUIRED: Pay.REQUIRES_ACTION,
    AttemptState.DECLINED: Pay.DECLINED,
    AttemptState.CANCELED: Pay.CANCELED,
    AttemptState.SUCCEEDED: Pay.SUCCEEDED,
}


def pay_of(state: AttemptState) -> Pay:
    """Return what came of an attempt so far, in the words of the one who pays."""
    return _PAYS[state]


def resolution(
    status: InvoiceStatus,
    *,
    paid: int,
    credited: int,
    out_of_band: bool,
    charged_back: int = 0,
    decided: str | None = None,
) -> str | None:
    """
    Return how the matter was closed without money; None when it was not.

    Amounts are minor units: `paid` through the processor, `credited` by credit notes,
    `charged_back` by lost disputes. A processor calls an invoice paid that owes nothing: one that
    credit notes brought to nothing is `credited`, any other `nothing_due`. What somebody
    `decided` stands until money comes; of money that was charged back it may be decided again.
    """
    kept = "closed" if states.is_closed(status) else decided if decided in DECIDED else None
    if states.is_paid(status) and paid > 0 and not out_of_band:
        return (kept or _given_up(decided)) if charged_back else None
    if kept is not None:
        return kept
    if states.is_resolved(status):
        return "written_off" if states.is_written_off(status) else "voided"
    if not states.is_paid(status):
        return None
    if out_of_band:
        return "paid_out_of_band"
    return "credited" if credited > 0 else "nothing_due"


def _given_up(decided: str | None) -> str | None:
    """Return the decision to give up money that was charged back, which no processor knows."""
    return decided if decided == "written_off" else None


def outcome(
    status: InvoiceStatus,
    *,
    paid: int,
    credited: int,
    charged_back: int,
    out_of_band: bool,
    resolved_as: str | None,
    since: datetime,
    due_at: datetime | None,
    first_failed_at: datetime | None,
    now: datetime,
) -> tuple[Outcome, str | None]:
    """
    Return what people see of an invoice at `now`, and how it was resolved if it was.

    Args:
        status: The processor's.
        paid: Minor units received through the processor.
        credited: Minor units given back by credit notes.
        charged_back: Minor units that lost disputes took back. They are owed again, from the
            invoice's own date.
        out_of_band: The money came elsewhere.
        resolved_as: What is stored; a decision (`DECIDED`) stands until money comes.
        since: UTC instant it was finalised, else made.
        due_at: UTC instant it is due; overdue from that very instant.
        first_failed_at: UTC instant its first attempt failed; overdue from then on.
        now: UTC.
    """
    if states.is_draft(status):
        return Outcome.DRAFT, None
    how = resolution(
        status,
        paid=paid,
        credited=credited,
        out_of_band=out_of_band,
        charged_back=charged_back,
        decided=resolved_as,
    )
    if how is not None:
        return Outcome.RESOLVED, how
    if states.is_paid(status):
        if not charged_back:
            return Outcome.PAID, None
        due_at = due_at or since
    late = first_failed_at is not None or (due_at is not None and due_at <= now)
    return (Outcome.OVERDUE if late else Outcome.OPEN), None


def status_shown(status: InvoiceStatus, shown: Outcome) -> InvoiceStatus:
    """
    Return the state of an invoice as people are told it: paid only where money was received.

    A processor calls paid what was credited, or paid elsewhere, and what a bank took back since.
    """
    if not states.is_paid(status) or shown is Outcome.PAID:
        return status
    return InvoiceStatus.CLOSED if shown is Outcome.RESOLVED else InvoiceStatus.OPEN


def owed_again(shown: Outcome, charged_back: int) -> int:
    """Return the minor units that lost disputes add to what remains of an invoice."""
    return charged_back if shown in {Outcome.OPEN, Outcome.OVERDUE} else 0
