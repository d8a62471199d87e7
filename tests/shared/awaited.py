"""Many starts and changes that wait for their payment, made at once, and what became of them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier, BrokenBarrierError, Thread
from typing import Any

from recoup import work
from recoup.core.activation import GATE_MARK, PaymentGate
from recoup.core.billing.requests import ChangeSubscription, ItemChange
from recoup.core.money import Money
from recoup.errors import Rejected
from recoup.jobs.loop import OurDesk
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.store import observe
from recoup.store.records import activation as gates
from recoup.store.records import commands
from recoup.store.writer import Writer
from recoup.testing.scene import Scene

HOUR = timedelta(hours=1)
BROKE = Declines(NO_FUNDS)
TEN, THIRTY = Money(1000, "EUR"), Money(3000, "EUR")


@dataclass(frozen=True)
class Awaited:
    """Something that waits for its payment. Names are the processor's, numbers ours."""

    customer: int
    customer_name: str
    method: str
    subscription: int
    subscription_name: str
    invoice: str
    gate: int


def starts(
    scene: Scene, count: int, *, timeout: Callable[[int], timedelta] = lambda _: HOUR
) -> list[Awaited]:
    """Have `count` people start what their banks decline; each waits for its own `timeout`."""
    fake, price = scene.fake, scene.fake.create_price(TEN)
    people = _people(scene, count)
    ours = _ours(scene)
    with scene.recoup.database.begin() as connection:
        observe.lock(connection, ours.values())
        writer = Writer(connection, now=scene.now, actor="host", cause="command")
        marks = [
            gates.make(
                writer,
                customer_id=ours[name],
                purpose="start",
                command_id=commands.reserve(writer),
                gate=PaymentGate(timeout=timeout(n)),
            )
            for n, (name, _) in enumerate(people)
        ]
    with fake.batch():
        for (name, _), mark in zip(people, marks, strict=True):
            fake.subscribe(name, price, metadata={GATE_MARK: str(mark)})
    scene.pace.settle()
    return _waiting(scene, dict(people))


def offers(scene: Scene, count: int, *, timeout: timedelta = HOUR) -> list[Awaited]:
    """Have `count` people who pay for a plan be offered a dearer one that their banks decline."""
    fake, price, dear = scene.fake, scene.fake.create_price(TEN), scene.fake.create_price(THIRTY)
    people = _people(scene, count, Pays())
    with fake.batch():
        running = {name: fake.subscribe(name, price) for name, _ in people}
        for _, method in people:
            fake.update_method(method, payer=Declines(NO_FUNDS))
    scene.pace.settle()
    ours = _ours(scene)
    for name, subscription in running.items():
        item = fake.subscription(subscription).items[0].id
        change = ChangeSubscription(
            subscription,
            (ItemChange(item=item, price=dear),),
            proration="invoice_now",
            gated=True,
        )
        fake.ask(change, key=f"offer {name}")
    scene.pace.settle()
    bills = {r["n"]: r for r in scene.rows(_NEWEST)}
    with scene.recoup.database.begin() as connection:
        observe.lock(connection, ours.values())
        writer = Writer(connection, now=scene.now, actor="host", cause="command")
        for name, subscription in running.items():
            made = gates.make(
                writer,
                customer_id=ours[name],
                purpose="change",
                command_id=commands.reserve(writer),
                gate=PaymentGate(timeout=timeout),
                subscription_id=bills[subscription]["subscription_id"],
            )
            gates.evaluate(writer, made, bills[subscription]["id"])
    scene.recoup.recompute(ours.values())
    return _waiting(scene, dict(people))


def _people(scene: Scene, count: int, payer: Pays | Declines = BROKE) -> list[tuple[str, str]]:
    fake = scene.fake
    with fake.batch():
        names = [
            fake.create_customer(email=f"p{n}@example.com", country="DE") for n in range(count)
        ]
        people = [(name, fake.attach_method(name, payer, country="DE")) for name in names]
    scene.pace.settle()
    return people


def _ours(scene: Scene) -> dict[str, int]:
    rows = scene.rows("SELECT id, processor_id FROM customers ORDER BY id")
    return {row["processor_id"]: row["id"] for row in rows}


_NEWEST = """
    SELECT DISTINCT ON (s.id) s.processor_id AS n, s.id AS subscription_id, i.id
    FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id ORDER BY s.id, i.id DESC"""
_WAITING = """
    SELECT g.id AS gate, c.id AS customer, c.processor_id AS customer_name, s.id AS subscription,
           s.processor_id AS subscription_name, i.processor_id AS invoice
    FROM gates g JOIN customers c ON c.id = g.customer_id
    JOIN subscriptions s ON s.id = g.subscription_id JOIN invoices i ON i.id = g.invoice_id
    WHERE g.status = 'pending' ORDER BY g.id"""


def _waiting(scene: Scene, methods: dict[str, str]) -> list[Awaited]:
    found = scene.rows(_WAITING)
    assert len(found) == len(methods)
    return [Awaited(method=methods[row["customer_name"]], **row) for row in found]


def paid(scene: Scene, awaited: Iterable[Awaited]) -> dict[str, list[bytes]]:
    """Let all of them pay; return the news of it, which nobody here has heard, by customer."""
    fake = scene.fake
    with fake.batch():
        for each in awaited:
            fake.update_method(each.method, payer=Pays())
        for each in awaited:
            fake.customer_pays(each.invoice)
    return news(scene)


def find(scene: Scene) -> int:
    """Let the clock find whose time is up; return how many are new."""
    return work.expire_all(OurDesk(scene.recoup.database, scene.clock, scene.recoup.handlers))


def later(scene: Scene, by: timedelta) -> None:
    """Move both worlds on, and nothing else."""
    scene.fake.advance(scene.now + by)
    scene.clock.set(scene.now + by)


def expire(scene: Scene, each: Awaited) -> None:
    """Do what is due about one of them when its time is up, to the processor's answers."""
    carry_out = scene.recoup.office.carry_out
    carry_out(f"expire:{each.customer}")
    for effect in scene.rows(_ASKING, id=each.customer):
        carry_out(effect["key"])


_ASKING = """
    SELECT key FROM effects WHERE customer_id = :id AND kind IN ('end_subscription', 'ask')
    ORDER BY id"""


def pays_anyhow(scene: Scene, each: Awaited) -> None:
    """Let the bank take the money now, also when nobody wants it any more."""
    try:
        scene.fake.customer_pays(each.invoice)
    except Rejected:
        scene.fake.pay_anyway(each.invoice)


class Listener:
    """Brings what the processor has said since it last did; for one thread."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._heard = scene.pace.heard

    def listen(self) -> None:
        told = self._scene.fake.events(after=self._heard, limit=100_000)
        self._heard = told[-1][0] if told else self._heard
        self._scene.recoup.ingest(body for _, body in told)


def news(scene: Scene) -> dict[str, list[bytes]]:
    """Return what the processor has said and nobody here has heard, by customer."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for _, body in scene.fake.events(after=scene.pace.heard, limit=100_000):
        about = json.loads(body)["data"]["object"]
        found[about.get("customer") or about["id"]].append(body)
    return found


def race(  # noqa: C901  it is told in one piece
    rounds: Sequence[Any],
    *sides: Callable[[Any], object],
    before: Callable[[Any], object] = lambda _: None,
    head_start: bool = True,
) -> None:
    """
    Let all `sides` do their part of each round, each side in a thread of its own.

    With a `head_start` each side in turn goes ahead of the others in every other round; in the
    others all go at once. `before` comes first. What a side raises ends the race, and is raised.
    """
    coming = iter(rounds)
    start = Barrier(len(sides), action=lambda: before(next(coming)))
    ahead = Barrier(len(sides))
    raised: list[Exception] = []

    def run(place: int, side: Callable[[Any], object]) -> None:
        try:
            for n, each in enumerate(rounds):
                start.wait()
                heats = head_start and n % 2 == 0
                mine = heats and n // 2 % len(sides) == place
                if mine:
                    side(each)
                if heats:
                    ahead.wait()
                if not mine:
                    side(each)
        except BrokenBarrierError:
            pass
        except Exception as problem:  # noqa: BLE001  it is raised where the race was begun
            raised.append(problem)
            start.abort()
            ahead.abort()

    threads = [Thread(target=run, args=each) for each in enumerate(sides)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for problem in raised:
        raise problem


#: Of each gate: what it came to, what it was for is, and how often that was told to anybody: not
#: of refusals, which end nothing.
_ENDS = """
    SELECT g.customer_id, g.id AS gate, g.purpose, g.status, g.reason, g.withdrawal,
           s.status AS subscription, s.processor_id AS named, s.prices[1] AS runs,
           i.processor_id AS invoice,
           i.status AS bill, i.gate_id IS NOT NULL AS hidden,
           (SELECT jsonb_object_agg(type, n) FROM (
                SELECT type, count(*) AS n FROM ledger_entries l
                WHERE l.customer_id = g.customer_id GROUP BY type) t) AS told,
           (SELECT jsonb_object_agg(type, n) FROM (
                SELECT type, count(*) AS n FROM mails m
                WHERE m.customer_id = g.customer_id AND m.state = 'sent'
                    AND type <> 'payment_failed' GROUP BY type) t) AS sent,
           (SELECT count(*) FROM refunds r WHERE r.customer_id = g.customer_id) AS refunds,
           (SELECT count(*) FROM late_payments p WHERE p.customer_id = g.customer_id) AS late
    FROM gates g JOIN subscriptions s ON s.id = g.subscription_id
    JOIN invoices i ON i.id = g.invoice_id ORDER BY g.id"""


@dataclass(frozen=True)
class End:
    """What became of one of them, in our rows and in the processor's books."""

    gate: str
    reason: str | None
    ours: str
    theirs: str
    bill: str
    hidden: bool
    runs: tuple[str, str]  #: the price that runs, with us and at the processor
    kept: int  #: minor units of its invoice, by the processor's books
    refunds: int
    late: int
    told: Counter[str]
    sent: Counter[str]


def ends(scene: Scene) -> list[End]:
    """Return what became of each, in the order of their gates."""
    books = scene.fake.books()
    found = []
    for row in scene.rows(_ENDS):
        took, back = (
            0 if (money := of.get(row["invoice"])) is None else money.minor
            for of in (books.captured, books.refunded)
        )
        running = scene.fake.subscription(row["named"])
        found.append(
            End(
                row["status"],
                row["reason"],
                row["subscription"],
                str(running.status),
                row["bill"],
                row["hidden"],
                (row["runs"], running.items[0].price),
                took - back,
                row["refunds"],
                row["late"],
                Counter(row["told"] or {}),
                Counter(row["sent"] or {}),
            )
        )
    return found
