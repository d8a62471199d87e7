"""A shop that sells three plans behind gates, and the looks that every story takes at it."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest

from recoup import PaymentGate
from recoup.core.billing.catalogue import Catalogue, Plan
from recoup.core.billing.views import Started
from recoup.core.money import Money
from recoup.errors import Unreachable
from recoup.processors.fake import Fault
from recoup.store.events.catalogue import EVENTS
from recoup.testing.scene import Scene

BASIC, PRO, WEEKLY = Money(2000, "EUR"), Money(5000, "EUR"), Money(700, "EUR")
#: The fake counts its prices: these are the first three.
PRICES = tuple(f"price_fake_{n:06d}" for n in (1, 2, 3))
PLANS = Catalogue(
    {
        name: Plan(name, frozenset({price}), frozenset({name}))
        for name, price in zip(("basic", "pro", "weekly"), PRICES, strict=True)
    }
)
#: What happens once to one subject, if at all.
ONCE = (
    "gate.made",
    "gate.satisfied",
    "gate.failed",
    "gate.expired",
    "gate.not_applicable",
    "subscription.started",
    "subscription.canceled",
    "payment.late",
    "payment.withdrawn",
    "invoice.closed",
    "invoice.revealed",
    "invoice.paid",
    "coupon.given_back",
    "late_payment.reactivated",
)


@dataclass(frozen=True)
class Who:
    """A customer with one way to pay: our id, and the processor's ids."""

    id: int
    customer: str
    method: str
    address: str


class Shop:
    """The scene, its prices, everything a host was told, and short ways to look at it."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.recoup, self.fake = scene, scene.recoup, scene.fake
        self.live, self.rows = scene.live, scene.rows
        self.basic = self.fake.create_price(BASIC)
        self.pro = self.fake.create_price(PRO)
        self.weekly = self.fake.create_price(WEEKLY, interval="week")
        assert (self.basic, self.pro, self.weekly) == PRICES
        self.heard: list[tuple[str, str]] = []
        self.recoup.on(*EVENTS, name="story")(
            lambda event: self.heard.append((event.type, event.subject))
        )

    @property
    def now(self):
        return self.scene.now

    def customer(self, payer=None, *, name="ada", **method) -> Who:
        made = self.recoup.customers.get_or_create("user", name, email=f"{name}@example.com")
        card = self.fake.attach_method(
            made.processor_id, payer, country="DE", fingerprint=f"{name}'s", **method
        )
        self.settle()
        return Who(made.id, made.processor_id, card, f"{name}@example.com")

    def start(self, who: Who, price=None, *, gate=PaymentGate(), **options) -> Started:  # noqa: B008  a value
        started = self.recoup.subscriptions.start(
            who.id, price or self.basic, gate=gate, **options
        )
        self.settle()
        return started

    def settle(self) -> None:
        self.scene.pace.settle()

    def hours(self, hours: float) -> None:
        self.live(hours=hours)

    def lose_the_answer(self, who: Who, price=None, **options) -> None:
        """Start, and hear neither the answer nor, for now, anything that is asked about it."""
        for call, skip in (("StartSubscription", 1), ("find", 0)):
            until = self.now + timedelta(days=30)
            self.fake.add_fault(Fault("outage", call=call, skip=skip, times=None, until=until))
        self.fake.add_fault(Fault("lost_reply", call="StartSubscription"))
        with suppress(Unreachable):
            self.recoup.subscriptions.start(
                who.id, price or self.basic, gate=options.pop("gate", PaymentGate()), **options
            )

    def hear_only(self, *types: str) -> list[bytes]:
        """Hear what the processor has said by now of these types; return what was held back."""
        news = self.fake.events(after=self.scene.pace.heard, limit=10_000)
        self.scene.pace.heard = news[-1][0]
        wanted = [f'"type":"{type}"'.encode() for type in types]
        bodies = [body for _, body in news]
        heard = [body for body in bodies if any(word in body for word in wanted)]
        assert heard
        self.recoup.ingest(heard)
        return [body for body in bodies if body not in heard]

    def hear(self, bodies) -> None:
        self.recoup.ingest(bodies)
        self.settle()

    # -- looks ----------------------------------------------------------------------------

    def bought(self, of: Started | int):
        id = of.subscription.id if isinstance(of, Started) else of
        return self.recoup.subscriptions.get(id)

    def gate(self, of: Started | int) -> tuple[str, str | None]:
        """How the newest gate stands, and why it died."""
        gate = self.bought(of).gate
        return gate.status, gate.reason

    def withdrawal(self, of: Started | int) -> str | None:
        return self.bought(of).gate.withdrawal

    def open(self, who: Who) -> set[str]:
        return set(self.recoup.entitlements.features(who.id))

    def shown(self, who: Who):
        """The invoices that the customer gets to see."""
        return self.recoup.invoices.list(customer=who.id)

    def bill(self, of: Started | int):
        """The newest invoice of a subscription, hidden ones too."""
        return self.bills(of)[-1]

    def bills(self, of: Started | int):
        id = of.subscription.id if isinstance(of, Started) else of
        found = self.rows("SELECT id FROM invoices WHERE subscription_id = :id ORDER BY id", id=id)
        return [self.recoup.invoices.get(row["id"]) for row in found]

    def charges(self, of: Started | int) -> list[str]:
        """What reached a bank for a subscription, oldest first, by how it went."""
        return [
            str(charge.state)
            for bill in self.bills(of)
            for charge in self.fake.charges_of(bill.processor_id)
        ]

    def pay(self, of: Started | int, method: str | None = None) -> None:
        """Let the customer pay the newest invoice on its page."""
        self.fake.customer_pays(self.bill(of).processor_id, method)
        self.settle()

    def challenge(self, of: Started | int, *, ok: bool = True) -> None:
        """Let the customer pass, or fail, the challenge of the newest invoice's payment."""
        intent = self.fake.invoice(self.bill(of).processor_id).intent
        self.fake.customer_authenticates(str(intent), ok=ok)
        self.settle()

    def told(self, subject: str) -> Counter[str]:
        """How often the ledger has each word about a subject."""
        found = self.rows("SELECT type FROM ledger_entries WHERE subject = :s", s=subject)
        return Counter(row["type"] for row in found)

    def about(self, of: Started | int) -> set[str]:
        """What was told, once each, of a subscription's beginning and end."""
        id = of.subscription.id if isinstance(of, Started) else of
        words = {"subscription.started", "subscription.canceled"}
        return words & set(self.told(f"subscription:{id}"))

    def mails(self) -> list[str]:
        """
        The mails about first payments and late money that left the house, by their type.

        What other mails follow, refusals' for instance, is told of in tests/flow/mails.
        """
        sql = """SELECT type FROM mails WHERE state = 'sent'
                 AND type IN ('receipt', 'activation_expired', 'refund_issued') ORDER BY id"""
        return [row["type"] for row in self.rows(sql)]

    def late(self) -> list[tuple[str, str]]:
        """Money that came late: what was decided, and how far it has come."""
        return [(one.decision, one.state) for one in self.recoup.payments.late()]

    def tasks(self) -> list[str]:
        found = self.rows("SELECT kind FROM tasks WHERE closed_at IS NULL ORDER BY id")
        return [row["kind"] for row in found]

    @property
    def cash(self) -> int:
        """What the processor's own books say we have taken and not given back, in cents."""
        books = self.fake.books()
        return books.captured_in("EUR") - books.refunded_in("EUR")

    # -- the end of every story ------------------------------------------------------------

    def check(self) -> None:
        """Everything that is true of every story, whatever happened in it."""
        assert self.fake.books().imbalance() == {}
        assert {one: n for one, n in Counter(self.heard).items() if n > 1} == {}
        twice = self.rows(
            "SELECT type, subject, count(*) FROM ledger_entries WHERE type = ANY(:once) "
            "GROUP BY 1, 2 HAVING count(*) > 1",
            once=list(ONCE),
        )
        assert twice == []
        sent = Counter(str(message["Message-ID"]) for message in self.scene.outbox.messages)
        assert set(sent.values()) <= {1}
        assert len(sent) == len(self.rows("SELECT id FROM mails WHERE state = 'sent'"))
        assert self.scene.violations() == ()


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home, plans=PLANS) as opened:
        yield opened


@pytest.fixture
def shop(scene):
    """The shop; whatever the story, nothing is wrong when it ends."""
    opened = Shop(scene)
    yield opened
    opened.settle()
    opened.check()
