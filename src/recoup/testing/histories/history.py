"""
One random history: what happens to a small business at the processor, and what it asks us for.

    with Scene.open(database_url, home, seed=7) as scene:
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
from recoup.processors.fake import (
    EXPIRED,
    LOST,
    Asks,
    Broke,
    Declines,
    Fault,
    Habit,
    Payer,
    Pays,
    Refusal,
    Slow,
    Sometimes,
)
from recoup.processors.fake.model import Interval, Invoice
from recoup.store import observe, tables
from recoup.store.writer import Writer
from recoup.testing.histories.gates import Gates
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

_MOODY: Final = Refusal("do_not_honor", network_decline_code="05")
_DOWN: Final = Refusal("processing_error", network_decline_code="96")
_LEFT: Final = Refusal("revocation_of_authorization", "do_not_try_again", "R1", "21")
_UNHEARD_OF: Final = Refusal("a_code_of_tomorrow")


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
        self._keys = 0
        self._doings: tuple[tuple[int, Callable[[], str]], ...] = (
            (40, self._time_passes),
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
            (3, self._dunning_is_held),
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
        payer, habits = self._payer(), self._habits()
        email = None if self._dice.random() < 0.1 else f"p{len(self._people)}@example.com"
        customer = self._fake.create_customer(email=email, name="Ada", country="DE", habits=habits)
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

    def _dunning_is_held(self) -> str:
        who, span = self._somebody(), self._dice.randint(6, 9 * 24) * HOUR
        now = self._scene.now
        known = self._scene.rows(
            "SELECT id FROM customers WHERE processor_id = :id", id=who.customer
        )
        ids = [int(row["id"]) for row in known]
        if not ids:
            raise Rejected(f"nobody here has heard of {who.customer}")
        with self._scene.recoup.database.begin() as connection:
            observe.lock(connection, ids)
            writer = Writer(connection, now=now, actor="a person", cause="history")
            hold = {"customer_id": ids[0], "reason": "a talk", "actor": "a person"}
            writer.insert(tables.holds, hold | {"since": now, "until": now + span})
            writer.flush()
        self._scene.recoup.recompute(ids, trigger="operator")
        return f"dunning of {who.customer} is held for {span}"

    def _something_breaks(self) -> str:
        kind = self._dice.choice(_FAULTS)
        until = None
        times: int | None = self._dice.randint(1, 3)
        if kind == "outage" and self._dice.random() < 0.5:
            times, until = None, self._scene.now + self._dice.randint(1, 60) * HOUR
        fault = Fault(kind, times=times, until=until)
        self._fake.add_fault(fault)
        return f"{fault}"

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
        dice = self._dice
        wave = dice.randint(1, 3)
        payday = self._scene.now + dice.randint(0, 27) * DAY
        return dice.choice(
            (
                Pays(),
                Pays(),
                Broke(payday=payday, lasts=dice.randint(1, 14) * DAY),
                Broke(payday=payday, lasts=dice.randint(1, 14) * DAY),
                Sometimes(600, _MOODY),
                Declines(EXPIRED),
                Declines(LOST),
                Declines(_LEFT),
                Declines(_UNHEARD_OF, wave),
                Declines(_DOWN, wave),
                Asks(declines=dice.random() < 0.5),
                Slow(takes=dice.randint(1, 9) * DAY),
                Slow(takes=dice.randint(1, 9) * DAY, fails=_MOODY, then=Pays()),
            )
        )

    def _habits(self) -> tuple[Habit, ...]:
        after = self._dice.randint(1, 500) * HOUR
        return self._dice.choice(
            (
                (),
                (),
                (Habit(after, "pay"),),
                (Habit(after, "replace_method"),),
                (Habit(after, "cancel"),),
            )
        )
