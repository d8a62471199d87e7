"""Charges, whose they are, and what is taken back from them."""

from __future__ import annotations

from typing import Final

from recoup.core import states
from recoup.core.account import Signal
from recoup.core.facts import DisputeFact, Fact, PaymentFact, PaymentLink, RefundFact
from recoup.core.states import AttemptState
from recoup.processors.stripe.event import Event
from recoup.processors.stripe.shapes import Shape

_STATES: Final = {
    "succeeded": AttemptState.SUCCEEDED,
    "failed": AttemptState.DECLINED,
    "pending": AttemptState.PROCESSING,
}
#: Status -> how far the refund has come.
_REFUNDS: Final = {"pending": 0, "requires_action": 1, "succeeded": 2, "failed": 3, "canceled": 4}
#: Status -> open, lost.
_DISPUTES: Final = {
    "warning_needs_response": (True, False),
    "warning_under_review": (True, False),
    "warning_closed": (False, False),
    "needs_response": (True, False),
    "under_review": (True, False),
    "prevented": (False, False),
    "won": (False, False),
    "lost": (False, True),
}
_NOT_SAID: Final = Signal()
#: The error's code when a 3-D Secure challenge was not passed, and the decline that it is.
#: Source: docs.stripe.com/error-codes, docs.stripe.com/declines/codes.
_CHALLENGE_FAILED: Final = "payment_intent_authentication_failure"
_NOT_PASSED: Final = Signal("authentication_not_handled")


def charge(event: Event) -> tuple[Fact, ...]:
    """
    Return the charge, with its refunds where they are listed (before 2022-11-15, or expanded).

    Empty when the charge is for no invoice: the old shapes say so. The new ones do not; then the
    payment's invoice is whichever says so itself.
    """
    told = event.object
    if "invoice" in told and told.opt_ref("invoice") is None:
        return ()
    state = _STATES.get(told.text("status"))
    if state is None:
        raise told.wrong("status", f"is unknown: {told.text('status')!r}")
    told.present("payment_intent")
    told.present("payment_method_details")
    details = told.opt_child("payment_method_details")
    kind = details.text("type") if details else "unknown"
    instrument = details.opt_child(kind) if details else None
    method = told.opt_ref("payment_method")
    brand = instrument.opt_text("brand") if instrument else None
    payment = PaymentFact(
        processor_id=told.ref("id"),
        payment_intent=told.opt_ref("payment_intent"),
        invoice=told.opt_ref("invoice"),
        customer=told.opt_ref("customer"),
        seen=event.seen(rank=states.ATTEMPT_RANK[state]),
        state=state,
        amount=told.amount("amount", low=1),
        method=method,
        kind=kind,
        instrument=(instrument.opt_text("fingerprint") if instrument else None) or method,
        brand=brand.lower() if brand else None,
        at=told.instant("created"),
        signal=_signal(told) if states.was_declined(state) else _NOT_SAID,
        idempotency_key=event.key,
    )
    refunds = told.opt_listed("refunds")
    return (payment, *(_refund(event, each) for each in refunds))


def _signal(told: Shape) -> Signal:
    """
    Return what came back with a refusal.

    `failure_code` says "card_declined" where `outcome.reason` says which decline it was. What
    Radar blocked never reached the bank and is Stripe's `fraudulent`.
    Source: docs.stripe.com/declines, docs.stripe.com/api/charges/object (`outcome`).
    """
    told.present("failure_code")
    code = told.opt_text("failure_code")
    outcome = told.opt_child("outcome")
    if outcome is None:
        return Signal(decline_code=code)
    reason = outcome.opt_text("reason")
    if outcome.opt_text("type") == "blocked":
        reason = "fraudulent"
    elif code is not None and code != "card_declined":
        reason = code
    return Signal(
        decline_code=reason or code,
        advice_code=outcome.opt_text("advice_code"),
        network_decline_code=outcome.opt_text("network_decline_code"),
        network_advice_code=outcome.opt_text("network_advice_code"),
    )


def intent(event: Event) -> tuple[Fact, ...]:
    """
    Return whose the payment is, where the intent says so (before 2025-03-31), that it waits, and
    that its customer did not pass the bank's challenge.

    A payment that waits for its customer has no charge yet; it is known by its intent, until
    a charge of the same intent takes its place. One whose challenge failed never has a charge;
    it is known by the event that said so, because the intent may be tried again.
    """
    told = event.object
    of = told.opt_ref("invoice")
    links = (PaymentLink(told.ref("id"), of),) if of else ()
    if "invoice" in told and of is None:
        return links
    if _awaits_customer(event):
        return (*links, _uncharged(event, AttemptState.ACTION_REQUIRED, told.ref("id")))
    error = told.opt_child("last_payment_error")
    if event.type != "payment_intent.payment_failed" or error is None:
        return links
    if error.opt_text("code") != _CHALLENGE_FAILED:
        return links
    name = f"{told.ref('id')}/{event.id}"
    return (*links, _uncharged(event, AttemptState.DECLINED, name))


def _awaits_customer(event: Event) -> bool:
    """Whether an event, or a look at the intent, says that the customer must do something."""
    if event.type == "payment_intent.fetched":
        return event.object.opt_text("status") == "requires_action"
    return event.type == "payment_intent.requires_action"


def _uncharged(event: Event, state: AttemptState, name: str) -> PaymentFact:
    """Return a try that reached no bank: it waits for its customer, or was failed by it."""
    told = event.object
    return PaymentFact(
        processor_id=name,
        payment_intent=told.ref("id"),
        invoice=told.opt_ref("invoice"),
        customer=told.opt_ref("customer"),
        seen=event.seen(rank=states.ATTEMPT_RANK[state]),
        state=state,
        amount=told.amount("amount", low=1),
        method=told.opt_ref("payment_method"),
        kind="unknown",
        instrument=None,
        brand=None,
        at=event.at,
        signal=_NOT_PASSED if states.was_declined(state) else _NOT_SAID,
        idempotency_key=event.key,
    )


def invoice_payment(event: Event) -> tuple[PaymentLink, ...]:
    """Return whose the payment is, as Stripe says it since 2025-03-31."""
    told = event.object
    payment = payment_of(told.child("payment"))
    return (PaymentLink(payment, told.ref("invoice")),) if payment else ()


def payment_of(told: Shape) -> str | None:
    """
    Return the payment intent of an invoice's payment; without one, its charge.

    None for money that did not pass through Stripe.
    """
    kind = told.text("type")
    return told.ref(kind) if kind in {"payment_intent", "charge"} else None


def refund(event: Event) -> tuple[RefundFact, ...]:
    """Return the refund. One without a charge is none of a card or a mandate."""
    return (_refund(event, event.object),) if event.object.opt_ref("charge") else ()


def _refund(event: Event, told: Shape) -> RefundFact:
    status = told.text("status")
    if status not in _REFUNDS:
        raise told.wrong("status", f"is unknown: {status!r}")
    return RefundFact(
        processor_id=told.ref("id"),
        charge=told.ref("charge"),
        seen=event.seen(tie=_REFUNDS[status]),
        amount=told.amount("amount", low=1),
        status=status,
        at=told.instant("created"),
        reason=told.opt_text("reason"),
    )


def dispute(event: Event) -> tuple[DisputeFact]:
    """Return the dispute. Of two reports about one second the more final one holds."""
    told = event.object
    status = told.text("status")
    if status not in _DISPUTES:
        raise told.wrong("status", f"is unknown: {status!r}")
    is_open, lost = _DISPUTES[status]
    return (
        DisputeFact(
            processor_id=told.ref("id"),
            charge=told.ref("charge"),
            seen=event.seen(tie=2 * lost + (not is_open)),
            amount=told.amount("amount", low=1),
            open=is_open,
            lost=lost,
            at=told.instant("created"),
        ),
    )
