"""Every verb about money is safe to repeat: one key, one deed, one result."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from recoup.commands import invoices, methods, payments
from recoup.core.money import Money
from recoup.errors import Busy, KeyConflict, Unreachable
from recoup.processors.fake.idempotency import Fault
from recoup.testing.scene import Scene

TEN = Money(1000, "EUR")


class World:
    """A scene with Ada, two cards of hers, two open invoices, two drafts and two payments."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        recoup = scene.recoup
        self.invoices, self.payments, self.methods = (
            recoup.invoices,
            recoup.payments,
            recoup.methods,
        )
        self.ada = scene.fake.create_customer(email="ada@example.com")
        self.eve = scene.fake.create_customer(email="eve@example.com")
        self.cards = [
            scene.fake.attach_method(self.ada, default=True),
            scene.fake.attach_method(self.ada, default=False),
        ]
        self.fresh = [scene.fake.new_method(), scene.fake.new_method()]
        scene.pace.settle()
        self.open = [self._bill(f"open {n}") for n in range(2)]
        self.drafts = [self._bill(f"draft {n}", finalize=False) for n in range(2)]
        self.paid = [
            recoup.payments.charge(self.ada, TEN, description=f"paid {n}").id for n in range(2)
        ]
        self.consent = {
            "consented_at": scene.now - timedelta(days=1),
            "consented_by": "Ada",
        }
        scene.pace.settle()

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


@pytest.fixture
def world(scene) -> World:
    return World(scene)


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


def story(url: str, home: Path, verb: Verb, fault: str | None) -> list[str]:
    """Call `verb`, let the workers finish it, call it again; return all that the fake said."""
    with Scene.open(url, home) as scene:
        world = World(scene)
        if fault is not None:
            scene.fake.add_fault(Fault(fault, call=verb.asks))
        with suppress(Unreachable, Busy):
            verb.call(world, "k")
        scene.live(hours=1)
        said = world.said()
        verb.call(world, "k")
        assert world.said() == said
        assert scene.violations() == ()
        return said


@pytest.mark.parametrize("fault", ["lost_reply", "outage"])
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb.asks], ids=lambda verb: verb.kind)
class TestAVerbWithoutAnAnswer:
    def test_is_finished_once_by_a_worker(self, new_database, home, verb, fault):
        if verb.kind not in PLAIN:
            PLAIN[verb.kind] = story(new_database(), home / "plain", verb, None)

        assert story(new_database(), home / fault, verb, fault) == PLAIN[verb.kind]
