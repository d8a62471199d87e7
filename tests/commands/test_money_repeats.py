"""Every verb about money is safe to repeat: one key, one deed, one result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cloning import Lived

from recoup.commands import invoices, methods, payments
from recoup.core.money import Money
from recoup.errors import Busy, KeyConflict, Unreachable
from recoup.processors.fake.idempotency import Fault
from recoup.testing.scene import Scene

TEN = Money(1000, "EUR")


class World:
    """A scene with Ada, two cards of hers, two open invoices, two drafts and two payments."""

    def __init__(self, scene: Scene, **names: Any) -> None:
        self.scene = scene
        recoup = scene.recoup
        self.invoices, self.payments, self.methods = (
            recoup.invoices,
            recoup.payments,
            recoup.methods,
        )
        self.consent = {
            "consented_at": scene.now - timedelta(days=1),
            "consented_by": "Ada",
        }
        self.names = names or self._made()
        vars(self).update(self.names)

    def _made(self) -> dict[str, Any]:
        """Make it all; return what it is called."""
        scene, fake = self.scene, self.scene.fake
        self.ada = fake.create_customer(email="ada@example.com")
        eve = fake.create_customer(email="eve@example.com")
        cards = [
            fake.attach_method(self.ada, default=True),
            fake.attach_method(self.ada, default=False),
        ]
        fresh = [fake.new_method(), fake.new_method()]
        scene.pace.settle()
        made = {
            "ada": self.ada,
            "eve": eve,
            "cards": cards,
            "fresh": fresh,
            "open": [self._bill(f"open {n}") for n in range(2)],
            "drafts": [self._bill(f"draft {n}", finalize=False) for n in range(2)],
            "paid": [
                self.payments.charge(self.ada, TEN, description=f"paid {n}").id for n in range(2)
            ],
        }
        scene.pace.settle()
        return made

    def _bill(self, name: str, **terms: Any) -> int:
        lines = [(name, TEN)]
        terms |= {"collection": "send_invoice", "days_until_due": 9}
        return self.scene.recoup.invoices.create(self.ada, lines, **terms).id

    def said(self) -> list[str]:
        """Return the types of everything the fake has said."""
        return [json.loads(body)["type"] for _, body in self.scene.fake.events(limit=10_000)]


@dataclass(frozen=True)
class Verb:
    """A call, the same with other parameters, and which of the fake's calls it needs."""

    kind: str
    call: Callable[[World, str], Any]
    other: Callable[[World, str], Any]
    asks: str | None


def of(which: str, name: str, asks: str | None, **given: Any) -> Verb:
    """Return a verb of invoices that is called with one or the other invoice of `which`."""

    def call(w: World, key: str, n: int = 0) -> Any:
        return getattr(w.invoices, name)(getattr(w, which)[n], key=key, **given)

    return Verb(f"invoices.{name}", call, lambda w, key: call(w, key, 1), asks)


WHY = {"reason": "a mistake"}
VERBS = (
    Verb(
        "invoices.create",
        lambda w, key: w.invoices.create(w.ada, [("Setup", TEN)], key=key),
        lambda w, key: w.invoices.create(w.ada, [("Setup", Money(1001, "EUR"))], key=key),
        "CreateInvoice",
    ),
    of("drafts", "finalize", "FinalizeInvoice"),
    of("open", "send", "SendInvoice"),
    of("open", "void", "VoidInvoice", **WHY),
    of("open", "mark_uncollectible", "MarkUncollectible", **WHY),
    of("open", "forgive", "VoidInvoice", **WHY),
    of("open", "withdraw", "VoidInvoice", **WHY),
    of("open", "mark_paid_out_of_band", "MarkPaidOutOfBand", **WHY),
    of("open", "pay", "pay_invoice"),
    Verb(
        "payments.charge",
        lambda w, key: w.payments.charge(w.ada, TEN, description="Book", key=key),
        lambda w, key: w.payments.charge(w.ada, TEN, description="Pen", key=key),
        "pay_invoice",
    ),
    Verb(
        "payments.intent",
        lambda w, key: w.payments.intent(w.ada, TEN, description="Book", key=key),
        lambda w, key: w.payments.intent(w.ada, TEN, description="Pen", key=key),
        "PreparePayment",
    ),
    Verb(
        "payments.refund",
        lambda w, key: w.payments.refund(w.paid[0], Money(10, "EUR"), key=key),
        lambda w, key: w.payments.refund(w.paid[1], Money(10, "EUR"), key=key),
        "CreateRefund",
    ),
    Verb(
        "methods.attach",
        lambda w, key: w.methods.attach(w.ada, w.fresh[0], key=key),
        lambda w, key: w.methods.attach(w.ada, w.fresh[1], key=key),
        "AttachMethod",
    ),
    Verb(
        "methods.detach",
        lambda w, key: w.methods.detach(w.cards[0], key=key),
        lambda w, key: w.methods.detach(w.cards[1], key=key),
        "DetachMethod",
    ),
    Verb(
        "methods.set_default",
        lambda w, key: w.methods.set_default(w.ada, w.cards[1], key=key),
        lambda w, key: w.methods.set_default(w.ada, w.cards[0], key=key),
        "UpdateCustomer",
    ),
    Verb(
        "methods.set_backups",
        lambda w, key: w.methods.set_backups(w.ada, w.cards, **w.consent, key=key),
        lambda w, key: w.methods.set_backups(w.ada, w.cards[::-1], **w.consent, key=key),
        None,
    ),
    Verb(
        "methods.clear_backups",
        lambda w, key: w.methods.clear_backups(w.ada, key=key),
        lambda w, key: w.methods.clear_backups(w.eve, key=key),
        None,
    ),
    Verb(
        "methods.setup",
        lambda w, key: w.methods.setup(w.ada, method=w.fresh[0], key=key),
        lambda w, key: w.methods.setup(w.ada, key=key),
        "CreateSetupIntent",
    ),
)


def test_every_verb_is_here():
    kinds = {kind.name for noun in (invoices, methods, payments) for kind in noun.KINDS}

    assert {verb.kind for verb in VERBS} == kinds


@dataclass
class Beginnings:
    """Places that each hold a world as it was made, once for all of them."""

    new_database: Callable[..., str]
    made: Lived
    names: dict[str, Any]

    @contextmanager
    def world(self, home: Path) -> Iterator[World]:
        shutil.copytree(self.made.home, home)
        with Scene.open(self.new_database(of=self.made.database), home) as scene:
            scene.pace.heard = scene.fake.events(limit=10_000)[-1][0]
            yield World(scene, **self.names)
            scene.pace.settle()
            assert scene.violations() == ()


@pytest.fixture(scope="module")
def made(live) -> tuple[Lived, dict[str, Any]]:
    names: dict[str, Any] = {}

    def prepare(url: str, home: Path) -> None:
        with Scene.open(url, home) as scene:
            names.update(World(scene).names)
            assert scene.violations() == ()

    return live(prepare), names


@pytest.fixture
def beginnings(new_database, made) -> Beginnings:
    return Beginnings(new_database, *made)


@pytest.fixture
def world(beginnings, home) -> Iterator[World]:
    with beginnings.world(home) as begun:
        yield begun


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.kind)
class TestAVerb:
    def test_with_the_same_key_does_it_once_with_the_same_result(self, world, verb):
        first = verb.call(world, "k")
        said = world.said()

        assert verb.call(world, "k") == first
        assert world.said() == said

    def test_with_the_same_key_and_other_parameters_is_refused(self, world, verb):
        verb.call(world, "k")
        said = world.said()

        with pytest.raises(KeyConflict):
            verb.other(world, "k")
        assert world.said() == said

    def test_tells_a_day_later_what_it_told_at_once(self, world, verb):
        first = verb.call(world, "k")
        world.scene.pace.settle()
        said = world.said()
        world.scene.live(days=1, hours=1)

        again = verb.call(world, "k")

        assert again == first
        assert world.said()[: len(said)] == said


#: Kind -> what the fake says when nothing goes wrong.
PLAIN: dict[str, list[str]] = {}


def story(beginnings: Beginnings, home: Path, verb: Verb, fault: str | None) -> list[str]:
    """Call `verb`, let the workers finish it, call it again; return all that the fake said."""
    with beginnings.world(home) as world:
        scene = world.scene
        if fault is not None:
            scene.fake.add_fault(Fault(fault, call=verb.asks))
        with suppress(Unreachable, Busy):
            verb.call(world, "k")
        scene.live(hours=1)
        said = world.said()
        verb.call(world, "k")
        assert world.said() == said
        return said


@pytest.mark.parametrize("fault", ["lost_reply", "outage"])
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb.asks], ids=lambda verb: verb.kind)
class TestAVerbWithoutAnAnswer:
    def test_is_finished_once_by_a_worker(self, beginnings, home, verb, fault):
        if verb.kind not in PLAIN:
            PLAIN[verb.kind] = story(beginnings, home / "plain", verb, None)

        assert story(beginnings, home / fault, verb, fault) == PLAIN[verb.kind]
