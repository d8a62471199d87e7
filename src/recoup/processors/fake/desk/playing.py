"""What scripts play of a customer in the browser, and of the customer's bank."""

from __future__ import annotations

from datetime import timedelta

from recoup.core import states
from recoup.core.billing.requests import ChangeSubscription, ItemChange
from recoup.core.money import Money
from recoup.errors import Rejected
from recoup.processors.fake import billing, customers, payments, shapes
from recoup.processors.fake.desk import changing, methods, money
from recoup.processors.fake.model import (
    Customer,
    Instrument,
    Intent,
    Invoice,
    Method,
    SetupIntent,
    Subscription,
)
from recoup.processors.fake.payers import Payer, Pays, Refunds
from recoup.processors.fake.world import Session, World


def habit(s: Session, subject: str) -> None:
    """Let a customer do what it does some time after a failure, if the invoice is still open."""
    invoice_id, _, number = subject.partition(" ")
    invoice = s.get(Invoice, invoice_id)
    owner = s.get(Customer, invoice.customer)
    if owner.deleted or not states.is_owed(invoice.status):
        return
    doing = owner.habits[int(number)]
    if doing.does == "replace_method":
        customers.attach(
            s,
            owner.id,
            doing.payer,
            kind="card",
            brand="visa",
            country=owner.country,
            expires=(2049, 12),
            fingerprint=None,
            default=True,
        )
    elif doing.does == "pay":
        try:
            payments.by_customer(s, invoice_id, None)
        except Rejected:
            return  # the page says so to the customer, and nothing happens
    elif invoice.subscription is not None:
        sub = s.get(Subscription, invoice.subscription)
        if not states.has_ended(sub.status):
            billing.end(s, sub, reason="cancellation_requested", comment=None)


class Playing:
    """A part of `Stage`: 3-D Secure, payments and methods of the browser, disputes."""

    _world: World

    def new_method(
        self,
        payer: Payer | None = None,
        *,
        kind: str = "card",
        brand: str = "visa",
        country: str | None = "US",
        expires: tuple[int, int] = (2049, 12),
        fingerprint: str | None = None,
    ) -> str:
        """Make a method of nobody's, as the browser hands it to the host."""
        with self._world.session() as s:
            return customers.new_method(
                s,
                payer or Pays(),
                kind=kind,
                brand=brand,
                country=country,
                expires=expires,
                fingerprint=fingerprint,
            ).id

    def customer_authenticates(self, intent: str, *, ok: bool = True) -> str:
        """
        Let the customer pass, or fail, the challenge of a payment or setup intent.

        Returns the intent's status afterwards, in Stripe's word.
        """
        with self._world.session() as s:
            if intent.startswith("seti_"):
                setup = s.get(SetupIntent, intent)
                methods.authenticate(s, setup, ok=ok)
                return shapes.setup_status(setup)
            payment = s.get(Intent, intent)
            payments.authenticate(s, payment, ok=ok)
            return payment.status

    def customer_confirms(self, intent: str, method: str) -> str:
        """
        Let the customer confirm a payment or setup intent in the browser, with `method`.

        Returns its status, in Stripe's word: `requires_action` when the bank wants a challenge,
        which is then `customer_authenticates`.
        """
        with self._world.session() as s:
            if intent.startswith("seti_"):
                setup = s.get(SetupIntent, intent)
                methods.confirm(s, setup, method)
                return shapes.setup_status(setup)
            payment = s.get(Intent, intent)
            money.confirm(s, payment, method)
            return payment.status

    def pay_anyway(self, invoice: str, method: str | None = None) -> str:
        """
        Let money come for an invoice that is void, closed, or paid already; return the charge.

        So it goes when a bank had taken it before it heard that nobody wanted it any more.
        """
        with self._world.session() as s:
            return money.pay_anyway(s, invoice, method).id

    def refunds_to(
        self, method: str, *, refused: bool = False, sent_back_after: timedelta | None = None
    ) -> None:
        """Let refunds to a method be refused, or sent back a while after; or arrive again."""
        with self._world.session() as s:
            account = s.get(Instrument, s.get(Method, method).instrument)
            account.refunds = Refunds(refused, sent_back_after)
            s.save(account)

    def send_back(self, refund: str) -> None:
        """Let the bank send a refund back now: it has failed."""
        with self._world.session() as s:
            money.send_back(s, refund)

    def open_dispute(self, charge: str, amount: Money | None = None) -> str:
        """Let the cardholder's bank take back `amount`, or all that is left of the charge."""
        with self._world.session() as s:
            return money.open_dispute(s, charge, amount).id

    def close_dispute(self, dispute: str, *, won: bool) -> None:
        """Let the bank decide the dispute; the money comes back when it is `won`."""
        with self._world.session() as s:
            money.close_dispute(s, dispute, won=won)

    # -- what is bought ---------------------------------------------------------------

    def bill_usage(self, subscription: str, price: str, amount: Money) -> str:
        """
        Bill what was used beyond the plan before the period is over, for `price`, an hour from
        now; return the invoice.
        """
        with self._world.session() as s:
            return billing.bill_usage(s, s.get(Subscription, subscription), price, amount).id

    def change_price(self, subscription: str, price: str) -> str:
        """
        Change the first item at once, whether that is paid or not, as somebody does who is not
        Recoup; return the bill.
        """
        with self._world.session() as s:
            (first, *_) = s.get(Subscription, subscription).items
            to = ItemChange(first.id, price)
            made = changing.change_anyway(
                s, ChangeSubscription(subscription, (to,), proration="invoice_now")
            )
            if made is None:
                raise Rejected("nothing is billed for that")
            return made.id
