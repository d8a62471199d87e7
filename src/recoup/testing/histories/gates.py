"""What waits for its payment in a random history: starts, offers, and money that comes late."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial
from typing import Final, Literal

from recoup.core import states
from recoup.core.activation import PaymentGate
from recoup.core.money import Money
from recoup.errors import Rejected
from recoup.processors.fake import Payer
from recoup.processors.fake.model import Interval
from recoup.testing.histories.wishes import Wishes
from recoup.testing.scene import Scene, Subscriber

HOUR: Final = timedelta(hours=1)
_DEAR: Final = Money(9900, "EUR")

_WAITING: Final = """
    SELECT i.processor_id FROM gates g JOIN invoices i ON i.id = g.invoice_id
    WHERE g.status = 'pending' ORDER BY g.id"""
_DEAD: Final = """
    SELECT i.processor_id FROM gates g JOIN invoices i ON i.id = g.invoice_id
    WHERE g.status IN ('failed', 'expired') ORDER BY g.id"""


class Gates:
    """
    What is asked for with a gate, and what banks do about it; each method is one thing.

    Args:
        scene: On an empty database.
        dice: Decides on everything.
        people: Who is there; who begins is added.
        wishes: How things are asked for, so that they can be asked for again.
    """

    def __init__(
        self, scene: Scene, dice: random.Random, people: list[Subscriber], wishes: Wishes
    ) -> None:
        self._scene = scene
        self._fake = scene.fake
        self._dice = dice
        self._people = people
        self._wishes = wishes

    def begin(self, payer: Payer, interval: Interval) -> str:
        """Somebody new starts a subscription that waits for its first payment."""
        recoup, owner = self._scene.recoup, f"g{len(self._people)}"
        made = recoup.customers.get_or_create("user", owner, email=f"{owner}@example.com")
        method = self._fake.new_method(payer, country="DE")
        recoup.methods.attach(made.id, method, default=True)
        coupon = self._wishes.coupon() if self._dice.random() < 0.4 else None
        gate = self._gate()
        begun = self._wishes.ask(
            recoup.subscriptions.start,
            made.id,
            self._wishes.price(interval),
            coupon=coupon,
            gate=gate,
        )
        name = begun.subscription.processor_id
        self._people.append(Subscriber(str(made.processor_id), method, name))
        return f"{owner} starts {name} with {coupon}, {gate}, pays by {payer}: {begun.outcome}"

    def schedule(self, interval: Interval) -> str:
        """Somebody will start one more, or a start that is to come is taken back or let go."""
        subscriptions = self._scene.recoup.subscriptions
        coming = subscriptions.scheduled(limit=500)
        if coming and self._dice.random() < 0.4:
            deed = self._dice.choice((subscriptions.call_off, subscriptions.remove_gate))
            one = self._wishes.pick(coming)
            self._wishes.ask(deed, one.id)
            return f"{deed.__name__}({one.id})"
        who = self._wishes.pick(self._people)
        day = self._scene.now + self._dice.randint(2, 120) * HOUR
        gate = self._gate() if self._dice.random() < 0.8 else None
        made = self._wishes.ask(
            subscriptions.schedule, who.customer, self._wishes.price(interval), day, gate=gate
        )
        return f"{who.customer} will start {made.id} on {day:%m-%d %H:%M}, {gate}"

    def offer(self) -> str:
        """Somebody is offered a change that waits for its payment, or an offer is withdrawn."""
        subscriptions, now = self._scene.recoup.subscriptions, self._wishes.subscription()
        if self._dice.random() < 0.25:
            after = self._wishes.ask(subscriptions.withdraw_offer, now.id)
            return f"{now.processor_id}: withdraw_offer, {after.gate}"
        when: Literal["now", "period_end"] = self._dice.choice(("now", "now", "period_end"))
        gate = self._gate()
        change = partial(subscriptions.change_plan, when=when, gate=gate)
        price = self._wishes.price("week", self._dice.choice((_DEAR, Money(900, "EUR"))))
        self._wishes.ask(change, now.id, prices=price)
        return f"{now.processor_id}: offered {price} at {when}, {gate}"

    def pay(self, payer: Payer) -> str:
        """Somebody pays what waits, with a card of the moment or the usual one."""
        invoice = self._wishes.pick(self._named(_WAITING))
        method = None
        if self._dice.random() < 0.6:
            method = self._fake.attach_method(self._fake.invoice(invoice).customer, payer)
        fact = self._fake.customer_pays(invoice, method)
        return (
            f"{invoice}, which waits, is paid by {payer if method else 'the usual'}: {fact.state}"
        )

    def slip(self) -> str:
        """A bank takes the money for what is over already, once."""
        invoice = self._wishes.pick(self._named(_DEAD))
        if any(states.succeeded(charge.state) for charge in self._fake.charges_of(invoice)):
            raise Rejected(f"{invoice} was paid already")
        return f"{invoice} is paid when it is over: {self._fake.pay_anyway(invoice)}"

    def refuse(self) -> str:
        """Refunds to somebody's card are refused, sent back later, or arrive again."""
        who = self._wishes.pick(self._people)
        refused, after = self._dice.choice(
            ((True, None), (False, timedelta(days=2)), (False, None), (False, None))
        )
        self._fake.refunds_to(who.method, refused=refused, sent_back_after=after)
        return f"refunds to {who.method}: refused {refused}, sent back after {after}"

    def _named(self, sql: str) -> list[str]:
        return [str(row["processor_id"]) for row in self._scene.rows(sql)]

    def _gate(self) -> PaymentGate:
        return PaymentGate(
            timeout=self._dice.choice((1, 5, 23, 23, 72, 200)) * HOUR,
            tries=self._dice.choice((None, None, 1, 2, 3)),
            late=self._dice.choice(("refund", "refund", "reactivate")),
        )
