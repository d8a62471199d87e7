"""A fake of its own for every test, and one way to bring an invoice into debt."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta

import pytest

from recoup.core import states
from recoup.core.billing.requests import (
    ChangeSubscription,
    CreateInvoice,
    ItemChange,
    ItemWanted,
    LineWanted,
    PreparePayment,
    StartSubscription,
)
from recoup.core.facts import SubscriptionFact
from recoup.core.money import Money
from recoup.errors import Rejected
from recoup.processors.fake import NO_FUNDS, Declines, FakeProcessor, Pays
from recoup.processors.fake.books import all_of
from recoup.processors.fake.model import Charge, Customer, Invoice

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TEN = Money(1000, "EUR")


class Town:
    """A fake with a price of 29 euros, and people in it."""

    def __init__(self, fake):
        self.fake = fake
        self.price = fake.create_price(Money(2900, "EUR"))

    def subscriber(self, payer=None, **how):
        """Return (subscription, method) of somebody new, who pays the first invoice."""
        habits = how.pop("habits", ())
        customer = self.fake.create_customer(email="ann@example.com", habits=habits)
        method = self.fake.attach_method(customer, **how)
        subscription = self.fake.subscribe(customer, self.price)
        if payer is not None:
            self.fake.update_method(method, payer=payer)
        return subscription, method

    def debt(self, then=None, **how):
        """Return (invoice, subscription, method) after a renewal of 1 February that failed."""
        subscription, method = self.subscriber(Declines(NO_FUNDS, 1, then or Pays()), **how)
        self.wait(31 * DAY + HOUR)
        return self.fake.subscription(subscription).latest_invoice, subscription, method

    def wait(self, span):
        self.fake.advance(self.fake.now + span)

    def seen(self):
        """Return how many events there are, and what the books hold."""
        return len(self.fake.events(limit=100_000)), self.fake.books()

    def last(self):
        """Return the newest event."""
        return self.events()[-1]

    def events(self, after=0):
        """Return all events after the number, decoded."""
        return [json.loads(body) for _, body in self.fake.events(after, limit=100_000)]

    def told(self, after=0):
        """Return the types of all events after the number."""
        return [event["type"] for event in self.events(after)]

    @contextmanager
    def unchanged(self, why, error=Rejected):
        """Expect a refusal that says why, and that leaves the world as it was."""
        before = self.seen()
        with pytest.raises(error, match=why):
            yield
        assert self.seen() == before


@pytest.fixture
def town():
    with FakeProcessor(":memory:") as fake:
        yield Town(fake)


@pytest.fixture
def ask(town):
    """Ask the fake, each time with a key of its own unless one is given."""
    count = iter(range(1_000))

    def one(request, *, key=None):
        return town.fake.ask(request, key=key or f"ask:{next(count)}")

    return one


class Till:
    """Invoices of ten euros, of customers whose card answers as it is told."""

    def __init__(self, town, ask):
        self.town, self.fake, self.ask = town, town.fake, ask

    def invoice(self, payer=None, *, amount=TEN, **how):
        """Return (invoice, payment intent, method) of somebody new."""
        customer = self.fake.create_customer(email="ann@example.com")
        method = self.fake.attach_method(customer, payer, **how)
        made = self.ask(CreateInvoice(customer, (LineWanted("Ten", amount),)))
        return made.object, self.ask(PreparePayment(made.object)).object, method

    def pay(self, invoice, key="k1", method=None):
        return self.fake.pay_invoice(invoice, method=method, key=key, off_session=False)

    def charge(self, **how):
        """Return (charge, invoice) of ten euros that were paid."""
        invoice, _, _ = self.invoice(**how)
        return self.pay(invoice, key=f"pay:{invoice}").processor_id, invoice

    def cash(self, currency="EUR"):
        return self.fake.books().balances["cash", currency]

    def facts(self, kind):
        read = (self.fake.read(event) for event in self.town.events())
        return [fact for reading in read for fact in reading.facts if isinstance(fact, kind)]


@pytest.fixture
def till(town, ask):
    return Till(town, ask)


class Host:
    """Somebody who asks the fake, each time with a key of its own."""

    def __init__(self, town):
        self.fake, self.price, self.wait = town.fake, town.price, town.wait
        self.asked = 0

    def ask(self, request):
        self.asked += 1
        return self.fake.ask(request, key=f"recoup:{self.asked}")

    def customer(self, payer=None):
        customer = self.fake.create_customer(email="ada@example.com")
        self.fake.attach_method(customer, payer)
        return customer

    def start(self, *items, payer=None, **how):
        wanted = items or (ItemWanted(self.price),)
        return self.ask(StartSubscription(self.customer(payer), wanted, **how))

    def sub(self, answer):
        return self.fake.subscription(answer.object)

    def invoices(self, answer):
        return self.fake.invoices_of(answer.object)

    def change(self, answer, *items, **how):
        """Change its first item, when an item is (price, quantity), or what is said of others."""
        wanted = tuple(
            one if isinstance(one, ItemChange) else ItemChange(self.item(answer).id, *one)
            for one in items
        )
        return ChangeSubscription(answer.object, wanted, **how)

    def item(self, answer):
        return self.sub(answer).items[0]

    @staticmethod
    def newest(answer):
        """Return the newest that an answer says about a subscription."""
        return [fact for fact in answer.facts if isinstance(fact, SubscriptionFact)][-1]


@pytest.fixture
def host(town):
    return Host(town)


def everything(fake, kind):
    """Return all that the world has of one kind."""
    with fake._world.reading() as connection:
        return list(all_of(connection, kind))


@pytest.fixture
def books_agree(town):
    """After the test: the books say of owed, taken and given money what the things do."""
    yield
    books = town.fake.books()
    charges = [one for one in everything(town.fake, Charge) if states.succeeded(one.state)]
    invoices = everything(town.fake, Invoice)
    taken = sum(charge.amount for charge in charges)
    given = sum(charge.refunded for charge in charges)
    owed = sum(one.remaining for one in invoices if states.is_owed(one.status))
    for_nothing = taken - sum(invoice.paid for invoice in invoices)
    credit = sum(customer.credit for customer in everything(town.fake, Customer))
    held = {account: minor for (account, _), minor in books.balances.items()}
    assert books.imbalance() == {}
    assert held.get("receivable", 0) == owed - for_nothing
    assert held.get("cash", 0) == taken - given
    assert held.get("credit", 0) == -credit


@pytest.fixture
def dear(host):
    return host.fake.create_price(Money(6200, "EUR"))


@pytest.fixture
def cheap(host):
    return host.fake.create_price(Money(3100, "EUR"))


class Wish:
    """A subscription of 31 euros for January, ten days old, whose holder wants more."""

    def __init__(self, host, price, dear, **how):
        self.host, self.fake, self.price, self.dear = host, host.fake, price, dear
        self.begun = host.start(ItemWanted(price), **how)
        host.wait(10 * DAY)

    def mood(self, payer):
        self.fake.update_method(self.customer.default_method, payer=payer)

    @property
    def customer(self):
        with self.fake._world.session() as s:
            return s.get(Customer, self.host.sub(self.begun).customer)

    def ask(self, price=None, payer=None, **how):
        """Ask for the dear price, gated and billed now, with a card in this mood."""
        if payer is not None:
            self.mood(payer)
        how = {"gated": True, "proration": "invoice_now"} | how
        return self.host.ask(self.host.change(self.begun, (price or self.dear,), **how))

    @property
    def sub(self):
        return self.host.sub(self.begun)

    @property
    def bill(self):
        return self.host.invoices(self.begun)[-1]

    @property
    def bought(self):
        return [item.price for item in self.sub.items]

    def pay(self):
        """Let the holder pay the bill with a card that works."""
        self.mood(Pays())
        self.fake.customer_pays(self.bill.id)


@pytest.fixture
def wish(host, cheap, dear):
    return Wish(host, cheap, dear)
