"""What scripts do to the fake: they play its customers, their banks and the back office."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from recoup.core.facts import PaymentFact
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus
from recoup.errors import Rejected
from recoup.processors.fake import billing, customers, idempotency, payments
from recoup.processors.fake.billing import retries
from recoup.processors.fake.desk import money
from recoup.processors.fake.desk.playing import Playing
from recoup.processors.fake.idempotency import Fault
from recoup.processors.fake.model import (
    Collection,
    Interval,
    Invoice,
    Price,
    Subscription,
    seconds,
    smallest,
)
from recoup.processors.fake.payers import Habit, Payer, Pays
from recoup.processors.fake.terms import Wanted
from recoup.processors.fake.world import NEWEST, START, World, micros


class Stage(Playing):
    """
    What a script does to the world: it plays the customers, the banks and the clock.

    Everything goes by id. Each call is one transaction; `batch()` makes many calls one.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        seed: int = 0,
        start: datetime | None = None,
        api_version: str = NEWEST,
    ) -> None:
        self._world = World(path, seed=seed, start=start or START, api_version=api_version)

    def close(self) -> None:
        """Let go of the file. An in-memory world is gone then."""
        self._world.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Make the calls inside one transaction, for speed; remote calls are refused in it."""
        with self._world.session():
            yield

    # -- customers and methods ------------------------------------------------------------

    def create_customer(
        self,
        *,
        email: str | None = None,
        name: str | None = None,
        country: str | None = None,
        locale: str | None = None,
        metadata: Mapping[str, str] | None = None,
        habits: tuple[Habit, ...] = (),
    ) -> str:
        """Create a customer; its currency is that of its first subscription."""
        with self._world.session() as s:
            return customers.create(
                s,
                email=email,
                name=name,
                country=country,
                locale=locale,
                metadata=dict(metadata or {}),
                habits=habits,
            ).id

    def change_customer(
        self, customer: str, *, email: str | None = None, name: str | None = None
    ) -> None:
        with self._world.session() as s:
            customers.change(s, customer, email=email, name=name)

    def delete_customer(self, customer: str) -> None:
        with self._world.session() as s:
            customers.delete(s, customer)

    def attach_method(
        self,
        customer: str,
        payer: Payer | None = None,
        *,
        kind: str = "card",
        brand: str = "visa",
        country: str | None = "US",
        expires: tuple[int, int] = (2049, 12),
        fingerprint: str | None = None,
        default: bool = True,
    ) -> str:
        """Give the customer a method that answers as `payer` (always pays); `default` uses it."""
        with self._world.session() as s:
            return customers.attach(
                s,
                customer,
                payer or Pays(),
                kind=kind,
                brand=brand,
                country=country,
                expires=expires,
                fingerprint=fingerprint,
                default=default,
            ).id

    def update_method(
        self,
        method: str,
        *,
        expires: tuple[int, int] | None = None,
        payer: Payer | None = None,
        fingerprint: str | None = None,
    ) -> None:
        """Change a card in place: a new expiry, another number, or another mood of its bank."""
        with self._world.session() as s:
            customers.update_method(
                s, method, expires=expires, payer=payer, fingerprint=fingerprint
            )

    def detach_method(self, method: str) -> None:
        with self._world.session() as s:
            customers.detach(s, method)

    # -- billing --------------------------------------------------------------------------

    def create_price(
        self, amount: Money, *, interval: Interval = "month", interval_count: int = 1
    ) -> str:
        """
        Create a price.

        Raises:
            Rejected: it is negative, or finer than Stripe takes this currency.
        """
        if amount.minor < 0 or amount.minor % smallest(amount.currency):
            raise Rejected(f"Invalid amount: {amount}")
        with self._world.session() as s:
            made = Price(
                id=s.new_id(Price),
                created=s.now,
                amount=amount.minor,
                currency=amount.currency,
                interval=interval,
                interval_count=interval_count,
            )
            return s.save(made).id

    def subscribe(
        self,
        customer: str,
        price: str,
        *,
        quantity: int = 1,
        trial: timedelta | None = None,
        anchor: datetime | None = None,
        collection: Collection = "charge_automatically",
        days_until_due: int = 30,
        method: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """
        Start a subscription; the customer is there and pays the first invoice at once.

        `anchor` (in the future, within the first period) shortens and prorates the first period.
        When the first payment is refused the subscription is incomplete, and over 23 h later.

        Raises:
            Rejected: nothing to pay with, or Stripe would not take an argument.
        """
        with self._world.session() as s:
            begun = billing.subscribe(
                s,
                customers.living(s, customer),
                [Wanted(price, quantity)],
                trial_end=None if trial is None else s.now + seconds(trial),
                anchor=None if anchor is None else micros(anchor) // 1_000_000,
                days_until_due=days_until_due if collection == "send_invoice" else None,
                method=method,
                metadata=dict(metadata or {}),
            )
            payments.begin(s, begun)
            return begun.id

    def cancel_at_period_end(self, subscription: str, *, comment: str | None = None) -> None:
        """Let the customer leave at the end of what is paid."""
        with self._world.session() as s:
            billing.leave(s, s.get(Subscription, subscription), comment)

    def void(self, invoice: str) -> None:
        with self._world.session() as s:
            billing.close(s, s.get(Invoice, invoice), InvoiceStatus.VOID)

    def mark_uncollectible(self, invoice: str) -> None:
        with self._world.session() as s:
            billing.close(s, s.get(Invoice, invoice), InvoiceStatus.UNCOLLECTIBLE)

    def mark_paid_out_of_band(self, invoice: str) -> None:
        with self._world.session() as s:
            billing.paid_elsewhere(s, s.get(Invoice, invoice))

    # -- money ----------------------------------------------------------------------------

    def customer_pays(self, invoice: str, method: str | None = None) -> PaymentFact:
        """Let the customer pay on the hosted page, with `method` or the default one."""
        with self._world.session() as s:
            done = payments.by_customer(s, invoice, method)
            return payments.fact(s, s.get(Invoice, invoice), done)

    def refund(self, charge: str, amount: Money | None = None) -> str:
        """Give back `amount`, or all that is left: never more than was captured."""
        with self._world.session() as s:
            return money.refund(s, charge, amount).id

    @property
    def retries_itself(self) -> bool:
        """Whether failed renewals are tried again by themselves."""
        with self._world.session() as s:
            return retries.setting(s) is not None

    def smart_retries(
        self,
        ends: retries.Ending = "cancel",
        *,
        tries: int = retries.MOST,
        within: timedelta = timedelta(days=14),
    ) -> None:
        """
        Let failed renewals be tried again by themselves from now on, up to `tries` times.

        What is left unpaid then ends the subscription, or makes it unpaid, or leaves it.

        Raises:
            Rejected: Stripe has no such setting.
        """
        with self._world.session() as s:
            retries.switch(s, retries.Retries(tries, seconds(within), ends))

    def add_fault(self, fault: Fault) -> None:
        """Have something go wrong with the next calls."""
        with self._world.session() as s:
            idempotency.add_fault(s, fault)
