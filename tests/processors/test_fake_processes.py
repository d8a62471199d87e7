"""One file, several processes, and processes that die."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import timedelta

import pytest

from recoup.core import states
from recoup.core.money import Money
from recoup.errors import Busy, Rejected
from recoup.processors.fake import NO_FUNDS, Declines, FakeProcessor, Pays

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "world.db"


@pytest.fixture
def owing(path):
    """A world of 30 invoices that are owed and will be paid when tried."""
    with FakeProcessor(path) as fake:
        with fake.batch():
            price = fake.create_price(Money(2900, "EUR"))
            subscriptions = []
            for _ in range(30):
                customer = fake.create_customer()
                method = fake.attach_method(customer)
                subscriptions.append(fake.subscribe(customer, price))
                fake.update_method(method, payer=Declines(NO_FUNDS, 1, Pays()))
        fake.advance(fake.now + 31 * DAY + HOUR)
        yield fake, [fake.subscription(one).latest_invoice for one in subscriptions]


def pay_all(path, invoices, prefix, results):
    counts = {"paid": 0, "refused": 0, "busy": 0}
    with FakeProcessor(path) as fake:
        for invoice in invoices:
            try:
                fact = fake.pay_invoice(invoice, method=None, key=prefix + invoice)
                counts["paid"] += states.succeeded(fact.state)
            except Rejected:
                counts["refused"] += 1
            except Busy:
                counts["busy"] += 1
    results.put(counts)


def die_at(path, invoice, fatal):
    def watch(step, _key):
        if step == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    FakeProcessor(path, watch=watch).pay_invoice(invoice, method=None, key="k1")


def stop_at(path, invoice, ready, go_on):
    def watch(step, _key):
        if step == "received":
            ready.set()
            go_on.wait(600)

    FakeProcessor(path, watch=watch).pay_invoice(invoice, method=None, key="k1")


def together(path, invoices, prefixes):
    results = SPAWN.Queue()
    workers = [
        SPAWN.Process(target=pay_all, args=(path, invoices, prefix, results))
        for prefix in prefixes
    ]
    for worker in workers:
        worker.start()
    counts = [results.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join(60)
    return counts


class TestTwoProcesses:
    def test_with_keys_of_their_own_charge_once(self, owing, path):
        fake, invoices = owing

        counts = together(path, invoices, ["a:", "b:"])

        assert sum(c["paid"] for c in counts) == len(invoices)
        assert sum(c["refused"] for c in counts) == len(invoices)
        assert fake.books().captured_in("EUR") == 2 * 30 * 2900

    def test_with_the_same_keys_charge_once(self, owing, path):
        fake, invoices = owing

        counts = together(path, invoices, ["same:", "same:"])

        assert sum(c["refused"] for c in counts) == 0
        assert fake.books().captured_in("EUR") == 2 * 30 * 2900
        assert all(len(fake.charges_of(invoice)) == 2 for invoice in invoices)

    def test_with_one_key_at_once_keep_the_second_waiting(self, owing, path):
        fake, invoices = owing
        ready, go_on = SPAWN.Event(), SPAWN.Event()
        first = SPAWN.Process(target=stop_at, args=(path, invoices[0], ready, go_on))
        first.start()
        assert ready.wait(60)

        with pytest.raises(Busy, match="409"):
            fake.pay_invoice(invoices[0], method=None, key="k1")
        with pytest.raises(Busy):
            fake.find_payment(invoices[0], key="k1", since=fake.now)
        go_on.set()
        first.join(60)

        assert states.succeeded(fake.pay_invoice(invoices[0], method=None, key="k1").state)
        assert len(fake.charges_of(invoices[0])) == 2

    def test_see_one_clock(self, owing, path):
        fake, _ = owing

        with FakeProcessor(path) as other:
            other.advance(other.now + DAY)

            assert fake.now == other.now


class TestAProcessThatDies:
    @pytest.mark.parametrize(
        ("fatal", "found"), [("received", False), ("done", True)], ids=["before", "after"]
    )
    def test_leaves_all_of_it_or_nothing(self, owing, path, fatal, found):
        fake, invoices = owing
        since = fake.now
        worker = SPAWN.Process(target=die_at, args=(path, invoices[0], fatal))
        worker.start()
        worker.join(120)
        assert worker.exitcode == -signal.SIGKILL

        payment = fake.find_payment(invoices[0], key="k1", since=since)

        assert (payment is not None) == found
        assert len(fake.charges_of(invoices[0])) == 1 + found
        again = fake.pay_invoice(invoices[0], method=None, key="k1")
        assert states.succeeded(again.state)
        assert len(fake.charges_of(invoices[0])) == 2

    def test_is_survived_by_its_world(self, path):
        with FakeProcessor(path) as fake:
            fake.create_customer(email="ann@example.com")
            told = fake.events()

        with FakeProcessor(path) as later:
            assert later.events() == told
