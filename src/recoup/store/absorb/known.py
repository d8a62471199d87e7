"""What is known of everything that a batch of facts concerns, read under the customers' locks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.facts import (
    CouponFact,
    CustomerFact,
    DisputeFact,
    Fact,
    FailureFact,
    InvoiceFact,
    MethodFact,
    PaymentFact,
    PaymentLink,
    PromotionCodeFact,
    RefundFact,
    SubscriptionFact,
)
from recoup.store import batch, tables
from recoup.store.absorb.activation import Gates
from recoup.store.absorb.mirror import Mirror, Row

_BY_NAME: Final = "processor = %s AND processor_id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Told:
    """The facts of a batch by kind, each with the place of the event that told it."""

    customers: list[tuple[int, CustomerFact]] = field(default_factory=list)
    methods: list[tuple[int, MethodFact]] = field(default_factory=list)
    subscriptions: list[tuple[int, SubscriptionFact]] = field(default_factory=list)
    invoices: list[tuple[int, InvoiceFact]] = field(default_factory=list)
    failures: list[tuple[int, FailureFact]] = field(default_factory=list)
    links: list[tuple[int, PaymentLink]] = field(default_factory=list)
    payments: list[tuple[int, PaymentFact]] = field(default_factory=list)
    refunds: list[tuple[int, RefundFact]] = field(default_factory=list)
    disputes: list[tuple[int, DisputeFact]] = field(default_factory=list)
    coupons: list[tuple[int, CouponFact]] = field(default_factory=list)
    codes: list[tuple[int, PromotionCodeFact]] = field(default_factory=list)

    @classmethod
    def of(cls, events: Sequence[Iterable[Fact]]) -> Told:
        told = cls()
        lists: dict[type, list[tuple[int, Any]]] = {
            CustomerFact: told.customers,
            MethodFact: told.methods,
            SubscriptionFact: told.subscriptions,
            InvoiceFact: told.invoices,
            FailureFact: told.failures,
            PaymentLink: told.links,
            PaymentFact: told.payments,
            RefundFact: told.refunds,
            DisputeFact: told.disputes,
            CouponFact: told.coupons,
            PromotionCodeFact: told.codes,
        }
        for event, facts in enumerate(events):
            for fact in facts:
                lists[type(fact)].append((event, fact))
        return told

    def without(self, events: Collection[int]) -> Told:
        """Return the same facts but those of `events`."""
        return Told(
            *(
                [each for each in getattr(self, one.name) if each[0] not in events]
                for one in fields(self)
            )
        )


class Known:
    """The rows a batch concerns, and the links between payments and invoices."""

    def __init__(self) -> None:
        self.customers = Mirror(tables.customers)
        self.methods = Mirror(tables.payment_methods)
        self.subscriptions = Mirror(tables.subscriptions)
        self.invoices = Mirror(tables.invoices)
        self.attempts = Mirror(tables.attempts)
        self.refunds = Mirror(tables.refunds)
        self.disputes = Mirror(tables.disputes)
        self.coupons = Mirror(tables.coupons)
        self.codes = Mirror(tables.promotion_codes)
        self.gates = Gates()
        self.links: dict[str, str] = {}
        self.linked: frozenset[str] = frozenset()  #: payments whose link is stored already
        self.by_key: dict[str, Row] = {}
        self.intents: dict[str, int] = {}  #: our request's key -> the customer it was made for

    @classmethod
    def read(cls, connection: Connection, processor: str, told: Told) -> Known:
        """
        Lock the customers concerned, in id order, and read what the facts are about.

        Whose a thing is never changes, so that much may be looked up before the locks.
        """
        known = cls()
        known._read_links(connection, processor, told)
        invoices = known._invoice_names(told)
        charges = _charges(told)
        _one_creator(connection, processor, told)
        known._read_intents(connection, told)
        ids = _customer_ids(connection, processor, told, invoices, charges)
        ids = sorted({*ids, *known.intents.values()})
        known.customers.load(connection, "id = ANY(%s) ORDER BY id FOR UPDATE", (ids,))
        if told.links:  # whoever held the locks before us may have stored them
            known._read_links(connection, processor, told)
        known._read_rows(connection, processor, told, invoices, charges)
        known._read_coupons(connection, processor, told)
        return known

    def _read_intents(self, connection: Connection, told: Told) -> None:
        keys = sorted({f.idempotency_key for _, f in told.customers if f.idempotency_key})
        if keys:
            sql = (
                "SELECT processor_key, customer_id FROM commands "
                "WHERE processor_key = ANY(%s) AND customer_id IS NOT NULL"
            )
            self.intents.update(batch.fetch(connection, sql, (keys,)))

    def intended(self, fact: CustomerFact) -> Row | None:
        """Return the row that was there before the processor knew of the customer."""
        row = self.customers.by_id.get(self.intents.get(fact.idempotency_key or "", 0))
        return row if row is not None and row["processor_id"] is None else None

    def _read_links(self, connection: Connection, processor: str, told: Told) -> None:
        payments = {f.payment_intent or f.processor_id for _, f in told.payments}
        payments.update(link.payment_intent for _, link in told.links)
        stored: dict[str, str] = {}
        if payments:
            sql = (
                "SELECT payment_intent, invoice FROM payment_links "
                "WHERE processor = %s AND payment_intent = ANY(%s)"
            )
            stored.update(batch.fetch(connection, sql, (processor, sorted(payments))))
        self.linked = frozenset(stored)
        self.links.update(stored)
        for _, link in told.links:
            self.links.setdefault(link.payment_intent, link.invoice)

    def invoice_of(self, fact: PaymentFact) -> str | None:
        """Return the processor's id of the invoice a payment is for, if anything says so."""
        return fact.invoice or self.links.get(fact.payment_intent or fact.processor_id)

    def _invoice_names(self, told: Told) -> list[str]:
        names = {fact.processor_id for _, fact in told.invoices}
        names.update(fact.invoice for _, fact in told.failures)
        names.update(filter(None, (self.invoice_of(fact) for _, fact in told.payments)))
        return sorted(names)

    def _read_rows(
        self,
        connection: Connection,
        processor: str,
        told: Told,
        invoices: Collection[str],
        charges: Collection[str],
    ) -> None:
        def load(mirror: Mirror, names: Iterable[str | None]) -> None:
            wanted = sorted({name for name in names if name is not None})
            if wanted:
                mirror.load(connection, _BY_NAME, (processor, wanted))

        load(self.methods, (fact.processor_id for _, fact in told.methods))
        load(self.subscriptions, (fact.processor_id for _, fact in told.subscriptions))
        missing = {fact.subscription for _, fact in told.invoices} - set(self.subscriptions.rows)
        load(self.subscriptions, missing)
        load(self.invoices, invoices)
        load(self.attempts, charges)
        self._read_attempts(connection, told)
        self.gates.read(
            connection,
            self.subscriptions.by_id.values(),
            self.invoices.by_id.values(),
            (fact for _, fact in told.subscriptions),
        )
        load(self.refunds, (fact.processor_id for _, fact in told.refunds))
        load(self.disputes, (fact.processor_id for _, fact in told.disputes))

    def _read_coupons(self, connection: Connection, processor: str, told: Told) -> None:
        """
        Read coupons and codes, the active codes of the same texts among them.

        They have no customer whose lock would do, so one transaction at a time writes them.
        """
        if not (told.coupons or told.codes):
            return
        lock = "SELECT pg_advisory_xact_lock(hashtext('recoup coupons of ' || %s))"
        batch.fetch(connection, lock, (processor,))
        names = {fact.processor_id for _, fact in told.coupons}
        names.update(fact.coupon for _, fact in told.codes)
        self.coupons.load(connection, _BY_NAME, (processor, sorted(names)))
        if told.codes:
            condition = (
                "processor = %s AND (processor_id = ANY(%s) OR active AND lower(code) = ANY(%s))"
            )
            codes = sorted({fact.processor_id for _, fact in told.codes})
            texts = sorted({fact.code.lower() for _, fact in told.codes})
            self.codes.load(connection, condition, (processor, codes, texts))

    def erased(self, customer_id: int) -> bool:
        """Whether the customer's person is erased, so that no news may bring it back."""
        owner = self.customers.by_id.get(customer_id)
        return owner is not None and owner["erased_at"] is not None

    def _read_attempts(self, connection: Connection, told: Told) -> None:
        """
        Read our attempts by key, those on the invoices that are open or brought money, and the
        invoices of them all.
        """
        paid = (fact.idempotency_key for _, fact in told.payments)
        failed = (fact.idempotency_key for _, fact in told.failures)
        keys = sorted(filter(None, {*paid, *failed}))
        if told.payments or keys:
            invoices = sorted(
                row["id"]
                for name in {self.invoice_of(fact) for _, fact in told.payments}
                if (row := self.invoices.get(name))
            )
            condition = (
                "id IN (SELECT id FROM attempts WHERE idempotency_key = ANY(%s) UNION "
                "SELECT id FROM attempts WHERE invoice_id = ANY(%s) AND state = ANY(%s)) "
                "AND id <> ALL(%s)"
            )
            known = sorted(self.attempts.by_id)
            parameters = (keys, invoices, sorted(states.OPEN | states.RECEIVED), known)
            self.attempts.load(connection, condition, parameters)
        for row in self.attempts.by_id.values():
            if row["idempotency_key"] is not None:
                self.by_key[row["idempotency_key"]] = row
        missing = {r["invoice_id"] for r in self.attempts.by_id.values()} - set(
            self.invoices.by_id
        )
        if missing:
            self.invoices.load(connection, "id = ANY(%s)", (sorted(missing),))


def _charges(told: Told) -> list[str]:
    charges = {fact.processor_id for _, fact in told.payments}
    charges.update(fact.charge for _, fact in told.refunds)
    charges.update(fact.charge for _, fact in told.disputes)
    return sorted(charges)


def _one_creator(connection: Connection, processor: str, told: Told) -> None:
    """Let one transaction at a time make customers: a row that is not there has no lock."""
    names = sorted({fact.processor_id for _, fact in told.customers})
    if not names:
        return
    sql = f"SELECT count(*) FROM customers WHERE {_BY_NAME}"
    ((count,),) = batch.fetch(connection, sql, (processor, names))
    if count < len(names):
        lock = "SELECT pg_advisory_xact_lock(hashtext('recoup customers of ' || %s))"
        batch.fetch(connection, lock, (processor,))


def _customer_ids(
    connection: Connection,
    processor: str,
    told: Told,
    invoices: Collection[str],
    charges: Collection[str],
) -> list[int]:
    names: set[str | None] = {fact.processor_id for _, fact in told.customers}
    for facts in (told.methods, told.subscriptions, told.invoices, told.payments, told.codes):
        names.update(fact.customer for _, fact in facts)
    detached = sorted({fact.processor_id for _, fact in told.methods if fact.customer is None})
    sql = (
        f"SELECT id FROM customers WHERE {_BY_NAME} "
        f"UNION SELECT customer_id FROM invoices WHERE {_BY_NAME} "
        f"UNION SELECT customer_id FROM attempts WHERE {_BY_NAME} "
        f"UNION SELECT customer_id FROM payment_methods WHERE {_BY_NAME}"
    )
    named = sorted(name for name in names if name is not None)
    parameters = [
        each for part in (named, invoices, charges, detached) for each in (processor, list(part))
    ]
    return [id for (id,) in batch.fetch(connection, sql, parameters)]
