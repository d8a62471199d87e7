"""Customers in bad debt: renewals that were refused until the ladder's end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from recoup.processors.fake.payers import NO_FUNDS, Asks, Declines, Pays
from recoup.testing.scene import Scene, Subscriber


@dataclass(frozen=True)
class Debtor:
    """Somebody in bad debt, by our ids; the oldest invoice first."""

    scene: Scene
    who: Subscriber
    id: int
    invoices: tuple[int, ...]

    @property
    def dunning(self) -> Any:
        return self.scene.recoup.dunning

    def pay(self, *invoices: int, **more: Any) -> Any:
        """Pay these, or everything."""
        return self.dunning.pay_bad_debt(self.id, invoices or self.invoices, **more)

    def with_money(self) -> None:
        self.scene.fake.update_method(self.who.method, payer=Pays())

    def with_a_bank_that_asks(self) -> None:
        self.scene.fake.update_method(self.who.method, payer=Asks())

    def left(self) -> list[str | None]:
        """How each left bad debt, None while it has not, by id."""
        return [one.exited_as for one in self.dunning.bad_debts(self.id, over=True)]

    def charged(self) -> int:
        """How much the processor took for what is bad debt, by its own books."""
        names = {
            row["processor_id"]
            for row in self.scene.rows("SELECT i.processor_id FROM debts d "
                                       "JOIN invoices i ON i.id = d.invoice_id")
        }  # fmt: skip
        books = self.scene.fake.books().captured
        return sum(money.minor for name, money in books.items() if name in names)


def in_bad_debt(scene: Scene, *, days: int = 75) -> Debtor:
    """Sign somebody up and refuse every renewal; after 75 days two invoices are bad debt."""
    who = scene.subscriber(payer=Declines(NO_FUNDS))
    scene.live(days=days)
    id = scene.customer_id(who)
    found = scene.recoup.dunning.bad_debts(id)
    assert found
    assert scene.standing(who) == "bad_debt"
    return Debtor(scene, who, id, tuple(one.invoice_id for one in found))
