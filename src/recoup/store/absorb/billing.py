"""Subscriptions, invoices, and whose payments are whose."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from recoup.core import states
from recoup.core.billing.outcomes import resolution
from recoup.core.facts import InvoiceFact, Seen, SubscriptionFact, ends_its_second
from recoup.core.states import SUBSCRIPTION_RANK, InvoiceStatus, SubscriptionStatus
from recoup.store import tables
from recoup.store.absorb import activation
from recoup.store.absorb.known import Known, Told
from recoup.store.absorb.mirror import Row
from recoup.store.absorb.waiting import Waiting
from recoup.store.writer import Writer

_INVOICE_WORDS: Final = {
    InvoiceStatus.DRAFT: "invoice.drafted",
    InvoiceStatus.OPEN: "invoice.opened",
    InvoiceStatus.PAID: "invoice.paid",
    InvoiceStatus.VOID: "invoice.voided",
    InvoiceStatus.UNCOLLECTIBLE: "invoice.uncollectible",
    InvoiceStatus.CLOSED: "invoice.closed",
}


def subscriptions(
    writer: Writer, processor: str, told: Told, known: Known, waiting: Waiting
) -> None:
    """A subscription belongs to a customer. Why we ended it is known better here than there."""
    for event, fact in told.subscriptions:
        row = known.subscriptions.get(fact.processor_id)
        if row is None:
            owner = known.customers.get(fact.customer)
            if owner is None:
                waiting.wait(event, f"customer:{fact.customer}")
                continue
            row = known.subscriptions.new(
                writer,
                {
                    "customer_id": owner["id"],
                    "processor": processor,
                    "processor_id": fact.processor_id,
                    "next_items": [],
                    "coupon": None,
                    "promotion_code": None,
                    "activated_at": None,
                    "plans": [],
                },
            )
        if fact.plan is not None and fact.plan not in row["plans"]:
            row.values["plans"] = sorted([*row["plans"], fact.plan])
        ours = row.was("end_reason") if row.was("end_requested_at") is not None else None
        if _offered(row, fact):
            row.values["end_reason"] = ours or fact.end_reason
            _settle(row, fact)
            if known.erased(row["customer_id"]):
                row.values["metadata"] = {}
            known.gates.pass_subscription(writer, row, fact)
            if row.before is not None:
                states.checked(
                    states.SUBSCRIPTION_MOVES,
                    SubscriptionStatus(row.was("status")),
                    SubscriptionStatus(row["status"]),
                )
        activation.begins(row, fact, known.gates)
        row.type = activation.word(row)
        waiting.arrived(f"subscription:{fact.processor_id}")


def _offered(row: Row, fact: SubscriptionFact) -> bool:
    """
    Take the fact if it is newer than all before; return whether.

    Of two about one second the one holds whose status was not left in it. For that the row keeps
    what all of that second's reports say was left, of those it did not take too. Where a status
    was left and came back within the second, an earlier report of it may be the one that stays.
    """
    known, seen = row.seen, fact.seen
    if known is not None and seen.looked:
        return _shown(row, known, fact)
    if known is None or (known.rank, known.at) != (seen.rank, seen.at):
        return row.offer(seen, _subscription(fact))
    tie = known.tie | seen.tie
    called = SubscriptionStatus(row["processor_status"] or row["status"])
    holds = ends_its_second(called, tie), known.event
    if (ends_its_second(fact.status, tie), seen.event) > holds:
        row.take(replace(seen, tie=tie), _subscription(fact))
        return True
    if tie != known.tie:
        row.seen, row.values["seen_tie"] = replace(known, tie=tie), tie
    return False


def _shown(row: Row, known: Seen, fact: SubscriptionFact) -> bool:
    """
    Take what a look shows if it is newer than all before; return whether.

    A look that shows a status that was left moments before it shows what was: the processor's
    own copies lag behind. Until that is certain what was left is kept in mind.
    """
    seen, bit = fact.seen, 1 << SUBSCRIPTION_RANK[fact.status]
    if (seen.rank, seen.at, seen.event) <= (known.rank, known.at, known.event):
        return False
    lags = seen.may_lag(known)
    if lags and known.tie & bit:
        return False
    row.take(replace(seen, tie=known.tie & ~bit if lags else 0), _subscription(fact))
    return True


def invoices(writer: Writer, processor: str, told: Told, known: Known, waiting: Waiting) -> None:
    """An invoice belongs to a customer and, when it names one, to a subscription."""
    for event, fact in told.invoices:
        row = known.invoices.get(fact.processor_id) or _new(
            writer, processor, known, waiting, event=event, fact=fact
        )
        if row is None:
            continue
        newer = row.offer(fact.seen, _invoice(fact))
        if fact.prices is not None and (newer or not row["prices"]):
            row.values["prices"] = list(fact.prices)
        if newer:
            known.gates.pass_invoice(writer, row, fact)
            row.values["resolved_as"] = _resolved(row, fact)
            if known.erased(row["customer_id"]):
                row.values["description"] = None
            if row.before is not None:
                before = InvoiceStatus(row.was("status"))
                states.checked(states.INVOICE_MOVES, before, InvoiceStatus(row["status"]))
            row.type = _word(row) if row.moved("status") else None
        waiting.arrived(f"invoice:{fact.processor_id}")


def _new(
    writer: Writer,
    processor: str,
    known: Known,
    waiting: Waiting,
    *,
    event: int,
    fact: InvoiceFact,
) -> Row | None:
    owner = known.customers.get(fact.customer)
    if owner is None:
        waiting.wait(event, f"customer:{fact.customer}")
        return None
    subscription = known.subscriptions.get(fact.subscription)
    if subscription is None and fact.subscription is not None:
        waiting.wait(event, f"subscription:{fact.subscription}")
        return None
    return known.invoices.new(
        writer,
        {
            "customer_id": owner["id"],
            "subscription_id": subscription["id"] if subscription else None,
            "processor": processor,
            "processor_id": fact.processor_id,
            "first_failed_at": None,
            "disputed": False,
            "gate_id": None,
            "charged_back": 0,
            "prices": [],
        },
    )


def _settle(row: Row, fact: SubscriptionFact) -> None:
    """Keep the discount where the news says nothing of it; forget a change that has come."""
    if fact.discount is not None:
        row.values["coupon"] = fact.discount.coupon
        row.values["promotion_code"] = fact.discount.promotion_code
    coming = row["next_items"]
    if coming:
        wanted = sorted((item["price"], item["quantity"]) for item in coming)
        there = sorted((item.price, item.quantity) for item in fact.items)
        if wanted == there or states.has_ended(fact.status):
            row.values["next_items"] = []


def _word(row: Row) -> str:
    """Return what the ledger calls an invoice's news: paid only where money was received."""
    status = InvoiceStatus(row["status"])
    elsewise = states.is_paid(status) and row["resolved_as"] is not None
    return "invoice.resolved" if elsewise else _INVOICE_WORDS[status]


def _resolved(row: Row, fact: InvoiceFact) -> str | None:
    return resolution(
        InvoiceStatus(row["status"]),
        paid=fact.paid.minor,
        credited=fact.credited,
        out_of_band=fact.out_of_band,
        charged_back=row["charged_back"],
        decided=row["resolved_as"],
    )


def failures(told: Told, known: Known, waiting: Waiting) -> None:
    """The first failure that was told is the first that happened, whenever it is told."""
    for event, fact in told.failures:
        row = known.invoices.get(fact.invoice)
        if row is None:
            waiting.wait(event, f"invoice:{fact.invoice}")
            continue
        attempt = known.by_key.get(fact.idempotency_key or "")
        if attempt is None or attempt["off_session"]:
            row.earliest("first_failed_at", fact.at)


def links(writer: Writer, processor: str, told: Told, known: Known, waiting: Waiting) -> None:
    """A link needs neither end to be known."""
    fresh = {link.payment_intent for _, link in told.links} - known.linked
    for payment in sorted(fresh):
        writer.insert(
            tables.payment_links,
            {
                "processor": processor,
                "payment_intent": payment,
                "invoice": known.links[payment],
            },
        )
    for _, link in told.links:
        waiting.arrived(f"payment_intent:{link.payment_intent}")


def _subscription(fact: SubscriptionFact) -> dict[str, object]:
    return {
        "status": str(fact.status),
        "plan": fact.plan,
        "prices": list(fact.prices),
        "quantity": fact.quantity,
        "currency": fact.currency,
        "period_start": fact.period_start,
        "period_end": fact.period_end,
        "trial_end": fact.trial_end,
        "cancel_at": fact.cancel_at,
        "canceled_at": fact.canceled_at,
        "ended_at": fact.ended_at,
        "end_reason": fact.end_reason,
        "collection_method": fact.collection_method,
        "default_method": fact.default_method,
        "items": [
            {"id": item.processor_id, "price": item.price, "quantity": item.quantity}
            for item in fact.items
        ],
        "metadata": dict(fact.metadata),
        "anchor": fact.anchor,
        "feedback": fact.feedback,
        "pause_behavior": fact.pause_behavior,
        "resumes_at": fact.resumes_at,
    }


def _invoice(fact: InvoiceFact) -> dict[str, object]:
    return {
        "status": str(fact.status),
        "number": fact.number,
        "currency": fact.due.currency,
        "amount_due": fact.due.minor,
        "amount_paid": fact.paid.minor,
        "amount_remaining": fact.remaining.minor,
        "reason": fact.reason,
        "collection_method": fact.collection_method,
        "created_at": fact.created_at,
        "due_at": fact.due_at,
        "finalized_at": fact.finalized_at,
        "closed_at": fact.closed_at,
        "next_try_at": fact.next_try_at,
        "tries": fact.tries,
        "out_of_band": fact.out_of_band,
        "description": fact.description,
        "tax": fact.tax,
        "credited": fact.credited,
    }
