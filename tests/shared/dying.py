"""A shop with something to do for each verb, and callers of these verbs that die on the way."""

from __future__ import annotations

from multiprocessing.connection import Connection as Pipe

from recoup.billing import Recoup
from recoup.config import Config
from recoup.core.money import Money
from recoup.jobs.clocks import TestClock
from recoup.mail.senders.file import FileSender
from recoup.processors.fake import FakeProcessor
from recoup.testing.crash_worker import Steps, Work
from recoup.testing.scene import Scene

TEN = Money(1000, "EUR")
CHEAP, DEAR = "price_fake_000001", "price_fake_000002"


def prepare(url, home) -> Work:
    """Make customer 1 with a card, subscription 1 to the cheap price, and paid payment 2."""
    with Scene.open(url, home) as scene:
        recoup, fake = scene.recoup, scene.fake
        assert [fake.create_price(TEN), fake.create_price(Money(3000, "EUR"))] == [CHEAP, DEAR]
        ada = recoup.customers.get_or_create("user", "1", email="ada@example.com")
        recoup.methods.attach(ada.id, fake.new_method(country="DE"), default=True)
        running = recoup.subscriptions.start(ada.id, CHEAP).subscription
        scene.live(days=5)
        paid = recoup.payments.charge(ada.id, TEN, description="Book")
        recoup.coupons.create("SPRING", percent_off=20, max_redemptions=3)
        scene.live(hours=1)
        assert (ada.id, running.id, paid.id) == (1, 1, 2)
        return Work(url, home / "books.sqlite3", home, scene.now)


VERBS = {
    "start": lambda recoup: recoup.subscriptions.start(1, DEAR, coupon="SPRING", key="k"),
    "change_plan": lambda recoup: recoup.subscriptions.change_plan(1, prices=DEAR, key="k"),
    "cancel": lambda recoup: recoup.subscriptions.cancel(1, key="k"),
    "charge": lambda recoup: recoup.payments.charge(1, TEN, description="Pen", key="k"),
    "refund": lambda recoup: recoup.payments.refund(2, Money(300, "EUR"), key="k"),
}


def call(verb: str, where: Work, last: int | None, pipe: Pipe) -> None:
    """Call the verb in a process of its own, and die at step `last`."""
    steps = Steps(last, pipe)
    config = Config.load(database_url=where.database_url, home=where.home)
    with (
        FakeProcessor(where.books, watch=steps.request) as fake,
        Recoup(
            config, processor=fake, sender=FileSender(where.mails), clock=TestClock(where.now)
        ) as recoup,
    ):
        steps.watch(recoup.database)
        VERBS[verb](recoup)
    pipe.close()
