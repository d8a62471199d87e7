"""
One random history: what happens to a small business at the processor, and what it asks us for.

    with opened(database_url, home, seed=7) as scene:
        history = History(scene, 7)
        history.play(60)
        history.rest()
        assert scene.violations() == ()

The dice are the seed's, time is simulated, so the same seed always gives the same history;
`history.steps` tells it. What holds after every step is checked after every step.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final, Literal, TypeVar

from recoup.core import states
from recoup.errors import CommandError, NotFound, ProcessorError, Rejected
from recoup.processors.fake import Fault, Payer
from recoup.processors.fake.model import Interval, Invoice
from recoup.testing.histories import payers
from recoup.testing.histories.banks import Banks
from recoup.testing.histories.gates import Gates
from recoup.testing.histories.hosts import Host
from recoup.testing.histories.operators import Operators
from recoup.testing.histories.watching import Watch
from recoup.testing.histories.wishes import Wishes
from recoup.testing.post import Post
from recoup.testing.scene import PRICE, Scene, Subscriber

_T = TypeVar("_T")
FaultKind = Literal["outage", "busy", "lost_reply", "error", "error_after"]

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
#: Most renew weekly, so that much fails in a short time; each debt lasts for weeks all the same.
_INTERVALS: Final[tuple[Interval, ...]] = ("week", "week", "month")
_FAULTS: Final[tuple[FaultKind, ...]] = ("outage", "busy", "lost_reply", "error", "error_after")
#: Enough for rare meetings, few enough that a step takes no time.
MOST: Final = 6


class History:
    """
    One history; each step is one random thing, and what follows from it.

    Args:
        scene: On an empty database, with a fake of its own.
        seed: Of the dice.
        prompt: Whether news comes at once; otherwise it comes late, twice and in any order.
    """

    def __init__(self, scene: Scene, seed: int, *, prompt: bool = False) -> None:
        self.steps: list[str] = []
        self._scene = scene
        self._fake = scene.fake
        self._dice = random.Random(f"history:{seed}")
        self._post = Post(scene, self._dice)
        if prompt:
            self._post.be_prompt()
        self._people: list[Subscriber] = []
        self._wishes = Wishes(scene, self._dice, self._people)
        self._gates = Gates(scene, self._dice, self._people, self._wishes)
        self._banks = Banks(scene, self._dice, self._people, self._wishes)
        self._operators = Operators(scene, self._dice, self._people, self._wishes)
        #: Two of three businesses have a system that follows; what it holds is looked at too.
        self.host = Host(scene, self._dice) if self._dice.random() < 0.67 else None
        self._watch = Watch(scene, prompt=prompt)
        self._post.look = self._watch.check
        self._keys = 0
        self._doings: tuple[tuple[int, Callable[[], str]], ...] = (
            (55, self._time_passes),
            (12, self._somebody_subscribes),
            (8, self._a_card_changes),
            (6, self._a_card_is_added),
            (2, self._a_card_is_removed),
            (8, self._somebody_pays),
            (3, partial(self._an_invoice_is_closed, "void")),
            (2, partial(self._an_invoice_is_closed, "mark_uncollectible")),
            (2, partial(self._an_invoice_is_closed, "mark_paid_out_of_band")),
            (3, self._money_is_given_back),
            (2, self._somebody_leaves),
            (1, self._somebody_is_deleted),
            *self._operators.doings(self._payer),
            *self._banks.doings(),
            (4, self._the_host_fails),
            (8, self._something_breaks),
            (4, self._the_engine_is_away),
            (16, self._somebody_begins),
            (14, self._wishes.change),
            (6, self._wishes.buy),
            (5, self._wishes.settle),
            (4, self._wishes.give_back),
            (4, self._wishes.arrange),
            (4, self._wishes.repeat),
            (3, lambda: self._gates.schedule(self._dice.choice(_INTERVALS))),
            (8, self._gates.offer),
            (6, lambda: self._gates.pay(self._payer())),
            (4, self._gates.slip),
            (2, self._gates.refuse),
        )

    def play(self, steps: int) -> None:
        """
        Let `steps` things happen.

        Raises:
            AssertionError: after one of them something that always holds did not.
        """
        for _ in range(steps):
            weights = [weight for weight, _ in self._doings]
            ((_, doing),) = self._dice.choices(self._doings, weights)
            try:
                told = doing()
            except (CommandError, ProcessorError, NotFound) as refusal:
                told = f"refused: {refusal}"
            self.steps.append(f"{len(self.steps) + 1:3} {self._scene.now:%m-%d %H:%M} {told}")
            self._post.settle()

    def rest(self, *, days: int = 3) -> None:
        """Let all news arrive, nothing more break, and some days pass."""
        with self._fake._world.session() as s:
            s.connection.execute("DELETE FROM faults")
        if self.host is not None:
            self.host.recover()
        self._operators.calm()
        self._post.be_prompt()
        for _ in range(days):
            self._live(DAY)
        self.steps.append(f"... and at rest on {self._scene.now:%m-%d %H:%M}")

    # -- what happens -----------------------------------------------------------------------

    def _time_passes(self) -> str:
        span = self._dice.choice((1, 5, 14, 24, 36, 48, 72)) * HOUR
        self._live(span)
        return f"{span} pass"

    def _somebody_subscribes(self) -> str:
        if len(self._people) >= MOST:
            return self._time_passes()
        payer, habits = self._payer(), payers.habits(self._dice)
        email = None if self._dice.random() < 0.1 else f"p{len(self._people)}@example.com"
        customer = self._fake.create_customer(
            email=email, name="Ada", country=self._dice.choice(("DE", "AT")), habits=habits
        )
        method = self._fake.attach_method(
            customer, brand=self._dice.choice(("visa", "mastercard"))
        )
        price = self._fake.create_price(PRICE, interval=self._dice.choice(_INTERVALS))
        subscription = self._fake.subscribe(customer, price)
        self._fake.update_method(method, payer=payer)
        self._people.append(Subscriber(customer, method, subscription))
        return f"{customer} subscribes, pays by {payer}, and does {habits}"

    def _somebody_begins(self) -> str:
        if len(self._people) >= MOST:
            return self._wishes.change()
        begin = self._dice.choice((self._wishes.begin, self._gates.begin))
        return begin(self._payer(), self._dice.choice(_INTERVALS))

    def _a_card_changes(self) -> str:
        who, payer = self._somebody(), self._payer()
        self._fake.update_method(who.method, payer=payer)
        return f"{who.method} becomes {payer}"

    def _a_card_is_added(self) -> str:
        who, payer = self._somebody(), self._payer()
        added = self._fake.attach_method(who.customer, payer)
        return f"{who.customer} adds {added}: {payer}"

    def _a_card_is_removed(self) -> str:
        who = self._somebody()
        self._fake.detach_method(who.method)
        return f"{who.method} is removed"

    def _somebody_pays(self) -> str:
        invoice = self._an_invoice()
        fact = self._fake.customer_pays(invoice.id)
        return f"{invoice.id} is paid by its customer: {fact.state}"

    def _an_invoice_is_closed(
        self, how: Literal["void", "mark_uncollectible", "mark_paid_out_of_band"]
    ) -> str:
        invoice = self._an_invoice()
        getattr(self._fake, how)(invoice.id)
        return f"{how} {invoice.id}"

    def _money_is_given_back(self) -> str:
        charges = [
            charge.id
            for invoice in self._invoices()
            for charge in self._fake.charges_of(invoice.id)
        ]
        charge = self._pick(charges)
        self._fake.refund(charge)
        return f"{charge} is refunded"

    def _somebody_leaves(self) -> str:
        who = self._somebody()
        if self._dice.random() < 0.5:
            self._fake.cancel_at_period_end(who.subscription)
            return f"{who.customer} leaves at the end of the period"
        self._keys += 1
        self._fake.cancel_subscription(who.subscription, reason="left", key=f"left {self._keys}")
        return f"{who.customer} leaves"

    def _somebody_is_deleted(self) -> str:
        who = self._somebody()
        self._fake.delete_customer(who.customer)
        return f"{who.customer} is deleted"

    def _something_breaks(self) -> str:
        kind = self._dice.choice(_FAULTS)
        until = None
        times: int | None = self._dice.randint(1, 3)
        if kind == "outage" and self._dice.random() < 0.5:
            times, until = None, self._scene.now + self._dice.randint(1, 60) * HOUR
        fault = Fault(kind, times=times, until=until)
        self._fake.add_fault(fault)
        return f"{fault}"

    def _the_host_fails(self) -> str:
        if self.host is None:
            raise Rejected("nobody follows")
        if self.host.well:
            return self.host.fail()
        self.host.recover()
        return "the host is there again"

    def _the_engine_is_away(self) -> str:
        span = self._dice.randint(1, 6) * DAY
        end = self._scene.now + span
        while (at := self._fake.next_event_at()) is not None and at < end:
            self._fake.advance(max(at, self._fake.now + HOUR))
        self._post.at(max(end, self._fake.now))
        return f"the engine is away for {span}"

    # -- who and what -----------------------------------------------------------------------

    def _live(self, span: timedelta) -> None:
        """Live on, stopping a few times on the way; the engine is busy at each stop."""
        end = self._scene.now + span
        while self._scene.now < end:
            self._post.at(min(self._scene.now + self._dice.randint(2, 12) * HOUR, end))

    def _somebody(self) -> Subscriber:
        return self._pick(self._people)

    def _invoices(self) -> list[Invoice]:
        return [i for who in self._people for i in self._fake.invoices_of(who.subscription)]

    def _an_invoice(self) -> Invoice:
        return self._pick([i for i in self._invoices() if states.is_owed(i.status)])

    def _pick(self, things: list[_T]) -> _T:
        if not things:
            raise Rejected("there is nothing to pick from")
        return self._dice.choice(things)

    def _payer(self) -> Payer:
        return payers.payer(self._dice, self._scene.now)
