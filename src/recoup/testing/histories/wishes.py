"""What people ask Recoup for in a random history: its verbs, in any order, and some again."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from recoup.core import states
from recoup.core.billing.views import Invoice, Payment, PaymentMethod, Subscription
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus
from recoup.errors import InvalidValue, Rejected
from recoup.processors.fake import Payer
from recoup.processors.fake.model import Interval
from recoup.testing.scene import PRICE, Scene, Subscriber

_T = TypeVar("_T")

_DEAR: Final = Money(9900, "EUR")
_SMALL: Final = Money(500, "EUR")
_COUPONS: Final = {"TENTH": 10, "HALF": 50}


class Wishes:
    """
    What is asked; each method is one thing, and says what was.

    Args:
        scene: On an empty database.
        dice: Decides on everything.
        people: Who is there; who begins is added.
    """

    def __init__(self, scene: Scene, dice: random.Random, people: list[Subscriber]) -> None:
        self._scene = scene
        self._fake = scene.fake
        self._dice = dice
        self._people = people
        self._asked: list[Callable[[], Any]] = []

    def begin(self, payer: Payer, interval: Interval) -> str:
        """Somebody new becomes a customer, brings a card and starts a subscription."""
        recoup, owner = self._scene.recoup, f"o{len(self._people)}"
        # An owner whose customer or card could not be had comes again at the next call.
        made = recoup.customers.get_or_create("user", owner, email=f"{owner}@example.com")
        method = self._fake.new_method(country="DE")
        recoup.methods.attach(made.id, method, default=True)
        coupon = self.coupon() if self._dice.random() < 0.4 else None
        begun = self.ask(
            recoup.subscriptions.start, made.id, self.price(interval), coupon=coupon
        ).subscription
        self._fake.update_method(method, payer=payer)
        self._people.append(Subscriber(str(made.processor_id), method, begun.processor_id))
        return f"{owner} starts {begun.processor_id} with {coupon}, pays by {payer}"

    def change(self) -> str:
        """Somebody changes a subscription, or its end."""
        subscriptions, now = self._scene.recoup.subscriptions, self.subscription()
        change = self._dice.choice(
            (
                partial(subscriptions.change_plan, prices=self.price("week", _DEAR)),
                partial(subscriptions.set_quantity, quantity=self._dice.randint(1, 4)),
                partial(
                    subscriptions.set_quantity,
                    quantity=self._dice.randint(1, 4),
                    when="period_end",
                ),
                partial(subscriptions.pause, behavior="void"),
                subscriptions.unpause,
                partial(subscriptions.cancel, when="period_end"),
                subscriptions.resume,
                subscriptions.resume,
                partial(subscriptions.cancel, when="now"),
                partial(subscriptions.apply_discount, coupon=self.coupon()),
                subscriptions.remove_discount,
            )
        )
        self.ask(change, now.id)
        return f"{now.processor_id}: {_named(change)}"

    def buy(self) -> str:
        """Somebody is charged at once, or is sent an invoice."""
        recoup, who = self._scene.recoup, self.pick(self._people).customer
        if self._dice.random() < 0.6:
            payment = self.ask(recoup.payments.charge, who, _SMALL, description="Book")
            return f"{who} is charged: {payment.outcome}"
        made = self.ask(recoup.invoices.create, who, [("Setup", _SMALL)])
        return f"{who} is billed with {made.processor_id}"

    def settle(self) -> str:
        """Somebody pays an invoice, or it is closed."""
        invoices = self._scene.recoup.invoices
        owed: list[Invoice] = [
            each for each in invoices.list(limit=500) if states.is_owed(InvoiceStatus(each.status))
        ]
        bill = self.pick(owed)
        deed = self._dice.choice(
            (
                invoices.pay,
                partial(invoices.pay, off_session=True),
                partial(invoices.void, reason="a mistake"),
                partial(invoices.forgive, reason="a kindness"),
                partial(invoices.mark_uncollectible, reason="in vain"),
                partial(invoices.mark_paid_out_of_band, reason="in cash"),
            )
        )
        self.ask(deed, bill.id)
        return f"{bill.processor_id}: {_named(deed)}"

    def give_back(self) -> str:
        """A part of a payment, or all of it, is given back."""
        payments = self._scene.recoup.payments
        taken: list[Payment] = [each for each in payments.list(limit=500) if each.refundable]
        paid = self.pick(taken)
        most = paid.refundable.minor
        amount = Money(self._dice.randint(1, most), paid.amount.currency)
        self.ask(payments.refund, paid.id, amount)
        return f"{amount} of payment {paid.id} is given back"

    def arrange(self) -> str:
        """Somebody brings a card, or takes one away."""
        methods, who = self._scene.recoup.methods, self.pick(self._people)
        if self._dice.random() < 0.7:
            name = self._fake.new_method(country="DE")
            self.ask(methods.attach, who.customer, name, default=self._dice.random() < 0.5)
            return f"{who.customer} attaches {name}"
        kept: Sequence[PaymentMethod] = methods.list(who.customer)
        gone = self.pick(kept)
        self.ask(methods.detach, gone.id)
        return f"{who.customer} detaches {gone.processor_id}"

    def repeat(self) -> str:
        """Somebody asks again, with the same key, for what was asked before."""
        again = self.pick(self._asked)
        try:
            again()
        except InvalidValue as late:  # it was refused at first, and its day is over by now
            raise Rejected(str(late)) from late
        return f"again: {_named(again)}"

    def ask(self, verb: Callable[..., _T], *given: Any, **how: Any) -> _T:
        """Ask with a key of its own, so that it can be asked again."""
        call = partial(verb, *given, **how, key=f"wish {len(self._asked)}")
        self._asked.append(call)
        return call()

    def price(self, interval: Interval, amount: Money = PRICE) -> str:
        """Return a new price."""
        return self._fake.create_price(amount, interval=interval)

    def coupon(self) -> str:
        """Return a coupon that is there."""
        name, percent = self._dice.choice(tuple(_COUPONS.items()))
        self._scene.recoup.coupons.create(
            name, percent_off=percent, duration="forever", key=f"coupon {name}"
        )
        return name

    def subscription(self) -> Subscription:
        """Return somebody's subscription, as it is here."""
        return self._scene.recoup.subscriptions.get(self.pick(self._people).subscription)

    def pick(self, things: Sequence[_T]) -> _T:
        """Return one of them; where there is none, nothing can be done."""
        if not things:
            raise Rejected("there is nothing to pick from")
        return self._dice.choice(things)


def _named(call: Any) -> str:
    """Return what is called and how, without its key."""
    if isinstance(call, partial):
        how = ", ".join(f"{name}={value}" for name, value in call.keywords.items())
        return f"{_named(call.func)}({', '.join(map(str, call.args))} {how})"
    return str(call.__name__)
