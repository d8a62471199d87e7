"""
Payments: charging once, giving back, and what banks take back.

A charge is an invoice of its own that is paid at once. Its steps are commands with keys made of
the caller's, so the same call after a crash goes on where the first one stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection

from recoup.commands import paying
from recoup.commands.base import Kind, Office, Plan, Recording, Work
from recoup.commands.following import derived, step
from recoup.commands.invoices import Invoices
from recoup.commands.options import verb
from recoup.core.billing.answers import Answer
from recoup.core.billing.requests import CreateRefund, LineWanted, PreparePayment
from recoup.core.billing.views import (
    Dispute,
    Intent,
    Invoice,
    LatePayment,
    Outcome,
    Pay,
    Payment,
    Refund,
)
from recoup.core.facts import ON_SESSION_MARK
from recoup.core.money import Money
from recoup.errors import (
    CurrencyMismatch,
    InProgress,
    InvalidValue,
    NotPossible,
    NotRefundable,
    SettledByCredit,
)
from recoup.store import views
from recoup.store.records import commands, money
from recoup.store.views.reading import Ref

Reason = Literal["duplicate", "fraudulent", "requested_by_customer"]

#: A payment that is one of these is over, and its charge with it.
_OVER: Final = frozenset({Pay.SUCCEEDED, Pay.DECLINED, Pay.CANCELED})
#: ... and of these, it brought no money.
_FAILED: Final = frozenset({Pay.DECLINED, Pay.CANCELED})
#: Why the invoice of a charge is voided.
UNPAID: Final = "it was made to be paid at once, and was not"
_ON_SESSION: Final[Mapping[str, str]] = {ON_SESSION_MARK: "true"}


def _refunded(work: Work, answer: Answer) -> Refund:
    return views.read_refund(work.writer.connection, answer.object)


def _prepared(work: Work, answer: Answer) -> Intent:
    id = int(work.args["invoice_id"])
    invoice = views.read_invoice(work.writer.connection, id, now=work.writer.now)
    return Intent(invoice, answer.action)


REFUND: Final = Kind("payments.refund", Refund, _refunded)
INTENT: Final = Kind("payments.intent", Intent, _prepared)
CHARGE: Final = Kind("payments.charge", Payment, paying.never_asked, current=paying.payment_now)

KINDS: Final[Sequence[Kind[Any]]] = (REFUND, INTENT, CHARGE)


@dataclass(frozen=True, slots=True)
class Payments:
    """What people do with money. A payment is one attempt; our id or its charge's."""

    office: Office

    @verb
    def get(self, payment: Ref) -> Payment:
        """
        Return the payment as it stands now; what its customer must do is asked of the processor.

        Raises:
            NotFound: there is none.
        """
        with self.office.reading() as connection:
            found = views.read_payment(connection, payment)
        return paying.with_action(self.office, found)

    @verb
    def list(
        self,
        *,
        customer: Ref | None = None,
        invoice: Ref | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> tuple[Payment, ...]:
        """Return payments by id, behind the id `after`: the customer's, the invoice's, or all."""
        with self.office.reading() as connection:
            who = None if customer is None else views.read_customer(connection, customer).id
            what = (
                None
                if invoice is None
                else views.read_invoice(connection, invoice, now=self.office.now()).id
            )
            return views.list_payments(
                connection, customer_id=who, invoice_id=what, after=after, limit=limit
            )

    @verb
    def charge(
        self,
        customer: Ref,
        amount: Money,
        *,
        description: str,
        method: Ref | None = None,
        off_session: bool = False,
        key: str | None = None,
    ) -> Payment:
        """
        Bill `amount` once and collect it at once; return how the payment stands.

        With the customer there a refusal makes no debt: the invoice is voided at once, resolved
        as superseded. `off_session` a refusal leaves the invoice owed, like a renewal's. Only
        `succeeded` means money; the same key tells how the same payment stands later, and goes on
        where a crash stopped it.

        Args:
            key: Up to 180 characters.

        Raises:
            InvalidValue: the amount is not above zero.
            NotPossible: there is nothing to pay with, or the networks forbid it. Nothing is made.
            SettledByCredit: the customer's credit at the processor covered all of it.
            Unreachable, Busy: a step has no answer yet: the same key goes on.
        """
        self._alone("payments.charge")
        who, way = self._payer(customer, method)
        asked = {
            "customer": who,
            "amount": amount,
            "description": description,
            "method": way,
            "off_session": off_session,
        }
        subject = f"customer:{who}"
        if key is None:
            key = derived(self.office, CHARGE, who, subject, asked)
        name: dict[str, Any] = {
            "asked": asked, "customer": who, "subject": subject, "key": key,
        }  # fmt: skip
        over = self.office.ended(CHARGE, **name)
        if over is not None:
            return self.office.result_of(CHARGE, over)
        if not self._known(step(key, "invoice")):
            _refuse_hopeless(self.office, who, amount, way, off_session=off_session)
        bill = self._bill(who, amount, description, present=not off_session, key=key)
        try:
            _refuse_settled(bill, amount)
            paid = self._pay(bill, way, off_session=off_session, key=key)
        except (NotPossible, SettledByCredit) as why:
            no = Plan(refusal=why)
            return self.office.run(CHARGE, prepare=lambda _: no, **name)
        if paid.outcome not in _OVER:
            return paid
        return self.office.run(CHARGE, prepare=lambda _: Plan(result=paid), **name)

    @verb
    def intent(
        self, customer: Ref, amount: Money, *, description: str, key: str | None = None
    ) -> Intent:
        """
        Bill `amount` once, to be paid by the customer in the browser; return what it needs.

        The browser confirms with the action's client secret. What comes of it arrives as news:
        ask `invoices.get`. A refusal makes no debt; who does not come back owes an open invoice,
        which `invoices.void` takes back.

        Raises:
            InvalidValue: the amount is not above zero.
            NotPossible: the customer can not be billed.
        """
        self._alone("payments.intent")
        who, _ = self._payer(customer, None)
        asked = {"customer": who, "amount": amount, "description": description}
        subject = f"customer:{who}"
        if key is None:
            key = derived(self.office, INTENT, who, subject, asked)
        name: dict[str, Any] = {
            "asked": asked, "customer": who, "subject": subject, "key": key,
        }  # fmt: skip
        over = self.office.ended(INTENT, **name)
        if over is not None:
            return self.office.result_of(INTENT, over)
        bill = self._bill(who, amount, description, present=True, key=key)

        def prepare(recording: Recording) -> Plan:
            now = views.read_invoice(recording.connection, bill.id, now=recording.now)
            if now.outcome not in {Outcome.OPEN, Outcome.OVERDUE}:
                return Plan(result=Intent(now, None))
            return Plan(PreparePayment(now.processor_id), args={"invoice_id": now.id})

        return self.office.run(INTENT, prepare=prepare, **name)

    @verb
    def refund(
        self,
        payment: Ref,
        amount: Money | None = None,
        *,
        reason: Reason | None = None,
        key: str | None = None,
    ) -> Refund:
        """
        Give back `amount` of the payment, or all that is left of it.

        What refunds under way have promised is not there to be given twice.

        Raises:
            NotRefundable: less than that is left, nothing was taken, or a bank took it back.
            CurrencyMismatch: the payment was in another currency.
            Rejected: the processor refused. Nothing is held back any more.
        """
        with self.office.reading() as connection:
            found = views.read_payment(connection, payment)
        asked = {"payment": found.id, "amount": amount, "reason": reason}
        if amount is not None:
            above_zero(amount)

        def prepare(recording: Recording) -> Plan:
            now = views.read_payment(recording.connection, found.id)
            wanted = refundable(recording.connection, now, amount)
            request = CreateRefund(str(now.processor_id), wanted, reason)
            return Plan(request, args={"payment_id": now.id}, amount=wanted)

        return self.office.run(
            REFUND,
            asked=asked,
            prepare=prepare,
            customer=found.customer_id,
            subject=f"payment:{found.id}",
            key=key,
        )

    @verb
    def refunds(self, payment: Ref) -> tuple[Refund, ...]:
        """Return what was given back of the payment, by id; refunds that failed too."""
        with self.office.reading() as connection:
            return views.list_refunds(connection, views.read_payment(connection, payment).id)

    @verb
    def disputes(self, customer: Ref) -> tuple[Dispute, ...]:
        """Return what the customer's banks took back or may, by id; decided ones too."""
        with self.office.reading() as connection:
            who = views.read_customer(connection, customer)
            return views.list_disputes(connection, who.id)

    @verb
    def late(
        self, customer: Ref | None = None, *, after: int = 0, limit: int = 50
    ) -> tuple[LatePayment, ...]:
        """Return money that came when nothing was owed any more, and what becomes of it, by id."""
        with self.office.reading() as connection:
            who = None if customer is None else views.read_customer(connection, customer).id
            return views.list_late(connection, customer_id=who, after=after, limit=limit)

    def _alone(self, verb_name: str) -> None:
        if self.office.bound is not None:
            raise NotPossible(
                f"{verb_name} takes several steps, which a host's transaction can not hold: "
                "call it outside"
            )

    def _payer(self, customer: Ref, method: Ref | None) -> tuple[int, int | None]:
        with self.office.reading() as connection:
            who = views.read_customer(connection, customer).id
            return who, None if method is None else views.read_method(connection, method).id

    def _known(self, key: str) -> bool:
        with self.office.reading() as connection:
            return commands.by_key(connection, key) is not None

    def _bill(
        self, who: int, amount: Money, description: str, *, present: bool, key: str
    ) -> Invoice:
        above_zero(amount)
        return Invoices(self.office).create(
            who,
            (LineWanted(description, amount),),
            description=description,
            metadata=_ON_SESSION if present else {},
            key=step(key, "invoice"),
        )

    def _pay(self, bill: Invoice, way: int | None, *, off_session: bool, key: str) -> Payment:
        """Pay the invoice of a charge; without the money void it, unless nobody was there."""
        invoices = Invoices(self.office)
        try:
            paid = invoices.pay(
                bill.id,
                method=way,
                off_session=off_session,
                origin="operator" if off_session else "customer",
                key=step(key, "pay"),
            )
        except NotPossible:
            self._withdraw(bill, key)
            raise
        except InProgress as why:
            if not self._known(step(key, "void")):
                raise
            self._withdraw(bill, key)  # the call that was refused did not come to its end
            raise NotPossible(f"invoice {bill.id} can not be paid: {UNPAID}") from why
        if paid.outcome in _FAILED and not off_session:
            self._withdraw(bill, key)
        return paid

    def _withdraw(self, bill: Invoice, key: str) -> None:
        # One reason for all: the same step must be the same request, however often it is made.
        Invoices(self.office).withdraw(bill.id, reason=UNPAID, key=step(key, "void"))


def _refuse_hopeless(
    office: Office, who: int, amount: Money, way: int | None, *, off_session: bool
) -> None:
    """Say no before anything is made of what could not be tried anyway."""
    now = office.now()
    with office.reading() as connection:
        account = money.account(connection, who, now=now)
        paying.refuse_forbidden(
            account,
            paying.pretended(amount, now=now),
            paying.way_of(connection, account, way),
            now=now,
            by_customer=not off_session,
        )


def _refuse_settled(bill: Invoice, amount: Money) -> None:
    if bill.outcome == Outcome.RESOLVED:
        raise SettledByCredit(f"invoice {bill.id}: the customer's credit covered all {amount}")


def above_zero(amount: Money) -> None:
    if amount.minor <= 0:
        raise InvalidValue(f"expected an amount above zero, got {amount}")


def refundable(connection: Connection, payment: Payment, amount: Money | None) -> Money:
    """
    Return what is to be given back: `amount`, or all that is left.

    Raises:
        NotRefundable: less is left, or nothing.
        CurrencyMismatch: the payment was in another currency.
    """
    left = payment.refundable
    if amount is not None and amount.currency != left.currency:
        raise CurrencyMismatch(f"payment {payment.id} was in {left.currency}, not in {amount}")
    if not left:
        raise NotRefundable(f"payment {payment.id}: {_nothing_left(connection, payment)}")
    wanted = left if amount is None else amount
    if left < wanted:
        raise NotRefundable(f"payment {payment.id}: {left} remains to be given back, not {wanted}")
    return wanted


def _nothing_left(connection: Connection, payment: Payment) -> str:
    """Return why nothing of the payment can be given back."""
    if payment.outcome != Pay.SUCCEEDED:
        return f"it took no money, so there is nothing to give back: it is {payment.outcome}"
    for one in views.list_disputes(connection, payment.customer_id):
        if one.payment_id == payment.id and (one.open or one.lost):
            until = (
                "has taken back, until it is decided," if one.open else "has taken back for good"
            )
            return f"the bank {until} {one.amount} by the dispute {one.processor_id}"
    return f"all of its {payment.amount} has been given back, or is being"
