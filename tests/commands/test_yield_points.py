"""Wherever work stands when a person decides, what they decided is obeyed from there on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.jobs.worker import Worker
from recoup.processors.fake import Declines

DAY = timedelta(days=1)
#: What a person may decide -> whether notices and tries go on.
WORDS = {
    "hold": (False, False),
    "promise": (False, False),
    "extend_grace": (False, True),
    "exempt": (False, True),
    "pause_charging": (True, False),
}
#: Where the work stands: nothing is decided; it is decided and waits; a worker has it in hand.
POINTS = ("before the sweep", "after the sweep", "in a worker's hands")


@pytest.fixture
def bob(scene):
    """A subscriber whose renewal failed four days ago; on the fifth there is a notice."""
    who = scene.subscriber(payer=Declines())
    scene.live(days=31 + 4)
    return scene.customer_id(who)


def decided(scene, verb, id):
    """Decide it, in the name of ann, for ten days."""
    ann = scene.recoup.acting_as("cli:ann").dunning
    if verb == "pause_charging":
        ann.pause_charging(reason="asked")
    else:
        getattr(ann, verb)(id, until=scene.now + 10 * DAY, reason="asked")


def done(scene):
    """How many tries were asked for, and how many notices went out."""
    tries = scene.rows("SELECT count(*) n FROM attempts WHERE requested_at IS NOT NULL")
    return tries[0]["n"], len(scene.outbox.messages)


def due(scene):
    """Let the fifth day come; whatever is due is decided, and no effect carried out."""
    scene.clock.advance(2 * DAY)
    scene.fake.advance(scene.now)


def interrupted(scene, act):
    """Work off what is due; `act` happens once a worker has the first of it in hand."""
    acts = [act]

    def holding(handler):
        def run(claims, desk):
            while acts:
                acts.pop()()
            handler.run(claims, desk)

        return replace(handler, run=run)

    kinds = {kind: holding(one) for kind, one in scene.recoup.handlers.items()}
    only = {kind: kinds[kind] for kind in ("collect", "send_mail")}
    Worker(scene.recoup.database, only, scene.clock).drain()
    assert acts == []


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("verb", WORDS)
class TestWhatAPersonDecides:
    def test_is_obeyed_at_every_point_where_work_may_stand(self, scene, bob, verb, point):
        tries, mails = done(scene)
        due(scene)
        if point != "before the sweep":
            scene.recoup.sweep()
        if point == "in a worker's hands":
            interrupted(scene, lambda: decided(scene, verb, bob))
        else:
            decided(scene, verb, bob)

        scene.live(days=8)

        notices_go_on, tries_go_on = WORDS[verb]
        later_tries, later_mails = done(scene)
        assert (later_tries > tries) is tries_go_on
        assert (later_mails > mails) is notices_go_on
        (row,) = scene.rows(
            "SELECT actor, args FROM commands WHERE kind = :k", k=f"dunning.{verb}"
        )
        assert (row["actor"], row["args"]["reason"]) == ("cli:ann", "asked")
