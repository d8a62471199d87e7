"""
Invoices: billing once, closing without money, and one more try at collecting.

Paid is not resolved: what is voided, forgiven, written off or paid elsewhere is shown as that
and never as paid. While a payment of an invoice is under way nothing else is done with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from recoup.commands import paying
from recoup.commands.base import Kind, Office, Plan, Recording, Work
from recoup.commands.closing import (
    FINALIZING,
    FORGIVING,
    GIVING_UP,
    PAID_ELSEWHERE,
    SENDING,
    VOIDING,
    WITHDRAWING,
    Deed,
    planned,
)
from recoup.commands.closing import KINDS as CLOSINGS
from recoup.commands.filing import digest_of, own_key
from recoup.commands.options import verb
from recoup.core.billing.answers import Answer
from recoup.core.billing.items import MOST
from recoup.core.billing.metadata import merged
from recoup.core.billing.requests import (
    Collection,
    CreateInvoice,
    LineWanted,
)
from recoup.core.billing.views import Invoice, Payment
from recoup.core.money import Money
from recoup.errors import InvalidValue
from recoup.store import views
from recoup.store.records import money
from recoup.store.records.customers import at_processor
from recoup.store.views.reading import Ref, our_id

#: A line as callers write it: description, amount of the whole line[, quantity[, tax]].
Line = LineWanted | tuple[Any, ...]


def _made(work: Work, answer: Answer) -> Invoice:
    return views.read_invoice(work.writer.connection, answer.object, now=work.writer.now)


CREATE: Final = Kind("invoices.create", Invoice, _made)
PAY: Final = Kind("invoices.pay", Payment, paying.never_asked, current=paying.payment_now)

KINDS: Final[Sequence[Kind[Any]]] = (
    CREATE,
    *CLOSINGS,
    PAY,
)


@dataclass(frozen=True, slots=True)
class Invoices:
    """What people do with invoices. Every verb takes our id of one, or the processor's."""

    office: Office

    @verb
    def get(self, invoice: Ref) -> Invoice:
        """
        Return the invoice as it is seen now.

        Raises:
            NotFound: there is none.
        """
        with self.office.reading() as connection:
            return views.read_invoice(connection, invoice, now=self.office.now())

    @verb
    def list(
        self,
        *,
        customer: Ref | None = None,
        subscription: int | None = None,
        hidden: bool = False,
        after: int = 0,
        limit: int = 50,
    ) -> tuple[Invoice, ...]:
        """
        Return invoices by id, behind the id `after`: the customer's, or everybody's.

        What a gate hides, while its payment is awaited and when it never came, is no customer's
        to see: it is among them only with `hidden`.
        """
        with self.office.reading() as connection:
            who = None if customer is None else views.read_customer(connection, customer).id
            return views.list_invoices(
                connection,
                now=self.office.now(),
                customer_id=who,
                subscription_id=None if subscription is None else our_id(subscription),
                hidden=hidden,
                after=after,
                limit=limit,
            )

    @verb
    def create(
        self,
        customer: Ref,
        lines: Sequence[Line],
        *,
        description: str | None = None,
        finalize: bool = True,
        collection: Collection = "charge_automatically",
        days_until_due: int | None = None,
        metadata: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Invoice:
        """
        Bill these lines once. With `finalize` the invoice is owed at once, else it is a draft.

        Args:
            lines: Of one currency: (description, amount[, quantity[, tax]]). The amount is of the
                whole line and may be negative; tax, in minor units, comes on top.
            days_until_due: For `send_invoice` only, and needed there; 0 or more.

        Raises:
            InvalidValue: no lines, two currencies, a sum below zero, or terms that do not fit.
            NotPossible: the customer is not known at the processor, or was deleted.
        """
        wanted = lines_wanted(lines)
        _fit(collection, days_until_due)
        with self.office.reading() as connection:
            who = views.read_customer(connection, customer).id
        texts = merged({}, metadata or {})
        asked = {
            "customer": who,
            "lines": wanted,
            "description": description,
            "finalize": finalize,
            "collection": collection,
            "days_until_due": days_until_due,
            "metadata": texts,
        }

        def prepare(recording: Recording) -> Plan:
            return Plan(
                CreateInvoice(
                    customer=at_processor(recording.connection, who),
                    lines=wanted,
                    description=description,
                    collection=collection,
                    days_until_due=days_until_due,
                    finalize=finalize,
                    metadata=texts,
                )
            )

        return self.office.run(CREATE, asked=asked, prepare=prepare, customer=who, key=key)

    @verb
    def finalize(self, invoice: Ref, *, key: str | None = None) -> Invoice:
        """
        Number a draft and let it be owed. One that is owed, paid or given up stays as it is.

        Raises:
            NotPossible: it is void.
        """
        return self._do(FINALIZING, invoice, reason=None, key=key)

    @verb
    def send(self, invoice: Ref, *, key: str | None = None) -> Invoice:
        """
        Have the processor mail an owed invoice to its customer; a draft is finalised first.

        Raises:
            NotPossible: it is paid or closed.
            Rejected: the processor does not send it; the customer has no address, for example.
        """
        return self._do(SENDING, invoice, reason=None, key=key)

    @verb
    def void(self, invoice: Ref, *, reason: str, key: str | None = None) -> Invoice:
        """
        Take back an invoice that was a mistake. One that is void stays as it is.

        Raises:
            NotPossible: it is paid, or a draft.
            InProgress: a payment of it is under way.
        """
        return self._do(VOIDING, invoice, reason=reason, key=key)

    @verb
    def mark_uncollectible(self, invoice: Ref, *, reason: str, key: str | None = None) -> Invoice:
        """Give the money of an owed invoice up: written off. Otherwise as `void`."""
        return self._do(GIVING_UP, invoice, reason=reason, key=key)

    @verb
    def forgive(self, invoice: Ref, *, reason: str, key: str | None = None) -> Invoice:
        """
        Let the customer off: void at the processor, shown as resolved, "forgiven".

        Money that a lost dispute took back can be forgiven too; otherwise as `void`.
        """
        return self._do(FORGIVING, invoice, reason=reason, key=key)

    @verb
    def mark_paid_out_of_band(
        self, invoice: Ref, *, reason: str, key: str | None = None
    ) -> Invoice:
        """
        Say that the money came by another way: resolved, not paid.

        Money that a lost dispute took back may have come so too; otherwise as `void`.
        """
        return self._do(PAID_ELSEWHERE, invoice, reason=reason, key=key)

    def withdraw(self, invoice: Ref, *, reason: str, key: str | None = None) -> Invoice:
        """Void what was only made to be paid at once and was not: resolved as superseded."""
        return self._do(WITHDRAWING, invoice, reason=reason, key=key)

    @verb
    def pay(
        self,
        invoice: Ref,
        *,
        method: Ref | None = None,
        off_session: bool = False,
        origin: Literal["operator", "customer"] = "operator",
        key: str | None = None,
    ) -> Payment:
        """
        Try to collect what remains, once, now; return how the payment stands.

        Only `succeeded` means money. `requires_action` brings what the customer must do;
        `unknown` is looked up by the workers and never charged twice. The same key tells how the
        same payment stands later. Without a key, one try at a time has the same.

        Args:
            method: What to pay with; the customer's default when not said.
            off_session: The customer is not there to authenticate. Then a refusal makes debt.

        Raises:
            NotPossible: it is not owed, there is nothing to pay with, or networks forbid it.
            InProgress: a payment of it is under way.
        """
        found = self.get(invoice)
        with self.office.reading() as connection:
            way = None if method is None else views.read_method(connection, method).id
            past = money.over(connection, found.id)
        asked = {
            "invoice": found.id,
            "method": way,
            "off_session": off_session,
            "origin": origin,
        }

        def prepare(recording: Recording) -> Plan:
            return paying.intend(
                recording, found.id, method=way, off_session=off_session, origin=origin
            )

        subject = f"invoice:{found.id}"
        digest = digest_of(PAY.name, found.customer_id, subject, asked)
        paid = self.office.run(
            PAY,
            asked=asked,
            prepare=prepare,
            customer=found.customer_id,
            subject=subject,
            key=own_key(PAY.name, subject, digest, past) if key is None else key,
        )
        return paying.with_action(self.office, paid)

    def _do(self, deed: Deed, invoice: Ref, *, reason: str | None, key: str | None) -> Invoice:
        if reason is not None and not reason.strip():
            raise InvalidValue(f"{deed.kind.name} needs a reason, and this one is empty")
        found = self.get(invoice)
        return self.office.run(
            deed.kind,
            asked={"invoice": found.id, "reason": reason},
            prepare=lambda recording: planned(deed, recording, found.id, reason),
            customer=found.customer_id,
            subject=f"invoice:{found.id}",
            key=key,
        )


def lines_wanted(lines: Sequence[Line]) -> tuple[LineWanted, ...]:
    """
    Return the lines as they are asked for.

    Raises:
        InvalidValue: none, one that is no line, or a sum below zero.
        CurrencyMismatch: two currencies.
    """
    wanted = tuple(_line(line) for line in lines)
    if not wanted:
        raise InvalidValue("an invoice needs at least one line")
    total = Money(0, wanted[0].amount.currency)
    for line in wanted:
        total += line.amount + Money(line.tax, line.amount.currency)
    if total.minor < 0:
        raise InvalidValue(f"the lines come to {total}: an invoice is not below zero")
    return wanted


def _line(line: Line) -> LineWanted:
    parts = (
        (line.description, line.amount, line.quantity, line.tax)
        if isinstance(line, LineWanted)
        else tuple(line)
    )
    kinds = (str, Money, int, int)
    if not 2 <= len(parts) <= 4 or not all(map(_is, parts, kinds)):
        raise InvalidValue("a line is (description, Money[, quantity[, tax in minor units]])")
    made = LineWanted(*parts)
    if made.quantity < 1:
        raise InvalidValue(f"the quantity of a line is at least 1, got {made.quantity}")
    return made


def _is(part: object, kind: type) -> bool:
    return isinstance(part, kind) and not isinstance(part, bool)


def _fit(collection: Collection, days_until_due: int | None) -> None:
    sent = collection == "send_invoice"
    if sent != (days_until_due is not None) or not 0 <= (days_until_due or 0) <= MOST:
        raise InvalidValue(
            f"days_until_due, 0 or more, belongs to send_invoice and to nothing else; "
            f"got {days_until_due} with {collection}"
        )
