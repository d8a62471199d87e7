"""
What may be paid of bad debt: checked under the customer's lock, each refusal with its own error.

The first charge is written in the transaction that checks, the others each in one of their own,
so nothing that was checked can have changed when the intent to charge is written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn

from sqlalchemy import Connection

from recoup import reference
from recoup.commands import paying
from recoup.commands.base import Plan, Recording
from recoup.core.account import Account, Invoice
from recoup.core.billing.views import Outcome
from recoup.core.collection.plan import forbidden
from recoup.core.dunning.views import DebtCharge, DebtPayment
from recoup.core.money import Money, totals
from recoup.errors import (
    AmountDiffers,
    CurrencyMismatch,
    DebtForbidden,
    DebtInFlight,
    DebtSettled,
    InProgress,
    NotBadDebt,
    NotFound,
    NothingNamed,
    NotPossible,
    NotTheirInvoice,
    TooManyTries,
    UnknownInvoice,
)
from recoup.store import debts, views
from recoup.store.records import money
from recoup.store.views.reading import Ref

#: So many payments of a customer's bad debt may bring no money within this span.
MOST_TRIES: Final = 5
WINDOW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which invoices are to be paid, by our ids, with what, and by whom."""

    customer: int
    invoices: tuple[int, ...]
    method: int | None
    off_session: bool
    expected: Money | None = None


def resolved(
    connection: Connection, customer: int, invoices: Sequence[Ref], *, now: datetime
) -> tuple[int, ...]:
    """
    Return our ids of the invoices that a customer names, each once.

    Raises:
        NothingNamed: there are none.
        UnknownInvoice, NotTheirInvoice: one that is named can not be theirs.
    """
    if not invoices:
        raise NothingNamed("invoices: name at least one that is to be paid")
    found: dict[int, None] = {}
    for ref in invoices:
        try:
            shown = views.read_invoice(connection, ref, now=now)
        except NotFound:
            raise UnknownInvoice(f"there is no invoice {ref!r}") from None
        if shown.customer_id != customer:
            raise NotTheirInvoice(f"invoice {ref!r} is not of customer {customer}")
        found[shown.id] = None
    return tuple(found)


def begun(recording: Recording, wanted: Wanted, *, key: str) -> Plan:
    """
    Check everything, and write down the first charge of all that are to be made.

    Raises:
        NotBadDebt, DebtSettled, DebtInFlight, DebtForbidden: one of the invoices; the text says.
        CurrencyMismatch: they are owed in several currencies.
        AmountDiffers: another amount was expected.
        TooManyTries: too many were refused within the last hour.
        NotPossible: there is nothing to pay with.
    """
    account, owed = _checked(recording, wanted)
    total = _total(owed)
    if wanted.expected is not None and wanted.expected != total:
        raise AmountDiffers(f"{total} is owed now, not the {wanted.expected} that was expected")
    first = _intended(recording, account, owed[0], wanted)
    payment = views.read_payment(recording.connection, first.result.id)  # type: ignore[attr-defined]  # it is a payment
    charges = [DebtCharge(invoice.id, invoice.remaining) for invoice in owed]
    charges[0] = DebtCharge(owed[0].id, owed[0].remaining, payment)
    nothing = Money(0, total.currency)
    made = DebtPayment(key, wanted.customer, total, nothing, tuple(charges))
    return Plan(result=made, effects=first.effects, awaited=first.awaited)


def gone_on(recording: Recording, charge: DebtCharge, wanted: Wanted) -> Plan:
    """
    Write down the charge of one invoice more; the errors are those of `begun`.

    What is charged is what was shown: another amount is refused.
    """
    account, (invoice,) = _checked(recording, wanted)
    if invoice.remaining != charge.amount:
        raise AmountDiffers(f"{invoice.remaining} is owed now, not {charge.amount}")
    return _intended(recording, account, invoice, wanted)


def _checked(recording: Recording, wanted: Wanted) -> tuple[Account, tuple[Invoice, ...]]:
    """Return the account and the obligations in order of age, every one of them bad debt."""
    connection, now = recording.connection, recording.now
    account = money.account(connection, wanted.customer, now=now)
    owed = [_bad_debt(recording, account, id) for id in wanted.invoices]
    _refuse_often(connection, wanted.customer, now=now)
    owed.sort(key=lambda one: (one.first_failed_at or one.created_at, one.id))
    return account, tuple(owed)


def _bad_debt(recording: Recording, account: Account, id: int) -> Invoice:
    connection, now = recording.connection, recording.now
    invoice = next((one for one in account.invoices if one.id == id), None)
    entered = any(debt.open and debt.invoice_id == id for debt in account.debts)
    if invoice is None or not (invoice.in_default and entered):
        _refuse_no_debt(connection, account, id, now)
    if invoice.disputed:
        raise DebtForbidden(f"a payment of invoice {id} is disputed: nothing is charged")
    if invoice.charged_back:
        raise DebtForbidden(
            f"the bank took the money of invoice {id} back, and the processor can not collect it "
            "again: bill it anew"
        )
    _refuse_in_flight(connection, account, invoice)
    return invoice


def _refuse_in_flight(connection: Connection, account: Account, invoice: Invoice) -> None:
    """Refuse what is being paid, or was, though the processor's news of it may be on its way."""
    try:
        paying.refuse_in_flight(connection, invoice, account.tries(invoice.id))
    except InProgress as why:
        raise DebtInFlight(str(why)) from None
    except NotPossible as why:
        raise DebtSettled(str(why)) from None


def _refuse_no_debt(connection: Connection, account: Account, id: int, now: datetime) -> NoReturn:
    shown = views.read_invoice(connection, id, now=now)
    if shown.outcome in {Outcome.PAID, Outcome.RESOLVED}:
        how = shown.resolved_as or shown.outcome
        raise DebtSettled(f"invoice {id} is {how.replace('_', ' ')}: nothing is owed")
    for invoice in account.invoices:
        if invoice.id == id:
            _refuse_in_flight(connection, account, invoice)
    raise NotBadDebt(f"invoice {id} is not bad debt: it is {shown.outcome}")


def _intended(recording: Recording, account: Account, invoice: Invoice, wanted: Wanted) -> Plan:
    connection, now = recording.connection, recording.now
    way = paying.way_of(connection, account, wanted.method)
    why = forbidden(
        account, invoice, way,
        rules=reference.load_rules(), now=now, by_customer=not wanted.off_session,
    )  # fmt: skip
    if why is not None:
        raise DebtForbidden(f"invoice {invoice.id} can not be charged so: {why}")
    return paying.intend(
        recording,
        invoice.id,
        method=wanted.method,
        off_session=wanted.off_session,
        origin="bad_debt",
    )


def _refuse_often(connection: Connection, customer: int, *, now: datetime) -> None:
    times = debts.tried(connection, customer, now=now, within=WINDOW)
    if len(times) >= MOST_TRIES:
        after = (times[-MOST_TRIES] + WINDOW - now).total_seconds()
        raise TooManyTries(
            f"customer {customer}: {len(times)} payments of bad debt brought no money within an "
            f"hour, and {MOST_TRIES} are the most: again in {math.ceil(after / 60)} minutes",
            after=max(1.0, after),
        )


def _total(owed: Sequence[Invoice]) -> Money:
    sums = totals(invoice.remaining for invoice in owed)
    if len(sums) > 1:
        words = " and ".join(map(str, sums))
        raise CurrencyMismatch(f"{words} are owed: pay one currency at a time")
    return sums[0]
