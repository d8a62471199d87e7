"""What banks take back in a random history, and changes of plan that are not paid for."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from recoup.core.money import Money
from recoup.processors.fake import LOST, NO_FUNDS, Asks, Declines, books
from recoup.processors.fake.model import Charge, Dispute
from recoup.testing.histories.wishes import Wishes
from recoup.testing.scene import Scene, Subscriber

_T = TypeVar("_T")

_DEAR: Final = Money(19900, "EUR")


class Banks:
    """
    Disputes and refused upgrades; each method is one thing, and says what was.

    Args:
        scene: On an empty database.
        dice: Decides on everything.
        people: Who is there.
        wishes: How things are asked for.
    """

    def __init__(
        self, scene: Scene, dice: random.Random, people: list[Subscriber], wishes: Wishes
    ) -> None:
        self._scene = scene
        self._fake = scene.fake
        self._dice = dice
        self._people = people
        self._wishes = wishes

    def doings(self) -> tuple[tuple[int, Callable[[], str]], ...]:
        """Return everything that may happen, and how often of a hundred or so."""
        return (
            (4, self.dispute),
            (5, self.judge),
            (6, self.refuse_upgrade),
            (2, self.bill_usage),
        )

    def dispute(self) -> str:
        """A cardholder's bank takes a payment back, or a part of it."""
        charge = self._wishes.pick(self._all(Charge))
        part = None
        if self._dice.random() < 0.3 and charge.amount > 1:
            part = Money(self._dice.randint(1, charge.amount - 1), charge.currency)
        made = self._fake.open_dispute(charge.id, part)
        return f"{made} of {charge.id} is opened: {part or 'all of it'}"

    def judge(self) -> str:
        """A dispute is decided."""
        dispute = self._wishes.pick([one for one in self._all(Dispute) if one.open])
        won = self._dice.random() < 0.5
        self._fake.close_dispute(dispute.id, won=won)
        return f"{dispute.id} is {'won' if won else 'lost'}"

    def refuse_upgrade(self) -> str:
        """Somebody wants a dearer plan, and the bank of the card says no or asks."""
        who = self._wishes.pick(self._people)
        payer = self._dice.choice((Declines(NO_FUNDS), Declines(LOST), Asks()))
        price = self._wishes.price("week", _DEAR)
        self._fake.update_method(who.method, payer=payer)
        subscriptions = self._scene.recoup.subscriptions
        how: tuple[tuple[str, Callable[[], object]], ...] = (
            ("here", partial(self._wishes.ask, subscriptions.change_plan, who.subscription,
                             prices=price)),
            ("by another program", partial(self._fake.change_price, who.subscription, price)),
        )  # fmt: skip
        name, change = self._dice.choice(how)
        change()
        return f"{who.subscription} becomes {price} {name}, with {payer}"

    def bill_usage(self) -> str:
        """What was used beyond the plan is billed."""
        who = self._wishes.pick(self._people)
        price = self._wishes.price("week", Money(100, "EUR"))
        amount = Money(self._dice.randint(1, 9000), "EUR")
        bill = self._fake.bill_usage(who.subscription, price, amount)
        return f"{bill} bills {amount} that {who.customer} has used"

    def _all(self, kind: type[_T]) -> list[_T]:
        with self._fake._world.session() as s:
            return list(books.all_of(s.connection, kind))
