"""Subscriptions and invoices, in the old shapes and the new."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from recoup.core import states
from recoup.core.facts import (
    Fact,
    FailureFact,
    InvoiceFact,
    PaymentLink,
    SubscriptionFact,
    tried_off_session,
)
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus, SubscriptionStatus
from recoup.processors.stripe.event import Event
from recoup.processors.stripe.payments import payment_of
from recoup.processors.stripe.shapes import Shape

_END_REASONS: Final = {
    "cancellation_requested": "requested",
    "payment_failed": "payment_failed",
    "payment_disputed": "payment_disputed",
}
_CLOSINGS: Final = {
    InvoiceStatus.PAID: "paid_at",
    InvoiceStatus.VOID: "voided_at",
    InvoiceStatus.UNCOLLECTIBLE: "marked_uncollectible_at",
}
_OUT_OF_BAND: Final = frozenset({"out_of_band", "payment_record"})
_SMALLINT: Final = 2**15 - 1

_S = TypeVar("_S", bound=StrEnum)


def subscription(event: Event) -> tuple[SubscriptionFact]:
    """Return the subscription as the event shows it. Its end is news that nothing replaces."""
    told = event.object
    status = _status(told, SubscriptionStatus)
    ended = states.has_ended(status)
    items = told.listed("items")
    prices = tuple(_price(item) for item in items)
    start, end = _period(told, items)
    canceled_at = told.opt_instant("canceled_at")
    ended_at = told.opt_instant("ended_at")
    quantity = items[0].opt_integer("quantity") if items else None
    return (
        SubscriptionFact(
            processor_id=told.ref("id"),
            customer=told.ref("customer"),
            seen=event.seen(rank=int(ended), tie=states.SUBSCRIPTION_RANK[status]),
            status=status,
            plan=prices[0] if prices else None,
            prices=prices,
            quantity=1 if quantity is None else quantity,
            currency=told.currency(),
            period_start=start,
            period_end=end,
            trial_end=told.opt_instant("trial_end"),
            cancel_at=told.opt_instant("cancel_at"),
            canceled_at=canceled_at,
            ended_at=(ended_at or canceled_at or event.at) if ended else ended_at,
            end_reason=_end_reason(told) if ended else None,
            collection_method=told.text("collection_method"),
            default_method=told.opt_ref("default_payment_method")
            or told.opt_ref("default_source"),
        ),
    )


def invoice(event: Event) -> tuple[Fact, ...]:
    """
    Return the invoice as the event shows it, whose payments are its, and whether it failed.

    A failure is one that nobody was there to prevent; what a customer tried and failed makes no
    debt. A draft that was deleted is void.
    """
    told = event.object
    deleted = event.type == "invoice.deleted"
    status = InvoiceStatus.VOID if deleted else _status(told, InvoiceStatus)
    payments = told.opt_listed("payments")
    fact = _invoice(event, status, out_of_band=_out_of_band(told, payments))
    facts: list[Fact] = [fact]
    if event.type == "invoice.payment_failed" and tried_off_session(
        fact.reason, fact.collection_method
    ):
        facts.append(FailureFact(fact.processor_id, event.at))
    intents = [told.opt_ref("payment_intent"), *(payment_of(p.child("payment")) for p in payments)]
    facts.extend(PaymentLink(intent, fact.processor_id) for intent in intents if intent)
    return tuple(facts)


def _invoice(event: Event, status: InvoiceStatus, *, out_of_band: bool) -> InvoiceFact:
    told = event.object
    told.present("next_payment_attempt")
    transitions = told.child("status_transitions")
    tries = told.integer("attempt_count")
    remaining = told.amount("amount_remaining")
    closing = _CLOSINGS.get(status)
    closed_at = transitions.opt_instant(closing) if closing else None
    return InvoiceFact(
        processor_id=told.ref("id"),
        customer=told.ref("customer"),
        subscription=_subscription_of(told),
        # A second tells too little apart: the more often it was tried, the newer.
        seen=event.seen(rank=states.INVOICE_RANK[status], tie=min(tries, _SMALLINT)),
        status=status,
        number=told.opt_text("number"),
        due=told.amount("amount_due", low=-(2**63) + 1),
        paid=told.amount("amount_paid"),
        remaining=Money(0, remaining.currency) if states.is_paid(status) else remaining,
        reason=told.text("billing_reason"),
        collection_method=told.text("collection_method"),
        created_at=told.instant("created"),
        due_at=told.opt_instant("due_date"),
        finalized_at=transitions.opt_instant("finalized_at"),
        closed_at=(closed_at or event.at) if closing else None,
        next_try_at=told.opt_instant("next_payment_attempt"),
        tries=tries,
        out_of_band=out_of_band,
    )


def _out_of_band(told: Shape, payments: list[Shape]) -> bool:
    """Whether it was paid elsewhere: a flag once, since 2025-03-31 the kind of its payment."""
    return told.flag("paid_out_of_band") or any(
        payment.child("payment").opt_text("type") in _OUT_OF_BAND for payment in payments
    )


def _subscription_of(told: Shape) -> str | None:
    """Return the subscription: `subscription` once, since 2025-03-31 inside `parent`."""
    if "parent" not in told:
        told.present("subscription")
        return told.opt_ref("subscription")
    parent = told.opt_child("parent")
    details = parent.opt_child("subscription_details") if parent else None
    found = details.ref("subscription") if details else None
    return found or told.opt_ref("subscription")


def _period(told: Shape, items: list[Shape]) -> tuple[datetime | None, datetime | None]:
    """Return the current period: the subscription's once, since 2025-03-31 its first item's."""
    if "current_period_end" in told:
        holder = told
    elif items:
        holder = items[0]
    else:
        return None, None
    start, end = holder.instant("current_period_start"), holder.instant("current_period_end")
    if end < start:
        raise holder.wrong("current_period_end", "is before its start")
    return start, end


def _price(item: Shape) -> str:
    return item.ref("price") if "price" in item else item.ref("plan")


def _end_reason(told: Shape) -> str:
    details = told.opt_child("cancellation_details")
    reason = details.opt_text("reason") if details else None
    return _END_REASONS.get(reason or "", "processor")


def _status(told: Shape, statuses: type[_S]) -> _S:
    value = told.text("status")
    try:
        return statuses(value)
    except ValueError as error:
        raise told.wrong("status", f"is unknown: {value!r}") from error
