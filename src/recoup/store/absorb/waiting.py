"""
Which events of a batch are not applied: those that wait, for what, and those that contradict.

What a processor signed may still be wrong: made for another sum, currency, customer or invoice
than those it claims to settle. Nothing of such an event is applied; a person sees it.
"""

from __future__ import annotations

from collections.abc import Iterator

from recoup.core import states
from recoup.core.facts import InvoiceFact, PaymentFact
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus
from recoup.store.absorb.known import Known, Told
from recoup.store.absorb.mirror import Row


class Waiting:
    """Who waits for whom."""

    def __init__(self) -> None:
        self.parents: dict[int, str] = {}  #: place of the event -> the first thing it lacks
        self.told: set[str] = set()  #: what was told and may be waited for

    def wait(self, event: int, parent: str) -> None:
        """Note that `event` lacks `parent`, "customer:cus_1"; the first lack counts."""
        self.parents.setdefault(event, parent)

    def arrived(self, parent: str) -> None:
        """Note that whoever waits for `parent` may go on."""
        self.told.add(parent)


def contradictions(told: Told, known: Known) -> dict[int, str]:
    """
    Return the events, by their places, that contradict what is known, and how.

    Whose a thing is and in which currency never changes, a charge is of one sum and for one
    invoice, and an invoice is paid when all that it asked for has come. What only a look shows
    is no claim: the processor says itself how the object is.
    """
    found: dict[int, str] = {}
    first = _first_told(told)
    for event, invoice in told.invoices:
        row = known.invoices.get(invoice.processor_id)
        for reason in _invoice(invoice, row, known):
            found.setdefault(event, reason)
    for event, link in told.links:
        mine = known.links[link.payment_intent]
        if link.invoice != mine:
            found.setdefault(event, f"{link.payment_intent} pays for {mine}, not {link.invoice}")
    charges: dict[str, Money] = {}
    for event, payment in told.payments:
        for reason in _payment(payment, charges, first, known):
            found.setdefault(event, reason)
    return found


def _first_told(told: Told) -> dict[str, InvoiceFact]:
    """Return each invoice as the oldest news of the batch tells it."""
    first: dict[str, InvoiceFact] = {}
    for _, fact in told.invoices:
        known = first.get(fact.processor_id)
        if known is None or fact.seen < known.seen:
            first[fact.processor_id] = fact
    return first


def _invoice(fact: InvoiceFact, row: Row | None, known: Known) -> Iterator[str]:
    if row is not None:
        owner = known.customers.by_id[row["customer_id"]]["processor_id"]
        if fact.customer != owner:
            yield f"{fact.processor_id} is of {owner}, not of {fact.customer}"
        if fact.due.currency != row["currency"]:
            yield f"{fact.processor_id} is in {row['currency']}, not in {fact.due.currency}"
    if fact.seen.looked or fact.out_of_band or not states.is_paid(fact.status):
        return
    if fact.paid.minor + fact.credited < fact.due.minor:
        yield f"{fact.processor_id} is said to be paid by {fact.paid} of {fact.due}"
    owed = row is not None and states.is_owed(InvoiceStatus(row["status"]))
    if row is not None and owed and fact.due.minor + fact.credited < row["amount_due"]:
        asked = Money(row["amount_due"], row["currency"])
        yield f"{fact.processor_id} asked for {asked}, and is said to be paid by {fact.paid}"


def _payment(
    fact: PaymentFact, charges: dict[str, Money], first: dict[str, InvoiceFact], known: Known
) -> Iterator[str]:
    name, link = fact.processor_id, known.links.get(fact.payment_intent or fact.processor_id)
    if fact.invoice is not None and link is not None and fact.invoice != link:
        yield f"{name} pays for {link}, not {fact.invoice}"
    invoice = known.invoice_of(fact)
    ours = known.by_key.get(fact.idempotency_key or "")
    row = known.attempts.get(name) or ours
    amount = charges.setdefault(name, fact.amount)
    if row is not None:
        amount = Money(row["amount"], row["currency"])
        named = known.invoices.get(invoice)
        if named is not None and named["id"] != row["invoice_id"]:
            yield f"{name} was made for another invoice than {invoice}"
    if fact.amount != amount:
        yield f"{name} is of {fact.amount}, not of {amount}"
    yield from _obligation(fact, invoice, first, known)


def _obligation(
    fact: PaymentFact, invoice: str | None, first: dict[str, InvoiceFact], known: Known
) -> Iterator[str]:
    """Yield how the payment does not fit the invoice that it is for, if that is known."""
    row, told = known.invoices.get(invoice), first.get(invoice or "")
    if row is not None:
        owner = known.customers.by_id[row["customer_id"]]["processor_id"]
        due = Money(max(row["amount_due"], 0), row["currency"])
        credited = row["credited"] or 0
    elif told is not None:
        owner, due, credited = told.customer, told.due, told.credited
    else:
        return
    if fact.customer is not None and fact.customer != owner:
        yield f"{fact.processor_id} is of {fact.customer}, and {invoice} of {owner}"
    if fact.amount.currency != due.currency:
        yield f"{fact.processor_id} is of {fact.amount}, and {invoice} in {due.currency}"
    elif states.succeeded(fact.state) and fact.amount.minor > due.minor + credited > 0:
        yield f"{fact.processor_id} is of {fact.amount}, and {invoice} asks for {due}"
