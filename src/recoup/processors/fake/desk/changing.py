"""What is bought, changed: carried out, or only quoted, by the very same code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from recoup.core import states
from recoup.core.billing.answers import PreviewLine, Quote
from recoup.core.billing.requests import ChangeSubscription
from recoup.core.money import Money
from recoup.processors.fake import billing, idempotency, payments
from recoup.processors.fake.billing import changes, offers, subscriptions
from recoup.processors.fake.desk.told import Told, to_pay
from recoup.processors.fake.idempotency import BankSaidNo, Fault
from recoup.processors.fake.model import (
    Charge,
    Customer,
    Instrument,
    Intent,
    Invoice,
    Line,
    Method,
    Subscription,
    Try,
    instant,
)
from recoup.processors.fake.world import Session, World

_MICROS: Final = 1_000_000


def change(s: Session, asked: ChangeSubscription) -> Told:
    """
    Change the items; what is due now is tried at once, the customer being there.

    A gated change whose bill was not paid waits for it. The answer's status is then
    "requires_action" when the customer must authenticate.

    Raises:
        Rejected: the change can not be; or it is not gated and its bill was not paid: then
            nothing is changed and, unlike at Stripe, no trace of the bill is left. Only the bank
            knows: its card answers the next try as its script goes on.
    """
    sub = s.get(Subscription, asked.subscription)
    made = changes.change(s, sub, asked)
    if made is None:
        return Told(sub.id, sub.status)
    billing.finalize(s, made)
    if states.is_owed(made.status) and made.collection == billing.AUTOMATIC:
        if asked.gated:
            return _offer(s, sub, made)
        _collect(s, made)
    return Told(sub.id, sub.status)


def change_anyway(s: Session, asked: ChangeSubscription) -> Invoice | None:
    """
    Change the items whether the bill is paid or not, as Stripe does unless it is told otherwise;
    return the bill, if there is one.
    """
    sub = s.get(Subscription, asked.subscription)
    made = changes.change(s, sub, asked)
    if made is not None:
        billing.finalize(s, made)
        if states.is_owed(made.status) and made.collection == billing.AUTOMATIC:
            method = payments.chosen(s, made, None)
            payments.attempt(s, made, method, off_session=False, key=None, authenticated=False)
    return made


def _offer(s: Session, sub: Subscription, made: Invoice) -> Told:
    method = payments.chosen(s, made, None)
    done = payments.attempt(s, made, method, off_session=False, key=None, authenticated=False)
    offers.tell(s, sub)
    if states.awaits_customer(done.state):
        return Told(sub.id, "requires_action", to_pay(s, s.get(Intent, str(made.intent))))
    return Told(sub.id, sub.status)


def _collect(s: Session, made: Invoice) -> None:
    method = payments.chosen(s, made, None)
    done = payments.attempt(s, made, method, off_session=False, key=None, authenticated=False)
    card = s.get(Instrument, method.instrument)
    if states.was_declined(done.state):
        raise BankSaidNo(_declined(s, method, done), card)
    if states.awaits_customer(done.state):
        words = "Payment requires additional user action: authentication_required"
        raise BankSaidNo(words, card)


def _declined(s: Session, method: Method, done: Try) -> str:
    charge = None if done.charge is None else s.get(Charge, done.charge)
    refusal = None if charge is None else charge.refusal
    code = "card_declined" if refusal is None else refusal.code
    return f"Your {method.kind} was declined ({code})"


def quote(world: World, asked: ChangeSubscription) -> Quote:
    """
    Return what `asked` would bill: it is carried out up to the payment, and undone.

    Raises:
        Unreachable, Busy: a fault says so. Rejected: the change would be.
    """
    if world.busy:
        raise RuntimeError("quote is a remote call and can not be part of a batch")
    with world.session() as s:
        fault = idempotency.take_fault(s, "quote")
    idempotency.raise_if_asleep(fault)
    if fault is not None:
        idempotency.raise_if_asleep(Fault("outage"))
    with world.imagined() as s:
        return _quoted(s, asked)


def _quoted(s: Session, asked: ChangeSubscription) -> Quote:
    sub = s.get(Subscription, asked.subscription)
    at = changes.prorated_at(s, sub, asked)
    waiting = len(sub.pending)
    made = changes.change(s, sub, asked)
    if made is not None:
        billing.finalize(s, made)
    if made is not None and sub.offer is not None:
        offers.accept(s, sub, sub.offer)
    owner = s.get(Customer, sub.customer)
    lines = sub.pending[waiting:] if made is None else made.lines
    next_at, next_due = _next(s, sub, owner)
    return Quote(
        prorate_at=instant(at),
        due_now=Money(0 if made is None else made.amount, sub.currency),
        credit=Money(owner.credit, sub.currency),
        lines=tuple(_previewed(line, sub.currency) for line in lines),
        next_at=None if next_at is None else instant(next_at),
        next_due=Money(next_due, sub.currency),
    )


def _next(s: Session, sub: Subscription, owner: Customer) -> tuple[int | None, int]:
    """Return when the next invoice is made and what will be due, if all stays as it is then."""
    at = sub.period_end
    if sub.ends_at is not None and sub.ends_at <= at:
        return None, 0
    s.set_clock(at * _MICROS)
    lines = subscriptions.next_period(s, sub)
    total = sum(line.amount - line.discount + line.tax for line in lines)
    return at, max(total - owner.credit, 0)


def _previewed(line: Line, currency: str) -> PreviewLine:
    """Return a line as it counts: less its discount, so that the lines add up to the total."""
    return PreviewLine(
        description=line.description,
        amount=Money(line.amount - line.discount + line.tax, currency),
        price=line.price,
        quantity=line.quantity,
        period_start=instant(line.start),
        period_end=instant(line.end),
        proration=line.proration,
    )


ANSWERS: Final[Mapping[type, Callable[[Session, Any], Told]]] = {ChangeSubscription: change}
