"""What a person does about bad debt: pays it, gives it up, or lets the customer off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection

from recoup.commands import giving_up, owing, paying
from recoup.commands.acting import REFUSED, reason_of
from recoup.commands.base import Kind, Office, Plan, Recording, Work
from recoup.commands.desk import Desk
from recoup.commands.filing import digest_of, own_key
from recoup.commands.following import step
from recoup.commands.giving_up import GivingUp
from recoup.commands.options import verb
from recoup.commands.owing import Wanted
from recoup.core.billing.answers import Answer
from recoup.core.billing.views import Pay, Payment
from recoup.core.dunning.acts import Acted
from recoup.core.dunning.views import BadDebt, DebtCharge, DebtPayment
from recoup.core.money import Money
from recoup.errors import AmountDiffers, CommandError, NotPossible, RecoupError
from recoup.store import debts, views
from recoup.store.records import commands
from recoup.store.views.reading import Ref


def _now(connection: Connection, kept: DebtPayment) -> DebtPayment:
    """Return how what was begun stands now: every charge that was made, and what came in."""
    charges = tuple(_charge(connection, kept.key, charge) for charge in kept.charges)
    paid = sum(c.amount.minor for c in charges if _succeeded(c.payment))
    return replace(kept, charges=charges, paid=Money(paid, kept.amount.currency))


def _charge(connection: Connection, key: str, charge: DebtCharge) -> DebtCharge:
    made = charge.payment.id if charge.payment is not None else None
    if made is None:
        found = commands.by_key(connection, _step(key, charge.invoice_id))
        made = int(found.result["id"]) if found is not None and found.result else None
    payment = None if made is None else views.read_payment(connection, made)
    return replace(charge, payment=payment)


def _never_asked(_work: Work, _answer: Answer) -> DebtPayment:
    """No processor is asked for all of it: each charge is an attempt of its own."""
    raise NotPossible("bad debt is paid by the effect collect")


PAY: Final = Kind("dunning.pay_bad_debt", DebtPayment, _never_asked, current=_now)
PAY_NEXT: Final = Kind(
    "dunning.pay_bad_debt_next", Payment, paying.never_asked, current=paying.payment_now
)

#: What a rehearsal says of a payment that was made before.
AGAIN: Final = "it is the payment that was made before: nothing more is charged"

KINDS: Final[Sequence[Kind[Any]]] = (PAY, PAY_NEXT, *giving_up.KINDS)


@dataclass(frozen=True, slots=True)
class Debts(Desk):
    """What a person may do about bad debt."""

    @verb
    def bad_debts(
        self,
        customer: Ref | None = None,
        *,
        over: bool = False,
        after: int = 0,
        limit: int = 50,
    ) -> tuple[BadDebt, ...]:
        """
        Return what is bad debt, by id, behind the id `after`: the customer's, or everybody's.

        Args:
            over: What has left it too, paid or not.
        """
        with self.office.reading() as connection:
            who = None if customer is None else views.read_customer(connection, customer).id
            return debts.list_debts(
                connection, customer_id=who, over=over, after=after, limit=limit
            )

    @verb
    def bad_debt(self, debt: int) -> BadDebt:
        """
        Return one stay of an obligation in bad debt.

        Raises:
            NotFound: there is none with this id.
        """
        with self.office.reading() as connection:
            return debts.read_debt(connection, debt)

    @verb
    def pay_bad_debt(
        self,
        customer: Ref,
        invoices: Sequence[Ref],
        *,
        method: Ref | None = None,
        expected_amount: Money | None = None,
        off_session: bool = False,
        reason: str | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> DebtPayment:
        """
        Charge what is owed of these invoices, which are bad debt, each once; return what came.

        Oldest first; the first that brings no money is the last that is tried. However often
        this is called while one is under way, or after it has brought money, it is the same
        payment; after a refusal it is a new one. A refusal changes nothing about the debt. What
        the customer must do (3-D Secure) is with the charge that waits for it.

        Args:
            method: What to pay with; the customer's default when not said.
            expected_amount: What the customer was shown. Another amount is refused.
            off_session: The customer is not there to authenticate.
            reason: Of an operator: why; it is kept with every charge, and with a refusal, which is
                on record then. It makes it no other payment.
            dry_run: Only say what would be charged and what would follow; nobody is asked.
            key: Up to 180 characters. Without one it is made of the invoices, and of how often
                paying them has failed.

        Raises:
            NothingNamed, UnknownInvoice, NotTheirInvoice: what is named can not be paid.
            NotBadDebt, DebtSettled, DebtInFlight, DebtForbidden: an invoice can not be, or not
                now; the text names it and says why. Nothing is charged.
            CurrencyMismatch: they are owed in several currencies.
            AmountDiffers: another amount is owed than expected; the text says both.
            TooManyTries: five payments of the customer's bad debt brought no money within the
                last hour.
            NotPossible: there is nothing to pay with.
            InProgress: another transaction holds the customer.
        """
        why = None if reason is None else reason_of(reason)
        wanted, key = self._wanted(customer, invoices, method, expected_amount, off_session, key)
        wanted = replace(wanted, why=why)
        if dry_run:
            return _rehearsed(self.office, wanted, key)
        made = _begun(self.office, wanted, key)
        if expected_amount is not None and made.amount != expected_amount:
            raise AmountDiffers(f"{made.amount} was owed, not {expected_amount}")
        made = _gone_on(self.office, made, wanted)
        return replace(made, charges=tuple(_with_action(self.office, c) for c in made.charges))

    @verb
    def write_off(
        self,
        customer: Ref,
        *,
        reason: str,
        case: int | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """
        Give up everything in default that a customer owes, or all of one case.

        Each invoice is marked uncollectible at the processor, and shown as resolved, "written
        off", never as paid. Money that comes for it later is income, and is recorded as that.

        Args:
            case: Our id of a case of theirs, that runs or is bad debt.
            dry_run: Only say what would follow, in words.

        Raises:
            NotPossible: nothing in default is owed. It is on record as refused.
            InProgress: a payment is under way. It is on record as refused.
        """
        with self.office.reading() as connection:
            who = views.read_customer(connection, customer).id
        subject = f"customer:{who}" if case is None else f"case:{case}"
        deed = GivingUp(self.office, giving_up.WRITE_OFF, who, reason, subject)
        choose = giving_up.all_in_default(who, case)
        return deed.done({"case": case}, choose, dry_run=dry_run, key=key)

    @verb
    def mark_uncollectible(
        self, invoice: Ref, *, reason: str, dry_run: bool = False, key: str | None = None
    ) -> Acted:
        """Give the money of one invoice up, in default or not: written off. As `write_off`."""
        return self._given_up(giving_up.UNCOLLECTIBLE, invoice, reason, dry_run=dry_run, key=key)

    @verb
    def forgive(
        self, invoice: Ref, *, reason: str, dry_run: bool = False, key: str | None = None
    ) -> Acted:
        """Let the customer off one invoice: resolved, "forgiven". Otherwise as `write_off`."""
        return self._given_up(giving_up.FORGIVE, invoice, reason, dry_run=dry_run, key=key)

    def _given_up(
        self, way: giving_up.Way, invoice: Ref, reason: str, *, dry_run: bool, key: str | None
    ) -> Acted:
        with self.office.reading() as connection:
            found = views.read_invoice(connection, invoice, now=self.office.now())
        deed = GivingUp(
            self.office, way, found.customer_id, reason, f"invoice:{found.id}", invoice=found.id
        )
        choose = giving_up.one(found.id)
        return deed.done({"invoice": found.id}, choose, dry_run=dry_run, key=key)

    def _wanted(
        self,
        customer: Ref,
        invoices: Sequence[Ref],
        method: Ref | None,
        expected: Money | None,
        off_session: bool,
        key: str | None,
    ) -> tuple[Wanted, str]:
        """Return what is wanted by our own ids, and the key: the caller's, or its identity."""
        if self.office.bound is not None:
            raise NotPossible(
                "dunning.pay_bad_debt takes several steps, which a host's transaction can not "
                "hold: call it outside"
            )
        now = self.office.now()
        with self.office.reading() as connection:
            who = views.read_customer(connection, customer).id
            named = owing.resolved(connection, who, invoices, now=now)
            way = _way(connection, who, method)
            entries, refused = debts.identity(connection, named)
        wanted = Wanted(who, named, way, off_session, expected)
        if key is None:
            digest = digest_of(PAY.name, who, f"customer:{who}", [_asked(wanted), entries])
            key = own_key(PAY.name, f"customer:{who}", digest, refused)
        _step(key, named[0])  # there must be room for the steps
        return wanted, key


def _way(connection: Connection, who: int, method: Ref | None) -> int | None:
    """Return our id of the method that is named, or of the default, if there is one."""
    if method is not None:
        return paying.method_of(connection, who, method).id
    default = (m.id for m in views.list_methods(connection, who) if m.default)
    return next(default, None)


def _asked(wanted: Wanted) -> dict[str, Any]:
    """Return what is asked: what the caller expects of the amount makes it no other payment."""
    return {
        "invoices": sorted(wanted.invoices),
        "method": wanted.method,
        "off_session": wanted.off_session,
    }


def _rehearsed(office: Office, wanted: Wanted, key: str) -> DebtPayment:
    """Return what would be charged; of a payment that was made before, how it stands."""
    whose = f"customer:{wanted.customer}"
    kept = office.ended(
        PAY, asked=_asked(wanted), customer=wanted.customer, subject=whose, key=key
    )
    if kept is not None:
        return replace(office.result_of(PAY, kept), dry_run=True, changes=(AGAIN,))
    book, now = office.engine, office.now()
    with office.reading() as connection:
        return owing.rehearsed(connection, wanted, key=key, book=book, now=now)


def _begun(office: Office, wanted: Wanted, key: str) -> DebtPayment:
    """Make the first charge. What an operator is refused is on record, and the key stays free."""
    refused: list[RecoupError] = []

    def prepare(recording: Recording) -> Plan:
        try:
            return owing.begun(recording, wanted, key=key)
        except REFUSED as error:
            refused.append(error)
            raise

    asked = _asked(wanted)
    try:
        return office.run(PAY, asked=asked, prepare=prepare, customer=wanted.customer, key=key)
    except REFUSED:
        if wanted.why is not None and refused:
            plan = Plan(refusal=refused[0], args=wanted.args)
            office.run(PAY, asked=asked, prepare=lambda _: plan, customer=wanted.customer)
        raise


def _gone_on(office: Office, made: DebtPayment, wanted: Wanted) -> DebtPayment:
    """
    Make the other charges, one after the other, while each brings its money.

    What was made before is the same step again: it is only seen to its end.
    """
    charges = list(made.charges)
    for place, charge in enumerate(charges[1:], start=1):
        if not _succeeded(charges[place - 1].payment):
            break
        one = replace(wanted, invoices=(charge.invoice_id,), expected=None)
        try:
            payment = _next(office, made.key, charge, one)
        except (CommandError, LookupError) as problem:
            # Money has come for those before it, so what is not possible any more is told.
            charges[place] = replace(charge, refused=str(problem))
            break
        charges[place] = replace(charge, payment=payment)
    paid = sum(c.amount.minor for c in charges if _succeeded(c.payment))
    return replace(made, charges=tuple(charges), paid=Money(paid, made.amount.currency))


def _next(office: Office, key: str, charge: DebtCharge, wanted: Wanted) -> Payment:
    def prepare(recording: Recording) -> Plan:
        return owing.gone_on(recording, charge, wanted)

    return office.run(
        PAY_NEXT,
        asked=_asked(wanted) | {"amount": charge.amount},
        prepare=prepare,
        customer=wanted.customer,
        subject=f"invoice:{charge.invoice_id}",
        key=_step(key, charge.invoice_id),
    )


def _step(key: str, invoice_id: int) -> str:
    return step(key, f"invoice:{invoice_id}")


def _succeeded(payment: Payment | None) -> bool:
    return payment is not None and payment.outcome is Pay.SUCCEEDED


def _with_action(office: Office, charge: DebtCharge) -> DebtCharge:
    if charge.payment is None:
        return charge
    return replace(charge, payment=paying.with_action(office, charge.payment))
