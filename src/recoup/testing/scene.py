"""
A whole Recoup in a test: real database, fake processor, simulated clock, mails in an outbox.

    with Scene.open(database_url, home) as scene:
        ada = scene.subscriber(payer=Broke(payday=...))
        scene.live(days=35)
        assert scene.standing(ada) == "current"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import text

from recoup.billing import Recoup
from recoup.config import Config
from recoup.core.billing.catalogue import Catalogue
from recoup.core.money import Money
from recoup.core.policy import Policies
from recoup.demo.pace import Pace
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import NEWEST, START, FakeProcessor, Habit, Payer, Pays
from recoup.processors.fake.idempotency import Watch
from recoup.store.database import reading
from recoup.store.invariants import Violation
from recoup.testing.mail import Outbox
from recoup.verification import verified

PRICE: Final = Money(4900, "EUR")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A customer of the fake with one card and one subscription; all ids are the processor's."""

    customer: str
    method: str
    subscription: str


class Scene:
    """Everything a story needs. Time moves only when told to."""

    def __init__(
        self, recoup: Recoup, fake: FakeProcessor, clock: TestClock, outbox: Outbox
    ) -> None:
        self.recoup = recoup
        self.fake = fake
        self.clock = clock
        self.outbox = outbox
        self.pace = Pace(recoup, fake, clock)

    @classmethod
    @contextmanager
    def open(
        cls,
        database_url: str,
        home: Path,
        *,
        seed: int = 0,
        start: datetime = START,
        api_version: str = NEWEST,
        policies: Policies | None = None,
        plans: Catalogue | None = None,
        books: Path | None = None,
        outbox: Outbox | None = None,
        watch: Watch = lambda _step, _key: None,
        **more: Any,
    ) -> Iterator[Self]:
        """
        Open a scene on an empty database.

        Args:
            books: Keeps the fake's world in this file.
            outbox: Takes the mails; a scripted one refuses some.
            watch: Told when the fake receives a request and when it has done it.
            more: Further settings.
        """
        home.mkdir(parents=True, exist_ok=True)
        clock, outbox = TestClock(start), outbox or Outbox()
        config = Config.load(database_url=database_url, home=home, **more)
        path = books or home / "books.sqlite3"
        with (
            FakeProcessor(
                path, seed=seed, start=start, api_version=api_version, watch=watch
            ) as fake,
            Recoup(
                config, processor=fake, sender=outbox, clock=clock, policies=policies, plans=plans
            ) as recoup,
        ):
            yield cls(recoup, fake, clock, outbox)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def subscriber(
        self,
        payer: Payer | None = None,
        *,
        price: Money = PRICE,
        habits: tuple[Habit, ...] = (),
        email: str | None = "ada@example.com",
        brand: str = "visa",
        country: str | None = None,
    ) -> Subscriber:
        """
        Sign somebody up now. The first payment works; `payer` answers from then on.

        Args:
            country: Of the customer and the card; by default Iceland, where clocks show UTC all
                year, so that it is day for both, and Germany.
        """
        customer = self.fake.create_customer(
            email=email, name="Ada Lovelace", country=country or "IS", habits=habits
        )
        method = self.fake.attach_method(customer, brand=brand, country=country or "DE")
        subscription = self.fake.subscribe(customer, self.fake.create_price(price))
        if payer is not None and not isinstance(payer, Pays):
            self.fake.update_method(method, payer=payer)
        self.pace.settle()
        return Subscriber(customer, method, subscription)

    def live(self, *, days: float = 0, hours: float = 0) -> None:
        """Let time pass, stopping wherever something happens."""
        self.pace.until(self.now + timedelta(days=days, hours=hours))

    def until_failed(self, who: Subscriber, *, within: int = 40) -> datetime:
        """Live on until a renewal of `who` has failed; return when it did."""
        end = self.now + timedelta(days=within)
        while self.now < end:
            self.pace.until(self.now + timedelta(hours=1))
            found = self.rows(
                "SELECT i.first_failed_at FROM invoices i JOIN subscriptions s "
                "ON s.id = i.subscription_id WHERE s.processor_id = :id "
                "AND i.first_failed_at IS NOT NULL ORDER BY 1 DESC LIMIT 1",
                id=who.subscription,
            )
            if found:
                failed: datetime = found[0]["first_failed_at"]
                return failed
        raise AssertionError(f"no renewal of {who.subscription} failed within {within} days")

    def rows(self, sql: str, **given: Any) -> list[Mapping[str, Any]]:
        """Return what a query finds, as mappings."""
        with reading(self.recoup.database) as connection:
            return [dict(row) for row in connection.execute(text(sql), given).mappings()]

    def customer_id(self, who: Subscriber) -> int:
        """Return our own id of the customer."""
        found = self.rows("SELECT id FROM customers WHERE processor_id = :id", id=who.customer)
        return int(found[0]["id"])

    def standing(self, who: Subscriber) -> str:
        """Return the customer's standing."""
        found = self.rows(
            "SELECT standing FROM standings WHERE customer_id = :id", id=self.customer_id(who)
        )
        return str(found[0]["standing"])

    def violations(self) -> tuple[Violation, ...]:
        """Return what must be true and is not, against the fake's books too."""
        return verified(self.recoup).violations
