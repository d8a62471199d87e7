"""Subscriptions and invoices, in the old shapes and the new."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from recoup.core import states
from recoup.core.facts import (
    ON_SESSION,
    ON_SESSION_MARK,
    DiscountFact,
    Fact,
    FailureFact,
    InvoiceFact,
    ItemFact,
    PaymentLink,
    SubscriptionFact,
    left,
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
_CREDIT_NOTES: Final = ("pre_payment_credit_notes_amount", "post_payment_credit_notes_amount")
_LEAST: Final = -(2**63) + 1
_SMALLINT: Final = 2**15 - 1

_S = TypeVar("_S", bound=StrEnum)


def subscription(event: Event) -> tuple[SubscriptionFact]:
    """Return the subscription as the event shows it. Its end is news that nothing replaces."""
    told = event.object
    status = _status(told, SubscriptionStatus)
    ended = states.has_ended(status)
    listed = told.listed("items")
    items = tuple(_item(item) for item in listed)
    prices = tuple(item.price for item in items)
    start, end = _period(told, listed)
    canceled_at = told.opt_instant("canceled_at")
    ended_at = told.opt_instant("ended_at")
    details = told.opt_child("cancellation_details")
    pause = told.opt_child("pause_collection")
    return (
        SubscriptionFact(
            processor_id=told.ref("id"),
            customer=told.ref("customer"),
            seen=event.seen(rank=int(ended), tie=left(event.before("status"), status)),
            status=status,
            plan=prices[0] if prices else None,
            prices=prices,
            quantity=items[0].quantity if items else 1,
            currency=told.currency(),
            period_start=start,
            period_end=end,
            trial_end=told.opt_instant("trial_end"),
            cancel_at=told.opt_instant("cancel_at"),
            canceled_at=canceled_at,
            ended_at=(ended_at or canceled_at or event.at) if ended else ended_at,
            end_reason=_end_reason(details) if ended else None,
            collection_method=told.text("collection_method"),
            default_method=told.opt_ref("default_payment_method")
            or told.opt_ref("default_source"),
            items=items,
            metadata=told.metadata(),
            anchor=told.opt_instant("billing_cycle_anchor"),
            feedback=details.opt_text("feedback") if details else None,
            pause_behavior=pause.text("behavior") if pause else None,
            resumes_at=pause.opt_instant("resumes_at") if pause else None,
            discount=_discount(told),
            began=told.opt_instant("start_date") if event.type.endswith(".fetched") else None,
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
        facts.append(FailureFact(fact.processor_id, event.at, event.key))
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
        due=told.amount("amount_due", low=_LEAST),
        paid=told.amount("amount_paid"),
        remaining=Money(0, remaining.currency) if states.is_paid(status) else remaining,
        reason=_reason(told),
        collection_method=told.text("collection_method"),
        created_at=told.instant("created"),
        due_at=told.opt_instant("due_date"),
        finalized_at=transitions.opt_instant("finalized_at"),
        closed_at=(closed_at or event.at) if closing else None,
        next_try_at=told.opt_instant("next_payment_attempt"),
        tries=tries,
        out_of_band=out_of_band,
        description=told.opt_text("description"),
        tax=_tax(told),
        credited=sum(told.minor(name, told.text("currency")) for name in _CREDIT_NOTES),
        prices=_sold(told),
    )


def _sold(told: Shape) -> tuple[str, ...] | None:
    """
    Return the prices that the lines sell, in their order; None where not all lines are shown.

    What is credited or costs nothing is not what a debt is about.
    """
    lines = told.opt_child("lines")
    if lines is None or lines.flag("has_more"):
        return None
    currency = told.text("currency")
    sells = (each for each in told.listed("lines") if _costs(each, currency))
    prices = (_price(line) for line in sells)
    return tuple(dict.fromkeys(price for price in prices if price is not None))


def _costs(line: Shape, currency: str) -> bool:
    return line.minor("amount", currency, low=_LEAST) > 0


def _price(line: Shape) -> str | None:
    """Return a line's price: `price` once, since 2025-03-31 inside `pricing`."""
    pricing = line.opt_child("pricing")
    details = pricing.opt_child("price_details") if pricing else None
    if details is not None:
        return details.opt_ref("price")
    return line.opt_ref("price") or line.opt_ref("plan")


def _reason(told: Shape) -> str:
    """Return why it was billed; one that we made for a customer who is there says so."""
    reason = told.text("billing_reason")
    return ON_SESSION if ON_SESSION_MARK in told.texts("metadata") else reason


def _tax(told: Shape) -> int:
    """Return the taxes: one sum once, besides or instead of it a list of them."""
    currency = told.text("currency")
    for name in ("total_taxes", "total_tax_amounts"):
        taxes = told.opt_objects(name)
        if taxes:
            return sum(tax.minor("amount", currency, low=_LEAST) for tax in taxes)
    return told.minor("tax", currency, low=_LEAST)


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


def _item(told: Shape) -> ItemFact:
    """Return one item. What is metered has no quantity, and counts as one."""
    price = told.ref("price") if "price" in told else told.ref("plan")
    quantity = told.opt_integer("quantity")
    return ItemFact(told.opt_ref("id") or "", price, 1 if quantity is None else quantity)


def _discount(told: Shape) -> DiscountFact | None:
    """
    Return what lowers the invoices: `discount` once, now the first of `discounts`.

    None where it is not said: the list holds only ids unless it was asked for expanded.
    """
    single = told.opt_child("discount")
    if single is not None:
        return _redeemed(single)
    if "discounts" not in told:
        return DiscountFact() if "discount" in told else None
    several = told.opt_objects("discounts")
    if several is None:
        return None
    return _redeemed(several[0]) if several else DiscountFact()


def _redeemed(told: Shape) -> DiscountFact:
    """Return the coupon of a discount; since 2025-09-30 it is the discount's source."""
    source = told.opt_child("source") or told
    return DiscountFact(source.opt_ref("coupon"), told.opt_ref("promotion_code"))


def _end_reason(details: Shape | None) -> str:
    reason = details.opt_text("reason") if details else None
    return _END_REASONS.get(reason or "", "processor")


def _status(told: Shape, statuses: type[_S]) -> _S:
    value = told.text("status")
    try:
        return statuses(value)
    except ValueError as error:
        raise told.wrong("status", f"is unknown: {value!r}") from error
