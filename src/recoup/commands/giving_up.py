"""
Closing what is owed without money: written off, marked uncollectible, forgiven.

What is decided is recorded once, with who and why, and what would follow is shown before; then
each invoice is closed at the processor by a step of its own, which the same key goes on with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.commands import paying
from recoup.commands.acting import REFUSED, kind_of, reason_of
from recoup.commands.base import Kind, Office, Plan, Recording
from recoup.commands.following import derived, step
from recoup.commands.invoices import Invoices
from recoup.core.account import Account, Invoice
from recoup.core.dunning.acts import Acted, Rehearsal, rehearsed
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus
from recoup.errors import NotPossible
from recoup.store import views
from recoup.store.records import commands, money

#: Which invoices are meant, among those of an account; may refuse.
Choose = Callable[[Account], Sequence[Invoice]]
_CHOSEN: Final = "invoices"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of closing debts without money."""

    kind: Kind[Acted]
    words: str
    becomes: InvoiceStatus
    resolved_as: str
    verb: str  #: of `recoup.invoices`, that closes one


UNCOLLECTIBLE: Final = Way(
    kind_of("mark_uncollectible"),
    "give up",
    InvoiceStatus.UNCOLLECTIBLE,
    "written_off",
    "mark_uncollectible",
)
WRITE_OFF: Final = replace(UNCOLLECTIBLE, kind=kind_of("write_off"), words="write off")
FORGIVE: Final = Way(
    kind_of("forgive"), "let the customer off", InvoiceStatus.VOID, "forgiven", "forgive"
)
KINDS: Final[Sequence[Kind[Any]]] = (UNCOLLECTIBLE.kind, WRITE_OFF.kind, FORGIVE.kind)


@dataclass(frozen=True, slots=True)
class GivingUp:
    """One decision about what one customer owes."""

    office: Office
    way: Way
    customer: int
    reason: str
    subject: str
    invoice: int | None = None  #: one that is read whatever its state

    def done(
        self, asked: Mapping[str, Any], choose: Choose, *, dry_run: bool, key: str | None
    ) -> Acted:
        """
        Record the decision and close the invoices; with `dry_run` only say what would follow.

        Raises:
            NotPossible: nothing of it is owed, or not in a way that can be closed.
            InProgress: a payment of one of them is under way.
        """
        reason_of(self.reason)
        office = self.office
        if dry_run:
            with office.reading() as connection:
                return self._told(connection, choose, office.now(), dry_run=True)[0]
        if office.bound is not None:
            raise NotPossible(
                f"{self.way.kind.name} takes several steps, which a host's transaction can not "
                "hold: call it outside"
            )
        asked = {**asked, "reason": self.reason}
        if key is None:
            key = derived(office, self.way.kind, self.customer, self.subject, asked)
        step(key, _CHOSEN)  # there must be room for the steps
        acted = office.run(
            self.way.kind,
            asked=asked,
            prepare=lambda recording: self._planned(recording, choose),
            customer=self.customer,
            subject=self.subject,
            key=key,
        )
        self._close(key)
        return acted

    def _planned(self, recording: Recording, choose: Choose) -> Plan:
        try:
            told, ids = self._told(recording.connection, choose, recording.now, dry_run=False)
        except REFUSED as error:
            return Plan(refusal=error, args={"reason": self.reason})
        return Plan(result=told, args={"reason": self.reason, _CHOSEN: " ".join(map(str, ids))})

    def _close(self, key: str) -> None:
        """Close what the decision of this key is about; what is closed stays so."""
        with self.office.reading() as connection:
            kept = commands.by_key(connection, key)
        chosen = "" if kept is None else str(kept.args.get(_CHOSEN, ""))
        close = getattr(Invoices(self.office), self.way.verb)
        for id in chosen.split():
            close(int(id), reason=self.reason, key=step(key, f"invoice:{id}"))

    def _told(
        self, connection: Connection, choose: Choose, now: datetime, *, dry_run: bool
    ) -> tuple[Acted, tuple[int, ...]]:
        account = money.account(connection, self.customer, now=now, invoice_id=self.invoice)
        chosen = choose(account)
        for invoice in chosen:
            _refuse_closed(connection, invoice, now)
            paying.refuse_in_flight(connection, invoice, account.tries(invoice.id))
        ids = tuple(invoice.id for invoice in chosen)
        book = self.office.engine
        follows = Rehearsal(failed="nothing to decide by")
        if book is not None:
            wished = self._wished(account, ids, now)
            follows = rehearsed(account, wished, policies=book.policies, rules=book.rules, now=now)
        told = Acted(
            verb=self.way.kind.name,
            customer_id=self.customer,
            actor=self.office.actor,
            reason=self.reason,
            dry_run=dry_run,
            changes=(*map(self._words, chosen), *follows.changes),
            why=follows.why,
            failed=follows.failed,
        )
        return told, ids

    def _words(self, invoice: Invoice) -> str:
        return f"{self.way.words}: {invoice.remaining} of invoice {invoice.id}"

    def _wished(self, account: Account, ids: Sequence[int], now: datetime) -> Account:
        """Return the account as it will be when the processor has closed these invoices."""
        return replace(
            account,
            invoices=tuple(
                replace(
                    one,
                    status=self.way.becomes,
                    remaining=Money(0, one.due.currency),
                    closed_at=now,
                    resolved_as=self.way.resolved_as,
                    charged_back=False,
                )
                if one.id in ids
                else one
                for one in account.invoices
            ),
        )


def _refuse_closed(connection: Connection, invoice: Invoice, now: datetime) -> None:
    if not invoice.owed:
        shown = views.read_invoice(connection, invoice.id, now=now)
        how = (shown.resolved_as or shown.outcome).replace("_", " ")
        raise NotPossible(f"invoice {invoice.id} is {how}: nothing of it is owed")


def one(invoice_id: int) -> Choose:
    """Choose this invoice."""
    return lambda account: [i for i in account.invoices if i.id == invoice_id]


def all_in_default(customer: int, case_id: int | None) -> Choose:
    """
    Choose everything that a customer owes in cases that run or are bad debt, or in one of them.

    Refuses where nothing is.
    """

    def chosen(account: Account) -> Sequence[Invoice]:
        cases = {case.id for case in account.cases if case_id in {None, case.id}}
        found = [i for i in account.invoices if i.in_default and i.case_id in cases]
        if not found:
            what = f"customer {customer}" if case_id is None else f"case {case_id}"
            raise NotPossible(f"{what}: nothing in default is owed")
        return found

    return chosen
