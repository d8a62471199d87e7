"""The stop of all charging."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.effects import collect
from recoup.errors import NotPossible, Unreachable
from recoup.jobs.worker import Worker
from recoup.processors.fake import Declines, Pays
from recoup.processors.fake.idempotency import Fault

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PEOPLE = 12


@pytest.fixture
def debtor(scene):
    """A subscriber whose renewal failed a day ago."""
    who = scene.subscriber(payer=Declines())
    scene.live(days=32)
    return who


def charges(scene):
    return scene.rows("SELECT count(*) n FROM attempts WHERE requested_at IS NOT NULL")[0]["n"]


def due(scene, days):
    """Let time pass and everybody be decided on, but no effect be carried out."""
    scene.clock.advance(days * DAY)
    scene.fake.advance(scene.now)
    scene.recoup.sweep()


class TestPausedCharging:
    def test_keeps_everybody_from_being_tried_and_goes_on_cleanly(self, scene, ann, debtor):
        ann.pause_charging(reason="wrong prices went out")
        before = charges(scene)

        scene.live(days=12)

        assert charges(scene) == before
        assert scene.standing(debtor) == "reminded"
        ann.resume_charging(reason="prices are right again")
        scene.live(hours=1)
        assert charges(scene) == before + 1

    def test_says_who_did_it_and_why(self, scene, ann, debtor):
        ann.pause_charging(reason="wrong prices went out")

        paused = ann.charging_paused()
        assert (paused.actor, paused.reason) == ("cli:ann", "wrong prices went out")
        why = " ".join(ann.recompute_now(scene.customer_id(debtor), reason="?", dry_run=True).why)
        assert "Charging is paused (by cli:ann: wrong prices went out)" in why
        rows = scene.rows("SELECT actor, args, state FROM commands WHERE subject = 'charging'")
        assert rows == [
            {"actor": "cli:ann", "args": {"reason": "wrong prices went out"}, "state": "done"}
        ]

    def test_stays_as_it_is_when_it_is_paused_again(self, scene, ann):
        ann.pause_charging(reason="first")

        again = scene.recoup.dunning.pause_charging(reason="second")

        assert again.changes == ("already paused by cli:ann: first; nothing changed",)
        assert ann.charging_paused().reason == "first"

    def test_is_resumed_only_when_it_is_paused(self, scene, ann):
        with pytest.raises(NotPossible, match="charging is not paused"):
            ann.resume_charging(reason="?")

        (row,) = scene.rows("SELECT state, actor FROM commands WHERE subject = 'charging'")
        assert row == {"state": "refused", "actor": "cli:ann"}

    def test_stops_what_an_operator_asks_for_and_not_what_a_customer_does(
        self, scene, ann, debtor
    ):
        (invoice,) = scene.rows("SELECT id FROM invoices WHERE status = 'open'")
        ann.pause_charging(reason="x")

        with pytest.raises(NotPossible, match="charging is paused by cli:ann: x"):
            ann.retry(invoice["id"], reason="now")
        scene.fake.update_method(debtor.method, payer=Pays())
        scene.recoup.invoices.pay(invoice["id"], origin="customer")

        scene.pace.settle()
        assert scene.standing(debtor) == "current"

    def test_rehearsed_says_what_would_stop_and_stops_nothing(self, scene, ann, debtor):
        due(scene, 5)

        told = ann.pause_charging(reason="x", dry_run=True)
        assert told.changes == ("charging is paused; 1 tries that are decided are not made",)
        assert ann.charging_paused() is None
        assert ann.pause_charging(reason="x").changes == told.changes
        again = ann.pause_charging(reason="y", dry_run=True)
        assert again.changes == ann.pause_charging(reason="y").changes
        rehearsed = ann.resume_charging(reason="x", dry_run=True)
        assert ann.charging_paused() is not None
        assert rehearsed.changes == ann.resume_charging(reason="x").changes
        with pytest.raises(NotPossible, match="charging is not paused"):
            ann.resume_charging(reason="x", dry_run=True)


class TestPausingInTheMiddleOfABatch:
    def test_lets_no_new_call_begin(self, scene, ann):
        """The batch is at work when the pause is committed: what is not asked is not asked."""
        for _ in range(PEOPLE):
            scene.subscriber(payer=Declines())
        scene.live(days=32)
        due(scene, 5)
        waiting = scene.rows("SELECT id FROM attempts WHERE state = 'intended'")
        assert len(waiting) == PEOPLE
        asked: list[str] = []

        class Processor:
            """The fake; at its third charge somebody pauses charging."""

            def __getattr__(self, name):
                return getattr(scene.fake, name)

            def pay_invoice(self, invoice, **more):
                asked.append(invoice)
                if len(asked) == 3:
                    ann.pause_charging(reason="stop")
                return scene.fake.pay_invoice(invoice, **more)

        world = replace(scene.recoup.world, processor=Processor())
        handlers = {**scene.recoup.handlers, "collect": collect.handler(world)}
        Worker(scene.recoup.database, handlers, scene.clock, ("billing",)).drain()

        assert len(asked) == 3
        notes = scene.rows("SELECT note FROM attempts WHERE state = 'canceled'")
        assert {row["note"] for row in notes} == {"charging is paused by cli:ann: stop"}
        assert len(notes) == PEOPLE - 3
        ann.resume_charging(reason="go on")
        scene.live(hours=1)
        tried = scene.rows(
            "SELECT i.id FROM invoices i WHERE first_failed_at IS NOT NULL AND NOT EXISTS ("
            "SELECT FROM attempts a WHERE a.invoice_id = i.id AND a.origin = 'retry' "
            "AND a.requested_at IS NOT NULL)"
        )
        assert tried == []


class TestADebtThatIsBeingClosed:
    def test_is_not_tried_while_the_processor_has_not_answered(self, scene, ann, debtor):
        """Else somebody would pay what they were let off."""
        (owed,) = scene.rows("SELECT id FROM invoices WHERE status = 'open'")
        down = Fault("outage", call="VoidInvoice", times=None, until=scene.now + 12 * HOUR)
        scene.fake.add_fault(down)
        with pytest.raises(Unreachable):
            ann.forgive(owed["id"], reason="our mistake")
        scene.fake.attach_method(debtor.customer, brand="mastercard")

        scene.live(hours=11)
        tried = charges(scene)
        scene.live(days=1)

        assert (tried, charges(scene)) == (0, 0)
        assert scene.recoup.invoices.get(owed["id"]).resolved_as == "forgiven"
        assert scene.violations() == ()
