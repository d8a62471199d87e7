"""Customers and their payment methods."""

from __future__ import annotations

from datetime import UTC, datetime

from recoup.core.account import CURRENT
from recoup.core.facts import CustomerFact, MethodFact
from recoup.store import tables
from recoup.store.absorb.known import Known, Told
from recoup.store.absorb.mirror import Row
from recoup.store.absorb.waiting import Waiting
from recoup.store.writer import Writer


def customers(writer: Writer, processor: str, told: Told, known: Known, waiting: Waiting) -> None:
    """A customer needs no parent; a new one gets its standing with it."""
    for _, fact in told.customers:
        row = known.customers.get(fact.processor_id) or known.intended(fact)
        if row is not None and row["processor_id"] is None:
            row.values["processor_id"] = fact.processor_id
            known.customers.add(row)
        if row is None:
            row = known.customers.new(
                writer, {"processor": processor, "processor_id": fact.processor_id}
            )
            row.type = "customer.created"
        row.earliest("created_at", _created(fact))
        news = _customer(fact) if row["erased_at"] is None else _impersonal(fact)
        if fact.deleted and fact.seen.looked:  # no more than that is to be seen any more
            news = {"default_method": None, "deleted": True, "metadata": row["metadata"] or {}}
        if row.offer(fact.seen, news) and fact.deleted and row.before is not None:
            row.type = "customer.deleted"
        waiting.arrived(f"customer:{fact.processor_id}")


def standings(writer: Writer, known: Known) -> None:
    """Give every new customer the standing that everybody starts with."""
    for row in known.customers.changed():
        if row.before is None:
            writer.insert(
                tables.standings,
                {
                    "customer_id": row["id"],
                    "standing": CURRENT,
                    "next_wake_at": None,
                    "run_state": "ok",
                    "failures": 0,
                },
                occurred_at=row.at,
            )


def methods(writer: Writer, processor: str, told: Told, known: Known, waiting: Waiting) -> None:
    """A method belongs to a customer; a detached one to whoever had it."""
    # What is detached names no owner any more, so its attaching must come first.
    for event, fact in sorted(told.methods, key=lambda each: each[1].detached):
        row = known.methods.get(fact.processor_id)
        if row is None:
            if fact.customer is None:
                waiting.wait(event, f"payment_method:{fact.processor_id}")
                continue
            owner = known.customers.get(fact.customer)
            if owner is None:
                waiting.wait(event, f"customer:{fact.customer}")
                continue
            row = known.methods.new(
                writer,
                {
                    "customer_id": owner["id"],
                    "processor": processor,
                    "processor_id": fact.processor_id,
                },
            )
            row.type = "method.attached"
        row.latest("changed_at", _changed(row, fact))
        news = _method(fact) | ({"backup": None} if fact.detached else {})
        if known.erased(row["customer_id"]):
            news |= {"last4": None}
        if row.offer(fact.seen, news) and fact.detached and row.before is not None:
            row.type = "method.detached"
        waiting.arrived(f"payment_method:{fact.processor_id}")


def _created(fact: CustomerFact) -> datetime:
    """Return when the customer was first heard of; one that somebody looks at may be older."""
    created = fact.data.get("created")
    if not (fact.seen.looked and isinstance(created, int)):
        return fact.seen.at
    return min(fact.seen.at, datetime.fromtimestamp(created, UTC))


def _changed(row: Row, fact: MethodFact) -> datetime:
    """Return when the instrument last changed: where a look finds another one, by then."""
    names = ("instrument", "exp_year", "exp_month")
    found = _method(fact)
    if fact.seen.looked and row.before and any(row[name] != found[name] for name in names):
        return fact.seen.at
    return fact.changed_at


def _customer(fact: CustomerFact) -> dict[str, object]:
    return {
        "email": fact.email,
        "name": fact.name,
        "locale": fact.locale,
        "metadata": dict(fact.metadata),
        "data": dict(fact.data),
        **_impersonal(fact),
    }


def _impersonal(fact: CustomerFact) -> dict[str, object]:
    """All that news may still change once the customer's person is erased."""
    return {
        "country": fact.country,
        "currency": fact.currency,
        "default_method": fact.default_method,
        "deleted": fact.deleted,
    }


def _method(fact: MethodFact) -> dict[str, object]:
    return {
        "kind": fact.kind,
        "instrument": fact.fingerprint or fact.processor_id,
        "brand": fact.brand,
        "last4": fact.last4,
        "country": fact.country,
        "exp_year": fact.exp_year,
        "exp_month": fact.exp_month,
        "detached": fact.detached,
    }
