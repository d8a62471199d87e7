"""
Tries to collect an invoice, what banks answer, and money given back.

An invoice has one payment intent; each try that reaches a bank is a charge of its own. A try
that waits for the customer has none.
"""

from __future__ import annotations

from recoup.core import states
from recoup.core.account import Signal
from recoup.core.facts import PaymentFact, Seen
from recoup.core.money import Money
from recoup.core.states import AttemptState
from recoup.errors import Rejected
from recoup.processors.fake import billing, books, customers, events
from recoup.processors.fake.model import (
    Charge,
    Customer,
    Instrument,
    Intent,
    Invoice,
    Method,
    Refund,
    Subscription,
    Try,
    instant,
)
from recoup.processors.fake.payers import EXPIRED, Answer, Refusal, meet
from recoup.processors.fake.world import Session


def collect(s: Session, invoice_id: str) -> None:
    """Finalise a draft and, if it is to be charged, try it once. What Stripe does by itself."""
    invoice = s.get(Invoice, invoice_id)
    if invoice.finalized_at is not None or not invoice.auto_advance:
        return
    billing.finalize(s, invoice)
    if not states.is_owed(invoice.status) or invoice.collection != billing.AUTOMATIC:
        return
    method = billing.method_for(s, invoice)
    if method is None:
        # Stripe fails the invoice without a charge when there is nothing to charge.
        _count(s, invoice)
        billing.failed(s, invoice)
    else:
        first = invoice.reason == "subscription_create"
        attempt(s, invoice, method, off_session=not first, key=None)


def chosen(s: Session, invoice: Invoice, method: str | None) -> Method:
    """
    Return the method to pay `invoice` with: the one named, or its default.

    Raises:
        Rejected: it is not the customer's, or there is none.
    """
    if method is None:
        found = billing.method_for(s, invoice)
        if found is None:
            raise Rejected(f"{invoice.id} has no payment method to be paid with")
        return found
    named = s.get(Method, method)
    if named.customer != invoice.customer:
        raise Rejected(f"The payment method {method!r} does not belong to the customer")
    return named


def payable(s: Session, invoice_id: str) -> Invoice:
    """
    Return the invoice, if somebody may pay it now.

    Raises:
        Rejected: unknown, paid already, not open, or its payment is processing.
    """
    invoice = s.get(Invoice, invoice_id)
    if states.is_paid(invoice.status):
        raise Rejected(f"Invoice {invoice_id} is already paid")
    if not states.is_owed(invoice.status):
        raise Rejected(f"Invoice {invoice_id} is not open")
    billing.refuse_if_processing(s, invoice)
    return invoice


def attempt(
    s: Session, invoice: Invoice, method: Method, *, off_session: bool, key: str | None
) -> Try:
    """Try once; return what came of it. The invoice is open and nothing is on its way."""
    intent = s.get(Intent, str(invoice.intent))
    waiting = intent.tries[-1] if intent.tries else None
    if waiting is not None and states.awaits_customer(waiting.state):
        if not off_session and waiting.method == method.id:
            # The customer finishes what an earlier request began.
            return _answered(s, invoice, intent, method, waiting, _ask(s, intent, method, False))
        waiting.state = AttemptState.CANCELED
    done = Try(at=s.now, method=method.id, state=AttemptState.REQUESTED, key=key)
    intent.tries.append(done)
    answer = _ask(s, intent, method, off_session)
    return _answered(s, invoice, intent, method, done, answer, off_session=off_session)


def _ask(s: Session, intent: Intent, method: Method, off_session: bool) -> Answer:
    if method.expired(s.now):
        return Answer("declines", EXPIRED)
    card = s.get(Instrument, method.instrument)
    answer, left = meet(
        card.payer,
        now=instant(s.now),
        off_session=off_session,
        dice=s.dice("try", intent.invoice, len(intent.tries)),
    )
    if left is not card.payer:
        card.payer = left
        s.save(card)
    return answer


def _answered(
    s: Session,
    invoice: Invoice,
    intent: Intent,
    method: Method,
    done: Try,
    answer: Answer,
    *,
    off_session: bool = False,
) -> Try:
    intent.method = method.id
    _count(s, invoice, paid=answer.kind == "pays")
    if answer.kind == "asks":
        done.state = AttemptState.ACTION_REQUIRED
        intent.status, intent.refusal = "requires_action", None
        s.save(intent)
        events.intent(s, "payment_intent.requires_action", intent)
        events.invoice(s, "invoice.payment_action_required", invoice)
        billing.failed(s, invoice)
        return done
    charge = Charge(
        id=s.new_id(Charge),
        created=s.now,
        customer=invoice.customer,
        invoice=invoice.id,
        intent=intent.id,
        method=method.id,
        instrument=method.instrument,
        amount=intent.amount,
        currency=intent.currency,
        state=AttemptState.PROCESSING,
        changed_at=s.now,
        off_session=off_session,
    )
    done.charge = intent.latest_charge = charge.id
    s.save(charge, owner=invoice.id)
    if answer.kind == "waits":
        charge.returns = answer.refusal
        s.schedule(s.now + int(answer.takes.total_seconds()), "settle", charge.id)
        done.state, intent.status, intent.refusal = charge.state, "processing", None
        s.save(intent)
        done.event = events.charge(s, "charge.pending", charge)
        events.intent(s, "payment_intent.processing", intent)
        billing.started(s, invoice)
    else:
        _conclude(s, invoice, intent, charge, done, answer.refusal)
    return done


def _conclude(
    s: Session,
    invoice: Invoice,
    intent: Intent,
    charge: Charge,
    done: Try,
    refusal: Refusal | None,
) -> None:
    paid = refusal is None
    charge.state = done.state = AttemptState.SUCCEEDED if paid else AttemptState.DECLINED
    charge.refusal = intent.refusal = refusal
    charge.changed_at = s.now
    intent.status = "succeeded" if paid else "requires_payment_method"
    if paid:
        if states.is_written_off(invoice.status):
            books.revived(s, invoice)
        books.captured(s, invoice, charge)
        intent.received = invoice.paid = charge.amount
    s.save(charge)
    s.save(intent)
    done.event = events.charge(s, "charge.succeeded" if paid else "charge.failed", charge)
    if paid:
        events.intent(s, "payment_intent.succeeded", intent)
        billing.settled(s, invoice)
    else:
        events.intent(s, "payment_intent.payment_failed", intent)
        billing.failed(s, invoice)


def _count(s: Session, invoice: Invoice, *, paid: bool = False) -> None:
    # Stripe counts the first try, and later only those it makes by itself: here, none.
    if invoice.attempted:
        return
    previous = {
        "attempt_count": 0,
        "attempted": False,
        "next_payment_attempt": invoice.next_try,
    }
    invoice.attempted, invoice.attempt_count, invoice.next_try = True, 1, None
    s.save(invoice)
    if not paid:
        events.invoice(s, "invoice.updated", invoice, previous)


def made_with(s: Session, invoice: Invoice, key: str, since: int) -> Try | None:
    """Return the newest try that a request with `key` made at second `since` or later."""
    if invoice.intent is None:
        return None
    tries = s.get(Intent, invoice.intent).tries
    mine = (done for done in reversed(tries) if done.key == key and done.at >= since)
    return next(mine, None)


def settle(s: Session, charge_id: str) -> None:
    """Let the bank's answer about a processing debit arrive."""
    charge = s.get(Charge, charge_id)
    intent = s.get(Intent, charge.intent)
    done = next(one for one in intent.tries if one.charge == charge_id)
    _conclude(s, s.get(Invoice, charge.invoice), intent, charge, done, charge.returns)


def by_customer(s: Session, invoice_id: str, method: str | None) -> Try:
    """
    Pay on the hosted page: the customer is there, so nothing needs to be asked for later.

    Raises:
        Rejected: the invoice can not be paid, or not with this method. A written-off invoice
            can: its page stays.
    """
    invoice = s.get(Invoice, invoice_id)
    if states.is_written_off(invoice.status):
        billing.refuse_if_processing(s, invoice)
    else:
        invoice = payable(s, invoice_id)
    return attempt(s, invoice, chosen(s, invoice, method), off_session=False, key=None)


def habit(s: Session, subject: str) -> None:
    """Let a customer do what it does some time after a failure, if the invoice is still open."""
    invoice_id, _, number = subject.partition(" ")
    invoice = s.get(Invoice, invoice_id)
    owner = s.get(Customer, invoice.customer)
    if owner.deleted or not states.is_owed(invoice.status):
        return
    doing = owner.habits[int(number)]
    if doing.does == "replace_method":
        customers.attach(
            s,
            owner.id,
            doing.payer,
            kind="card",
            brand="visa",
            country=owner.country,
            expires=(2049, 12),
            fingerprint=None,
            default=True,
        )
    elif doing.does == "pay":
        try:
            by_customer(s, invoice_id, None)
        except Rejected:
            return  # the page says so to the customer, and nothing happens
    elif invoice.subscription is not None:
        sub = s.get(Subscription, invoice.subscription)
        if not states.has_ended(sub.status):
            billing.end(s, sub, reason="cancellation_requested", comment=None)


def refund(s: Session, charge_id: str, amount: Money | None) -> Refund:
    """
    Give back `amount` of a charge, or all that is left of it.

    Raises:
        Rejected: the charge took no money, or less than that is left of it.
    """
    charge = s.get(Charge, charge_id)
    left = charge.amount - charge.refunded if states.succeeded(charge.state) else 0
    minor = left if amount is None else amount.minor
    if not 0 < minor <= left or (amount is not None and amount.currency != charge.currency):
        raise Rejected(f"Refund of {amount} is not within what is left of {charge_id}: {left}")
    charge.refunded += minor
    s.save(charge)
    made = Refund(
        id=s.new_id(Refund),
        created=s.now,
        charge=charge_id,
        intent=charge.intent,
        amount=minor,
        currency=charge.currency,
    )
    s.save(made, owner=charge_id)
    books.refunded(s, s.get(Invoice, charge.invoice), minor)
    events.refund(s, "refund.created", made)
    events.charge(s, "charge.refunded", charge)
    return made


def fact(s: Session, invoice: Invoice, done: Try) -> PaymentFact:
    """Return one try in our words. Without a charge it is known by its intent and place."""
    charge = None if done.charge is None else s.get(Charge, done.charge)
    method = s.get(Method, done.method)
    refusal = None if charge is None else charge.refusal
    intent = s.get(Intent, str(invoice.intent))
    place = 1 + next(n for n, one in enumerate(intent.tries) if one is done)
    return PaymentFact(
        processor_id=done.charge or f"{intent.id}/{place}",
        payment_intent=intent.id,
        invoice=invoice.id,
        customer=invoice.customer,
        seen=Seen(
            states.ATTEMPT_RANK[done.state],
            instant(charge.changed_at if charge else done.at),
            0,
            done.event,
        ),
        state=done.state,
        amount=Money(charge.amount if charge else invoice.amount, invoice.currency),
        method=method.id,
        kind=method.kind,
        instrument=charge.instrument if charge else method.instrument,
        brand=method.brand,
        at=instant(charge.created if charge else done.at),
        signal=Signal()
        if refusal is None
        else Signal(
            refusal.code,
            refusal.advice_code,
            refusal.network_decline_code,
            refusal.network_advice_code,
        ),
        idempotency_key=done.key,
    )
