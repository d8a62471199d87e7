"""
What can be done to an invoice that is there: from which states, and what makes it needless.

Every deed is refused while a payment of the invoice is under way, so nothing is closed that money
is coming for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from recoup.commands import paying
from recoup.commands.base import Kind, Plan, Recording, Work
from recoup.core import states
from recoup.core.billing.answers import Answer
from recoup.core.billing.requests import (
    FinalizeInvoice,
    MarkPaidOutOfBand,
    MarkUncollectible,
    Request,
    SendInvoice,
    VoidInvoice,
)
from recoup.core.billing.views import Invoice
from recoup.core.states import InvoiceStatus
from recoup.errors import NotPossible
from recoup.store import debts, upgrades, views
from recoup.store.records import commands, money


def _changed(work: Work, _answer: Answer) -> Invoice:
    """Return the invoice as it is now; it was closed as `resolved_as`, where one was kept."""
    id, how = int(work.args["invoice_id"]), work.args.get("resolved_as")
    if (bought := work.args.get(upgrades.COUNTED)) is not None:
        _withdrawn(work, id, int(bought))
    if how is not None:
        money.resolve(work.writer, id, how)
        debts.decided(work.writer, id, how, why=work.args.get("reason"))
        work.writer.flush()
    return views.read_invoice(work.writer.connection, id, now=work.writer.now)


def _withdrawn(work: Work, id: int, subscription: int) -> None:
    """Count a change of plan whose bill is void. What it bought is a person's matter."""
    upgrades.count(work.writer, subscription)
    commands.open_task(
        work.writer,
        work.customer_id,
        key=f"upgrade_unpaid:{id}",
        kind="upgrade_unpaid",
        detail=(
            f"a change of subscription {subscription} was not paid, and its invoice {id} is void: "
            "put back at the processor what was bought before"
        ),
    )


FINALIZE: Final = Kind("invoices.finalize", Invoice, _changed)
SEND: Final = Kind("invoices.send", Invoice, _changed)
VOID: Final = Kind("invoices.void", Invoice, _changed)
MARK_UNCOLLECTIBLE: Final = Kind("invoices.mark_uncollectible", Invoice, _changed)
FORGIVE: Final = Kind("invoices.forgive", Invoice, _changed)
WITHDRAW: Final = Kind("invoices.withdraw", Invoice, _changed)
MARK_PAID_OUT_OF_BAND: Final = Kind("invoices.mark_paid_out_of_band", Invoice, _changed)

KINDS: Final[Sequence[Kind[Invoice]]] = (
    FINALIZE,
    SEND,
    VOID,
    MARK_UNCOLLECTIBLE,
    FORGIVE,
    WITHDRAW,
    MARK_PAID_OUT_OF_BAND,
)


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that can be done to an invoice: from which states, and what makes it needless."""

    kind: Kind[Invoice]
    request: Callable[[str], Request]
    may: Callable[[InvoiceStatus], bool]
    done: Callable[[InvoiceStatus, Invoice], bool]
    resolved_as: str | None = None


def _owed_or_given_up(status: InvoiceStatus) -> bool:
    return states.is_owed(status) or states.is_written_off(status)


def _is_void(status: InvoiceStatus) -> bool:
    return states.is_resolved(status) and not states.is_written_off(status)


FINALIZING: Final = Deed(
    FINALIZE,
    FinalizeInvoice,
    states.is_draft,
    lambda status, _: not states.is_draft(status) and not _is_void(status),
)
SENDING: Final = Deed(
    SEND,
    SendInvoice,
    lambda status: states.is_draft(status) or states.is_owed(status),
    lambda _status, _: False,
)
VOIDING: Final = Deed(
    VOID, VoidInvoice, _owed_or_given_up, lambda status, _: _is_void(status), "voided"
)
FORGIVING: Final = Deed(
    FORGIVE,
    VoidInvoice,
    _owed_or_given_up,
    lambda _, shown: shown.resolved_as == "forgiven",
    "forgiven",
)
WITHDRAWING: Final = Deed(
    WITHDRAW, VoidInvoice, _owed_or_given_up, lambda status, _: _is_void(status), "superseded"
)
GIVING_UP: Final = Deed(
    MARK_UNCOLLECTIBLE,
    MarkUncollectible,
    states.is_owed,
    lambda status, shown: states.is_written_off(status) or shown.resolved_as == "written_off",
    "written_off",
)
PAID_ELSEWHERE: Final = Deed(
    MARK_PAID_OUT_OF_BAND,
    MarkPaidOutOfBand,
    _owed_or_given_up,
    lambda _, shown: shown.resolved_as == "paid_out_of_band",
    "paid_out_of_band",
)


def planned(deed: Deed, recording: Recording, id: int, reason: str | None) -> Plan:
    connection, now = recording.connection, recording.now
    shown = views.read_invoice(connection, id, now=now)
    status = money.status(connection, id)
    if deed.done(status, shown):
        return Plan(result=shown)
    account = money.account(connection, shown.customer_id, now=now, invoice_id=id)
    invoice = next(one for one in account.invoices if one.id == id)
    paying.refuse_in_flight(connection, invoice, account.tries(id))
    again = states.is_paid(status) and bool(shown.remaining)
    if deed in (FORGIVING, PAID_ELSEWHERE, GIVING_UP) and again and deed.resolved_as is not None:
        # The processor has closed its books on it; only we know that it is owed again.
        money.resolve(recording.writer, id, deed.resolved_as)
        debts.decided(recording.writer, id, deed.resolved_as, why=reason)
        recording.writer.flush()
        return Plan(result=views.read_invoice(connection, id, now=now))
    if not deed.may(status):
        raise NotPossible(f"invoice {id} is {shown.resolved_as or shown.status}")
    args = {"invoice_id": id, "reason": reason, "resolved_as": deed.resolved_as}
    return Plan(deed.request(shown.processor_id), args=args)
