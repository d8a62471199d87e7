"""
What may be paid of bad debt: checked under the customer's lock, each refusal with its own error.

The first charge is written in the transaction that checks, the others each in one of their own,
so nothing that was checked can have changed when the intent to charge is written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NoReturn

from sqlalchemy import Connection

from recoup import reference
from recoup.commands import paying
from recoup.commands.base import Plan, Recording, Rulebook
from recoup.core.account import Account, Invoice, Method
from recoup.core.billing.views import Outcome
from recoup.core.collection.plan import forbidden
from recoup.core.dunning import acts
from recoup.core.dunning.acts import Rehearsal
from recoup.core.dunning.views import DebtCharge, DebtPayment
from recoup.core.money import Money, totals
from recoup.core.states import AttemptState, InvoiceStatus
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
from recoup.jobs.base import Scalar
from recoup.store import debts, views
from recoup.store.records import money
from recoup.store.views.reading import Ref

#: So many payments of a customer's bad debt may bring no money within this span.
MOST_TRIES: Final = 5
WINDOW: Final = timedelta(hours=1)
#: What a rehearsal says that nothing was said against.
FREE: Final = "nothing forbids it: no dispute, no payment under way, no rule of a card network"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which invoices are to be paid, by our ids, with what, and by whom."""

    customer: int
    invoices: tuple[int, ...]
    method: int | None
    off_session: bool
    expected: Money | None = None
    why: str | None = None  #: the reason of an operator

    @property
    def args(self) -> dict[str, Scalar]:
        """What is kept with each command of it."""
        return {} if self.why is None else {"reason": self.why}


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
    account, owed = _checked(recording.connection, wanted, now=recording.now)
    total = _total(owed, wanted)
    first = _intended(recording, account, owed[0], wanted)
    payment = views.read_payment(recording.connection, first.result.id)  # type: ignore[attr-defined]  # it is a payment
    charges = [DebtCharge(invoice.id, invoice.remaining) for invoice in owed]
    charges[0] = DebtCharge(owed[0].id, owed[0].remaining, payment)
    nothing = Money(0, total.currency)
    made = DebtPayment(key, wanted.customer, total, nothing, tuple(charges))
    return replace(first, result=made)


def gone_on(recording: Recording, charge: DebtCharge, wanted: Wanted) -> Plan:
    """
    Write down the charge of one invoice more; the errors are those of `begun`.

    What is charged is what was shown: another amount is refused.
    """
    account, (invoice,) = _checked(recording.connection, wanted, now=recording.now)
    if invoice.remaining != charge.amount:
        raise AmountDiffers(f"{invoice.remaining} is owed now, not {charge.amount}")
    return _intended(recording, account, invoice, wanted)


def rehearsed(
    connection: Connection, wanted: Wanted, *, key: str, book: Rulebook | None, now: datetime
) -> DebtPayment:
    """
    Return what would be charged, were every charge to bring its money, and what would follow.

    Nothing is written and nobody is asked. The errors are those of `begun`; what forbids a charge
    after the first is told with it, as it would be.
    """
    account, owed = _checked(connection, wanted, now=now)
    total = _total(owed, wanted)
    way = paying.way_of(connection, account, wanted.method)
    done, charges, words = account, [DebtCharge(i.id, i.remaining) for i in owed], []
    for place, invoice in enumerate(owed):
        try:
            _allowed(connection, done, invoice, wanted, now=now)
            paying.check(
                connection, wanted.customer, invoice.id,
                method=wanted.method, off_session=wanted.off_session, now=now,
            )  # fmt: skip
        except (NotPossible, InProgress) as problem:
            if not place:
                raise
            charges[place] = replace(charges[place], refused=str(problem))
            words.append(f"invoice {invoice.id} is not charged: {problem}")
            break
        done = _paid(done, invoice, way, wanted, now=now)
        words.append(f"charge {invoice.remaining} of invoice {invoice.id} with {_named(way)}")
    follows = Rehearsal(failed="nothing to decide by")
    if book is not None:
        after = account.but(invoices=done.invoices)
        follows = acts.rehearsed(account, after, policies=book.policies, rules=book.rules, now=now)
    brought = len(debts.tried(connection, wanted.customer, now=now, within=WINDOW))
    looked = [] if any(charge.refused for charge in charges) else [FREE]
    looked.append(f"{brought} payments brought no money in the last hour, {MOST_TRIES} may")
    return DebtPayment(
        key, wanted.customer, total, Money(0, total.currency), tuple(charges),
        dry_run=True,
        method=way.processor_id,
        changes=(*words, *follows.changes),
        why=(*looked, *follows.why),
        failed=follows.failed,
    )  # fmt: skip


def _paid(
    account: Account, invoice: Invoice, way: Method, wanted: Wanted, *, now: datetime
) -> Account:
    """Return the account once a charge of the invoice has brought its money."""
    made = paying.tried(
        account, invoice, way, origin="bad_debt", off_session=wanted.off_session, now=now
    )
    came = replace(made, state=AttemptState.SUCCEEDED)
    nothing = Money(0, invoice.due.currency)
    closed = replace(invoice, status=InvoiceStatus.PAID, remaining=nothing, closed_at=now)
    return account.but(
        invoices=tuple(closed if one.id == invoice.id else one for one in account.invoices),
        attempts=(*account.attempts, came),
        uses=(*account.uses, came),
    )


def _named(way: Method) -> str:
    return f"{way.processor_id} ({way.brand or way.kind})"


def _checked(
    connection: Connection, wanted: Wanted, *, now: datetime
) -> tuple[Account, tuple[Invoice, ...]]:
    """Return the account and the obligations in order of age, every one of them bad debt."""
    account = money.account(connection, wanted.customer, now=now)
    owed = [_bad_debt(connection, account, id, now=now) for id in wanted.invoices]
    _refuse_often(connection, wanted.customer, now=now)
    owed.sort(key=lambda one: (one.first_failed_at or one.created_at, one.id))
    return account, tuple(owed)


def _bad_debt(connection: Connection, account: Account, id: int, *, now: datetime) -> Invoice:
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


def _allowed(
    connection: Connection, account: Account, invoice: Invoice, wanted: Wanted, *, now: datetime
) -> None:
    """Refuse what a network or a refusal forbids, or what there is nothing to pay with."""
    way = paying.way_of(connection, account, wanted.method)
    why = forbidden(
        account, invoice, way,
        rules=reference.load_rules(), now=now, by_customer=not wanted.off_session,
    )  # fmt: skip
    if why is not None:
        raise DebtForbidden(f"invoice {invoice.id} can not be charged so: {why}")


def _intended(recording: Recording, account: Account, invoice: Invoice, wanted: Wanted) -> Plan:
    _allowed(recording.connection, account, invoice, wanted, now=recording.now)
    plan = paying.intend(
        recording,
        invoice.id,
        method=wanted.method,
        off_session=wanted.off_session,
        origin="bad_debt",
    )
    return replace(plan, args=wanted.args)


def _refuse_often(connection: Connection, customer: int, *, now: datetime) -> None:
    times = debts.tried(connection, customer, now=now, within=WINDOW)
    if len(times) >= MOST_TRIES:
        after = (times[-MOST_TRIES] + WINDOW - now).total_seconds()
        raise TooManyTries(
            f"customer {customer}: {len(times)} payments of bad debt brought no money within an "
            f"hour, and {MOST_TRIES} are the most: again in {math.ceil(after / 60)} minutes",
            after=max(1.0, after),
        )


def _total(owed: Sequence[Invoice], wanted: Wanted) -> Money:
    """Return what is owed of all of them, which is what was expected where that was said."""
    sums = totals(invoice.remaining for invoice in owed)
    if len(sums) > 1:
        words = " and ".join(map(str, sums))
        raise CurrencyMismatch(f"{words} are owed: pay one currency at a time")
    if wanted.expected not in {None, sums[0]}:
        raise AmountDiffers(f"{sums[0]} is owed now, not the {wanted.expected} that was expected")
    return sums[0]
