"""
One more try at an invoice because somebody asks for it: may it be made, with what, and its row.

It is an attempt like those of the loop: recorded with its key before anybody is asked, carried
out by the effect `collect`, one at a time per invoice whoever makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from recoup import reference
from recoup.commands.base import Office, Plan, Recording, Work
from recoup.core import states
from recoup.core.account import Account, Attempt, Invoice, Method
from recoup.core.billing import views as seen
from recoup.core.billing.answers import Answer
from recoup.core.billing.requests import PreparePayment
from recoup.core.billing.views import Pay, Payment
from recoup.core.changes import AttemptIntended, AttemptWithdrawn, Change
from recoup.core.collection.limits import stamp
from recoup.core.collection.plan import forbidden
from recoup.core.money import Money
from recoup.core.states import AttemptState, InvoiceStatus
from recoup.errors import InProgress, NotFound, NotPossible
from recoup.jobs.base import NewEffect
from recoup.store import apply as applying
from recoup.store import views
from recoup.store.records import commands, money
from recoup.store.views.reading import Ref

Origin = Literal["operator", "customer", "bad_debt"]


def never_asked(_work: Work, _answer: Answer) -> Payment:
    """No processor is asked for a payment as such: its tries and steps are asked for."""
    raise NotPossible("a payment is made by the effect collect")


def payment_now(connection: Connection, kept: Payment) -> Payment:
    """Return how a payment stands that a command kept."""
    return views.read_payment(connection, kept.id)


def intend(
    recording: Recording,
    invoice_id: int,
    *,
    method: Ref | None,
    off_session: bool,
    origin: Origin,
) -> Plan:
    """
    Write down one try at what remains of the invoice, to be made after the commit.

    A try that waits for the customer gives way to it.

    Raises:
        NotPossible: nothing is owed, nothing to pay with, or the networks forbid it.
        InProgress: another try, or a command that closes the invoice, is under way.
    """
    connection, now = recording.connection, recording.now
    customer_id = recording.customer_id or 0
    account, invoice, way = check(
        connection, customer_id, invoice_id, method=method, off_session=off_session, now=now
    )
    attempt = tried(account, invoice, way, origin=origin, off_session=off_session, now=now)
    waiting = (a for a in account.tries(invoice_id) if states.awaits_customer(a.state))
    changes: list[Change] = [
        AttemptWithdrawn(a, replace(a, state=AttemptState.CANCELED)) for a in waiting
    ]
    changes.append(AttemptIntended(attempt, invoice))
    (*_, made) = applying.apply(recording.writer, account, changes)
    assert isinstance(made.change, AttemptIntended)  # noqa: S101  it was put there last
    recording.writer.flush()
    id = made.change.attempt.id or 0
    collect = NewEffect(
        "collect",
        f"collect:{id}",
        now,
        "billing",
        customer_id=customer_id,
        args={"attempt_id": id},
    )
    kept = views.read_payment(connection, id)
    return Plan(result=kept, effects=(collect,), awaited=collect.key)


def check(
    connection: Connection,
    customer_id: int,
    invoice_id: int,
    *,
    method: Ref | None,
    off_session: bool,
    now: datetime,
) -> tuple[Account, Invoice, Method]:
    """
    Return whose invoice would be tried with what, if that may be done at `now`.

    Raises:
        NotPossible: nothing is owed, nothing to pay with, charging is paused, or the networks
            forbid it.
        InProgress: another try, or a command that closes the invoice, is under way.
    """
    account = money.account(connection, customer_id, now=now, invoice_id=invoice_id)
    invoice = next(one for one in account.invoices if one.id == invoice_id)
    _refuse_unpayable(connection, account, invoice, now)
    refuse_in_flight(connection, invoice, account.tries(invoice_id))
    if off_session and account.stopped is not None:
        raise NotPossible(f"charging is paused {account.stopped}")
    way = way_of(connection, account, method)
    refuse_forbidden(account, invoice, way, now=now, by_customer=not off_session)
    return account, invoice, way


def tried(
    account: Account,
    invoice: Invoice,
    way: Method,
    *,
    origin: Origin,
    off_session: bool,
    now: datetime,
) -> Attempt:
    """Return the next try at an invoice, as it is before anybody is asked."""
    ordinals = (a.ordinal for a in account.tries(invoice.id) if a.ordinal)
    return Attempt(
        id=None,
        invoice_id=invoice.id,
        ordinal=max(ordinals, default=0) + 1,
        origin=origin,
        state=AttemptState.INTENDED,
        amount=invoice.remaining,
        method=way.processor_id,
        instrument=way.instrument,
        brand=way.brand,
        off_session=off_session,
        at=now,
    )


def refuse_in_flight(connection: Connection, invoice: Invoice, tries: Sequence[Attempt]) -> None:
    """
    Raises:
        InProgress: a payment of the invoice is under way, or it is being closed.
        NotPossible: its money is in, and the processor's word that it is paid follows.
    """
    for one in tries:
        if states.in_flight(one.state):
            raise InProgress(
                f"a payment of invoice {invoice.id} is under way since {stamp(one.at)} "
                f"({one.state}): wait for its outcome"
            )
        came = states.succeeded(one.state) and one.amount == invoice.remaining
        if came and not invoice.charged_back and not invoice.counts(tries):
            raise NotPossible(f"invoice {invoice.id} was paid on {stamp(one.at)}")
    for other in commands.under_way(connection, subject=f"invoice:{invoice.id}"):
        raise InProgress(
            f"{other.kind} of invoice {invoice.id} is under way: wait for its outcome"
        )


def way_of(connection: Connection, account: Account, method: Ref | None) -> Method:
    """
    Return what to pay with: the method named, or the customer's default.

    Raises:
        NotFound: the customer has no such method.
        NotPossible: it was detached, or there is no default.
    """
    if method is None:
        default = next((m for m in account.methods if m.is_default), None)
        if default is None:
            raise NotPossible(f"customer {account.id} has no default way to pay: name one")
        return default
    named = method_of(connection, account.id, method)
    return next(m for m in account.methods if m.processor_id == named.processor_id)


def method_of(connection: Connection, customer_id: int, method: Ref) -> seen.PaymentMethod:
    """
    Return a method that the customer can use.

    Raises:
        NotFound: there is none, or it is somebody else's.
        NotPossible: it was detached.
    """
    named = views.read_method(connection, method)
    if named.customer_id != customer_id:
        raise NotFound(f"there is no payment method {method!r} of customer {customer_id}")
    if named.detached:
        raise NotPossible(f"payment method {method!r} was detached")
    return named


def refuse_forbidden(
    account: Account, invoice: Invoice, way: Method, *, now: datetime, by_customer: bool
) -> None:
    """
    Raises:
        NotPossible: the networks, or an earlier refusal, forbid this try. The text says why.
    """
    why = forbidden(
        account,
        invoice,
        way,
        rules=reference.load_rules(),
        now=now,
        by_customer=by_customer,
    )
    if why is not None:
        raise NotPossible(why)


def pretended(amount: Money, *, now: datetime) -> Invoice:
    """Return the invoice that a charge of `amount` would make, to ask whether it may be tried."""
    return Invoice(
        id=0,
        processor_id="",
        subscription_id=None,
        status=InvoiceStatus.OPEN,
        due=amount,
        remaining=amount,
        reason="manual",
        created_at=now,
        first_failed_at=None,
        closed_at=None,
        disputed=False,
        case_id=None,
        processor_next_try_at=None,
        processor_gave_up=False,
    )


def _refuse_unpayable(
    connection: Connection, account: Account, invoice: Invoice, now: datetime
) -> None:
    shown = views.read_invoice(connection, invoice.id, now=now)
    if account.deleted:
        raise NotPossible(f"customer {account.id} was deleted at the processor")
    if not states.is_owed(invoice.status) or invoice.charged_back:
        word = shown.resolved_as or shown.status
        if invoice.charged_back or (states.is_paid(invoice.status) and shown.remaining):
            word = "charged back, and the processor can not collect it again: bill it anew"
        raise NotPossible(f"invoice {invoice.id} is {word}")
    if not invoice.remaining:
        raise NotPossible(f"invoice {invoice.id} owes nothing")
    if invoice.disputed:
        raise NotPossible(f"a payment of invoice {invoice.id} is disputed: nothing is charged")


def with_action(office: Office, payment: Payment) -> Payment:
    """
    Return the payment with what its customer must do, asked of the processor where it waits.

    No transaction is open here: while the host's is, nobody is asked.

    Raises:
        Unreachable, Busy: the payment waits, and its action is not known: the same key again.
    """
    if office.bound is not None or payment.outcome != Pay.REQUIRES_ACTION:
        return payment
    with office.reading() as connection:
        invoice = views.read_invoice(connection, payment.invoice_id, now=office.now())
    # Whoever asks again a moment later asks anew: an outage must not be remembered for a day.
    key = f"recoup:prepare:{payment.id}:{office.now():%Y%m%dT%H%M%S}"
    answer = office.processor.ask(PreparePayment(invoice.processor_id), key=key)
    return replace(payment, action=answer.action)
