"""
Tries to collect an invoice, and what banks answer.

An invoice has one payment intent; each try that reaches a bank is a charge of its own. A try
that waits for the customer has none.
"""

from __future__ import annotations

from typing import Final

from recoup.core import states
from recoup.core.account import Signal
from recoup.core.facts import PaymentFact, Seen
from recoup.core.money import Money
from recoup.core.states import AttemptState
from recoup.errors import Rejected
from recoup.processors.fake import billing, books, customers, events
from recoup.processors.fake.model import (
    Charge,
    Instrument,
    Intent,
    Invoice,
    Method,
    Subscription,
    Try,
    instant,
)
from recoup.processors.fake.payers import EXPIRED, Answer, Refusal, meet
from recoup.processors.fake.world import Session

#: What the intent says when the customer did not pass the bank's challenge, and what it means.
CHALLENGE_FAILED: Final = Refusal("payment_intent_authentication_failure")
NOT_AUTHENTICATED: Final = Signal("authentication_not_handled")


def begin(s: Session, begun: Subscription, *, authenticated: bool = True) -> None:
    """
    Try the first invoice, if there is one; what stays unpaid is over 23 hours later.

    `authenticated` as in `attempt`.
    """
    if begun.latest_invoice is not None:
        collect(s, begun.latest_invoice, authenticated=authenticated)
    if states.is_incomplete(begun.status):
        s.schedule(s.now + billing.FIRST_PAYMENT_WITHIN, "expire", begun.id)


def collect(s: Session, invoice_id: str, *, authenticated: bool = True) -> None:
    """
    Finalise a draft and, if it is to be charged, try it once. What Stripe does by itself.

    A first payment is made with the customer there; `authenticated` as in `attempt`.
    """
    invoice = s.get(Invoice, invoice_id)
    if invoice.attempted or not invoice.auto_advance or billing.held(s, invoice):
        return
    if invoice.finalized_at is None:
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
        attempt(s, invoice, method, off_session=not first, key=None, authenticated=authenticated)


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
        Rejected: unknown, paid already, not open, its payment is processing, or its customer
            was deleted.
    """
    invoice = s.get(Invoice, invoice_id)
    customers.living(s, invoice.customer)
    if states.is_paid(invoice.status):
        raise Rejected(f"Invoice {invoice_id} is already paid")
    if not states.is_owed(invoice.status):
        raise Rejected(f"Invoice {invoice_id} is not open")
    billing.refuse_if_processing(s, invoice)
    return invoice


def attempt(
    s: Session,
    invoice: Invoice,
    method: Method,
    *,
    off_session: bool,
    key: str | None,
    authenticated: bool = True,
) -> Try:
    """
    Try once; return what came of it. The invoice is open and nothing is on its way.

    A customer who is there and not yet `authenticated` is first asked to, if the bank wants it.
    """
    intent = s.get(Intent, str(invoice.intent))
    waiting = intent.tries[-1] if intent.tries else None
    if waiting is not None and states.awaits_customer(waiting.state):
        if not off_session and authenticated and waiting.method == method.id:
            return _finish(s, invoice, intent, method, waiting)
        waiting.state = AttemptState.CANCELED
    done = Try(at=s.now, method=method.id, state=AttemptState.REQUESTED, key=key)
    intent.tries.append(done)
    answer = _ask(s, intent, method, off_session=off_session, authenticated=authenticated)
    return _answered(s, invoice, intent, method, done, answer, off_session=off_session)


def _finish(s: Session, invoice: Invoice, intent: Intent, method: Method, waiting: Try) -> Try:
    # The customer finishes what an earlier request began.
    answer = _ask(s, intent, method, off_session=False, authenticated=True)
    return _answered(s, invoice, intent, method, waiting, answer)


def authenticate(s: Session, intent: Intent, *, ok: bool) -> None:
    """
    Let the customer pass the bank's challenge, or fail it. Who fails has not asked the bank for
    money, so there is no charge.

    Raises:
        Rejected: nobody waits for that.
    """
    waiting = intent.tries[-1] if intent.tries else None
    if waiting is None or not states.awaits_customer(waiting.state):
        raise Rejected(f"{intent.id} does not wait for its customer")
    invoice = s.get(Invoice, intent.invoice)
    if ok:
        _finish(s, invoice, intent, s.get(Method, waiting.method), waiting)
        return
    waiting.state = AttemptState.DECLINED
    intent.status, intent.refusal = "requires_payment_method", CHALLENGE_FAILED
    waiting.event = events.intent(s, "payment_intent.payment_failed", intent)
    s.save(intent)
    billing.failed(s, invoice)


def _ask(
    s: Session, intent: Intent, method: Method, *, off_session: bool, authenticated: bool
) -> Answer:
    if method.expired(s.now):
        return Answer("declines", EXPIRED)
    card = s.get(Instrument, method.instrument)
    answer, left = meet(
        card.payer,
        now=instant(s.now),
        off_session=off_session,
        authenticated=authenticated,
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
    charge = _charge(s, invoice, intent, method, off_session=off_session)
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
    *,
    late: bool = False,
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
        billing.failed(s, invoice, late=late)


def slipped(s: Session, invoice: Invoice, intent: Intent, method: Method) -> Charge:
    """Take money for an invoice that is not owed any more. It stays as it is."""
    charge = _charge(s, invoice, intent, method, off_session=False)
    charge.state = AttemptState.SUCCEEDED
    done = Try(s.now, method.id, charge.state, charge=charge.id)
    intent.tries.append(done)
    intent.method, intent.latest_charge = method.id, charge.id
    intent.status, intent.received, intent.canceled_at = "succeeded", charge.amount, None
    books.captured(s, invoice, charge)
    s.save(charge, owner=invoice.id)
    s.save(intent)
    done.event = events.charge(s, "charge.succeeded", charge)
    events.intent(s, "payment_intent.succeeded", intent)
    events.invoice_paid_by(s, invoice, intent)
    return charge


def _charge(
    s: Session, invoice: Invoice, intent: Intent, method: Method, *, off_session: bool
) -> Charge:
    return Charge(
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
    invoice = s.get(Invoice, charge.invoice)
    _conclude(s, invoice, intent, charge, done, charge.returns, late=True)


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


def fact(s: Session, invoice: Invoice, done: Try) -> PaymentFact:
    """
    Return one try in our words.

    Without a charge it is known by its intent and place, or by the event that said it failed.
    """
    charge = None if done.charge is None else s.get(Charge, done.charge)
    method = s.get(Method, done.method)
    refusal = None if charge is None else charge.refusal
    intent = s.get(Intent, str(invoice.intent))
    place = 1 + next(n for n, one in enumerate(intent.tries) if one is done)
    return PaymentFact(
        processor_id=done.charge or f"{intent.id}/{done.event or place}",
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
        signal=_signal(done, refusal),
        idempotency_key=done.key,
    )


def _signal(done: Try, refusal: Refusal | None) -> Signal:
    if refusal is not None:
        return Signal(
            refusal.code,
            refusal.advice_code,
            refusal.network_decline_code,
            refusal.network_advice_code,
        )
    return NOT_AUTHENTICATED if states.was_declined(done.state) else Signal()
