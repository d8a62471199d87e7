"""A life of commands, news and dunning: the ledger tells what was at any instant of it."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta

import msgspec
import pytest
from everything import POLICIES, Story, outbox

from recoup.store import batch
from recoup.store.ledgered import LEDGERED
from recoup.testing.scene import Scene

#: Of each customer: instants at which something happened, and as many between them.
ASKED = 40
MOMENT = timedelta(microseconds=1)


def told(values):
    return {name: value for name, value in values.items() if value is not None}


def snapshot(scene):
    """Return what the tables say of each customer, in the ledger's words."""
    found = defaultdict(dict)
    with scene.recoup.database.connect() as connection:
        for of in LEDGERED.values():
            owner = "id" if of.kind == "customer" else "customer_id"
            sql = f"SELECT {owner}, {of.key}, {', '.join(of.columns)} FROM {of.table.name}"
            for customer, key, *row in batch.fetch(connection, sql):
                values = dict(zip(of.columns, msgspec.to_builtins(row), strict=True))
                if customer is not None:
                    found[customer][f"{of.kind}:{key}"] = told(values)
    return found


@pytest.fixture
def life(database_url, home):
    """A scene in which everything has happened, and what the rows were whenever something had."""
    with Scene.open(database_url, home, outbox=outbox(), policies=POLICIES) as scene:
        snapshots = {}

        def seen():
            snapshots[scene.now] = snapshot(scene)

        Story(scene, seen).tell()
        assert scene.violations() == ()
        yield scene, snapshots


class TestALifeThroughTheFrontDoor:
    def test_is_told_by_the_ledger_at_every_instant_and_between(self, life):
        scene, snapshots = life
        dice = random.Random("a life")
        instants = sorted(snapshots)
        customers = snapshots[instants[-1]]
        different = {
            msgspec.json.encode(snapshots[at][customer], order="sorted")
            for at in instants
            for customer in customers
        }
        assert len(different) > 100

        for customer in customers:
            for place in dice.sample(range(len(instants) - 1), ASKED):
                since, until = instants[place], instants[place + 1]
                between = since + (until - since - MOMENT) * dice.random()
                for instant in (since, between):
                    state = scene.recoup.ledger.state_as_of(customer, instant)
                    state = {subject: told(fields) for subject, fields in state.items()}
                    assert state == snapshots[since].get(customer, {}), instant
