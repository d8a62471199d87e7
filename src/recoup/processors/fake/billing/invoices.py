"""
Invoices: drafted, finalised, held, settled, failed and closed.

What a customer has to its good lowers what is due when an invoice is finalised; an invoice whose
total is below 0 adds to it.
"""

from __future__ import annotations

from typing import Final

from recoup.core import states
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus
from recoup.errors import Rejected
from recoup.processors.fake import books, events
from recoup.processors.fake.billing import offers, retries
from recoup.processors.fake.billing.standing import fall_past_due, restore, subscription_of
from recoup.processors.fake.model import (
    Collection,
    Customer,
    Intent,
    Invoice,
    Line,
    Method,
    Price,
    Subscription,
)
from recoup.processors.fake.terms import Pause
from recoup.processors.fake.world import Session

HOUR: Final = 3_600
DAY: Final = 24 * HOUR

AUTOMATIC: Final[Collection] = "charge_automatically"

#: What a pause makes of invoices; with any other behaviour they stay drafts.
_CLOSED_AS: Final = {
    "void": InvoiceStatus.VOID,
    "mark_uncollectible": InvoiceStatus.UNCOLLECTIBLE,
}


def draft(s: Session, sub: Subscription, lines: tuple[Line, ...], reason: str) -> Invoice:
    """Create an invoice of these lines for the current period."""
    cycle = reason == "subscription_cycle"
    kept = states.is_given_up(sub.status) or (
        sub.pause is not None and sub.pause.behavior == "keep_as_draft"
    )
    made = Invoice(
        id=s.new_id(Invoice),
        created=s.now,
        customer=sub.customer,
        subscription=sub.id,
        status=InvoiceStatus.DRAFT,
        currency=sub.currency,
        amount=0,
        reason=reason,
        period_start=sub.period_start,
        period_end=sub.period_end,
        lines=lines,
        collection=sub.collection,
        days_until_due=sub.days_until_due,
        auto_advance=not kept,
        next_try=s.now + HOUR if sub.collection == AUTOMATIC and cycle and not kept else None,
    )
    made.amount = max(made.total, 0)
    if sub.discount is not None and made.sums[1]:
        made.discount = sub.discount.id
    s.save(made, owner=sub.id)
    sub.latest_invoice = made.id
    s.save(sub)
    events.invoice(s, "invoice.created", made)
    return made


def bill_usage(s: Session, sub: Subscription, price: str, amount: Money) -> Invoice:
    """
    Draft the bill of what was used of `price` so far; it is collected an hour later.

    Raises:
        Rejected: the subscription has not begun, or is over: then nothing is used.
    """
    s.get(Price, price)
    if not states.is_live(sub.status):
        raise Rejected(f"Subscription {sub.id} is {sub.status}: it bills no usage")
    line = Line(
        description=f"Usage of {price}",
        amount=amount.minor,
        start=sub.period_start,
        end=s.now,
        quantity=1,
        price=price,
        item=next((item.id for item in sub.items if item.price == price), None),
    )
    made = draft(s, sub, (line,), "subscription_threshold")
    s.schedule(s.now + HOUR, "collect", made.id)
    return made


def finalize(s: Session, invoice: Invoice) -> None:
    """
    Number the draft; from now on it is owed. What costs nothing is paid at once.

    While collection of its subscription is paused it is closed again at once, as the pause says
    now, and uses no credit of the customer's: that too would be money. Only one that is kept as a
    draft, and that the host finalises all the same, is owed.
    Source: docs.stripe.com/billing/subscriptions/pause-payment.
    """
    pause = _pause_of(s, invoice)
    closed_as = None if pause is None else _CLOSED_AS.get(pause.behavior)
    invoice.status, invoice.finalized_at = InvoiceStatus.OPEN, s.now
    invoice.number = f"FAKE-{s.count('number'):06d}"
    _use_credit(s, invoice, spare=closed_as is not None)
    books.billed(s, invoice)
    if invoice.days_until_due is not None:
        invoice.due_date = s.now + invoice.days_until_due * DAY
        s.schedule(invoice.due_date, "overdue", invoice.id)
    s.save(invoice)
    if invoice.amount:
        invoice.intent = new_intent(s, invoice).id
    events.invoice(s, "invoice.finalized", invoice)
    if not invoice.amount:
        settled(s, invoice)
        return
    if closed_as is not None:
        close(s, invoice, closed_as)


def held(s: Session, invoice: Invoice) -> bool:
    """
    Whether nothing is collected because collection is paused. Then it stays what it is, and does
    not go on by itself when the pause is over.
    """
    pause = _pause_of(s, invoice)
    is_draft = invoice.finalized_at is None
    if pause is None or (
        pause.behavior in _CLOSED_AS if is_draft else not states.is_owed(invoice.status)
    ):
        return False
    previous = {"auto_advance": True, "next_payment_attempt": invoice.next_try}
    invoice.auto_advance, invoice.next_try = False, None
    events.invoice(s, "invoice.updated", s.save(invoice), previous)
    return True


def _pause_of(s: Session, invoice: Invoice) -> Pause | None:
    sub = subscription_of(s, invoice)
    return None if sub is None else sub.pause


def _use_credit(s: Session, invoice: Invoice, *, spare: bool) -> None:
    owner = s.get(Customer, invoice.customer)
    total = invoice.total
    same = owner.currency == invoice.currency
    invoice.credit_before = owner.credit if same else 0
    invoice.credit_used = min(0 if spare else invoice.credit_before, total)
    invoice.amount = total - invoice.credit_used
    _add_credit(s, owner, -invoice.credit_used)


def _add_credit(s: Session, owner: Customer, minor: int) -> None:
    if minor:
        previous = {"balance": -owner.credit}
        owner.credit += minor
        events.customer(s, "customer.updated", s.save(owner), previous)


def new_intent(s: Session, invoice: Invoice) -> Intent:
    """Make a payment of what is due for the invoice."""
    made = Intent(
        id=s.new_id(Intent),
        created=s.now,
        customer=invoice.customer,
        invoice=invoice.id,
        amount=invoice.amount,
        currency=invoice.currency,
    )
    s.save(made)
    events.intent(s, "payment_intent.created", made)
    return made


def settled(s: Session, invoice: Invoice) -> None:
    """Mark the invoice paid, and its subscription good if it was the latest."""
    invoice.status, invoice.paid_at, invoice.next_try = InvoiceStatus.PAID, s.now, None
    invoice.attempted = True
    s.save(invoice)
    if invoice.intent is not None:
        intent = s.get(Intent, invoice.intent)
        if intent.received:
            events.invoice_paid_by(s, invoice, intent)
    events.invoice(s, "invoice.paid", invoice)
    sub = subscription_of(s, invoice)
    offer = offers.of(sub, invoice)
    if sub is not None and offer is not None:
        invoice.offered = False
        offers.accept(s, sub, offer)
    restore(s, invoice)


def failed(s: Session, invoice: Invoice, *, late: bool = False) -> None:
    """
    Record that a payment of the invoice did not work, `late` if it was on its way for a while.

    Its subscription falls past due. An offer that was discarded meanwhile leaves nobody to pay:
    its invoice is void. So is the one that a subscription began with, when that fails late; the
    subscription stays active, and access is the host's to take away.
    Source: docs.stripe.com/billing/subscriptions/overview, "Payment methods with delayed payment
    confirmation".
    """
    first, invoice.failed_once = not invoice.failed_once, True
    retries.plan(s, invoice)
    s.save(invoice)
    events.invoice(s, "invoice.payment_failed", invoice)
    if first:
        _stir_habits(s, invoice)
    if not states.is_owed(invoice.status):
        return
    forgotten = invoice.offered and offers.of(subscription_of(s, invoice), invoice) is None
    if forgotten or (late and invoice.reason == "subscription_create"):
        close(s, invoice, InvoiceStatus.VOID)
    else:
        fall_past_due(s, invoice)


def close(s: Session, invoice: Invoice, to: InvoiceStatus) -> None:
    """
    Close an open invoice without money: void or uncollectible.

    Raises:
        Rejected: it is not open (a written-off one may still be voided), or a payment for it
            is processing.
    """
    may = states.is_owed(invoice.status) or states.is_written_off(invoice.status)
    void = not states.is_written_off(to)
    if not may or (not void and states.is_written_off(invoice.status)):
        raise Rejected(f"You can only pass in open invoices. {invoice.id} isn't open.")
    refuse_if_processing(s, invoice)
    if states.is_written_off(invoice.status):
        books.revived(s, invoice)
    if void:
        books.voided(s, invoice)
        if invoice.credit_used > 0:
            _add_credit(s, s.get(Customer, invoice.customer), invoice.credit_used)
            invoice.credit_used = 0
        invoice.voided_at, event = s.now, "invoice.voided"
        _withdraw(s, invoice)
    else:
        books.written_off(s, invoice)
        invoice.uncollectible_at, event = s.now, "invoice.marked_uncollectible"
    invoice.status, invoice.next_try = to, None
    events.invoice(s, event, s.save(invoice))
    sub = subscription_of(s, invoice)
    if sub is not None and void and offers.of(sub, invoice) is not None:
        offers.forget(s, sub)
    restore(s, invoice)


def discard_offer(s: Session, sub: Subscription, *, expired: bool = False) -> None:
    """
    Discard a change that waits to be paid, and void its invoice.

    One whose payment is on its way can not be voided: it is when that fails. Where it succeeds
    the money is for nothing.
    """
    offer = sub.offer
    if offer is None:
        return
    offers.forget(s, sub, expired=expired)
    invoice = s.get(Invoice, offer.invoice)
    if states.is_owed(invoice.status) and not is_processing(s, invoice):
        close(s, invoice, InvoiceStatus.VOID)


def withdraw_offer(s: Session, subject: str) -> None:
    """Discard a change whose time is up, if it still waits. Subject: subscription, invoice."""
    subscription, _, invoice = subject.partition(" ")
    sub = s.get(Subscription, subscription)
    if offers.of(sub, s.get(Invoice, invoice)) is not None:
        discard_offer(s, sub, expired=True)


def shelve(s: Session, invoice: Invoice) -> None:
    """Let nobody finalise a draft any more by himself."""
    if invoice.finalized_at is None and invoice.auto_advance:
        invoice.auto_advance, invoice.next_try = False, None
        events.invoice(s, "invoice.updated", s.save(invoice), {"auto_advance": True})


def paid_elsewhere(s: Session, invoice: Invoice) -> None:
    """
    Mark the invoice paid by money that did not come through here.

    Raises:
        Rejected: it is neither open nor written off, or a payment for it is processing.
    """
    written_off = states.is_written_off(invoice.status)
    if not (written_off or states.is_owed(invoice.status)):
        raise Rejected(f"Invoice {invoice.id} is not open")
    refuse_if_processing(s, invoice)
    if written_off:
        books.revived(s, invoice)
    books.paid_elsewhere(s, invoice)
    invoice.out_of_band = True
    _withdraw(s, invoice)
    settled(s, invoice)


def refuse_if_processing(s: Session, invoice: Invoice) -> None:
    """
    Raises:
        Rejected: a payment of the invoice is on its way.
    """
    if is_processing(s, invoice):
        raise Rejected(f"The payment of {invoice.id} is processing; wait for its outcome")


def is_processing(s: Session, invoice: Invoice) -> bool:
    """Whether a payment of the invoice is on its way, so that nobody can stop it."""
    if invoice.intent is None:
        return False
    tries = s.get(Intent, invoice.intent).tries
    return bool(tries) and states.in_flight(tries[-1].state)


def _withdraw(s: Session, invoice: Invoice) -> None:
    if invoice.intent is None:
        return
    intent = s.get(Intent, invoice.intent)
    if intent.tries and states.awaits_customer(intent.tries[-1].state):
        intent.tries[-1].state = states.AttemptState.CANCELED
    intent.status, intent.canceled_at = "canceled", s.now
    events.intent(s, "payment_intent.canceled", s.save(intent))


def paying_method(s: Session, sub: Subscription | None, owner: Customer) -> Method | None:
    """Return what an invoice is paid with: the subscription's own method, or the customer's."""
    own = None if sub is None else sub.default_method
    for id_ in (own, owner.default_method):
        if id_ is not None:
            found = s.get(Method, id_)
            if found.customer == owner.id:
                return found
    return None


def method_for(s: Session, invoice: Invoice) -> Method | None:
    """Return what this invoice would be paid with, if anything."""
    return paying_method(s, subscription_of(s, invoice), s.get(Customer, invoice.customer))


def _stir_habits(s: Session, invoice: Invoice) -> None:
    for number, habit in enumerate(s.get(Customer, invoice.customer).habits):
        if s.dice("habit", invoice.id, number) < habit.per_mille:
            at = s.now + int(habit.after.total_seconds())
            s.schedule(at, "habit", f"{invoice.id} {number}")
