"""Stripe is away for six hours while there is much to collect; and our database is restored."""

from __future__ import annotations

import time
from datetime import timedelta

import psycopg
import pytest
from cloning import create_clone
from sqlalchemy.engine import make_url
from stripe_dying import VERBS
from stripe_house import FAST, House
from stripe_judge import pass_by
from stripe_range import populated, portrait
from stripe_truth import things

from recoup.errors import KeyReused, NotPossible
from recoup.processors.fake.model import Charge
from recoup.store.line import state

DEBTORS = 8
#: How the outage is lived here.
STEP = timedelta(minutes=15)


def tries(house):
    """Return how our own tries stand, and how many there are for an invoice at most."""
    rows = house.rows(
        "SELECT state, count(*) AS n FROM attempts WHERE origin = 'retry' GROUP BY 1 ORDER BY 1"
    )
    most = house.rows(
        "SELECT max(n) AS n FROM (SELECT count(*) AS n FROM attempts WHERE origin = 'retry' "
        "GROUP BY invoice_id) x"
    )
    return {row["state"]: row["n"] for row in rows}, most[0]["n"]


class TestSixHoursWithoutStripe:
    def test_consume_no_try_and_end_in_one_collection_of_each(self, database_url, home, server):
        sent = []
        with House.of(
            database_url, home, server, watch=lambda *told: sent.append(time.monotonic())
        ) as house:
            populated(house, 0, DEBTORS)
            house.pace.settle = lambda: None  # nobody lives on by himself here
            charges, worker = len(things(house.fake, Charge)), house.recoup.worker()
            sent.clear()
            with server.down():
                resting = 0
                for _ in range(int(timedelta(hours=6) / STEP)):
                    house.move(STEP)
                    worker.tick("sweep")
                    worker.drain()
                    with house.recoup.database.connect() as connection:
                        resting += state(connection).resting
            self.was_left_alone(sent)
            assert resting > 20

            states, most = tries(house)
            assert most == 1
            assert set(states) <= {"intended", "requested", "unknown"}
            assert len(things(house.fake, Charge)) == charges

        with House.of(database_url, home, server) as house:
            pass_by(house, timedelta(days=2))
            # Of first tries nobody could say in time that they never left: they were given up.
            states, most = tries(house)
            assert states.pop("succeeded") == DEBTORS
            assert (states.keys() <= {"canceled"}, most <= 2) == (True, True)
            assert len(things(house.fake, Charge)) == charges + DEBTORS
            assert house.differences() == []

    def was_left_alone(self, sent):
        """After five silences one request a rest, which is a minute where nobody is in a hurry."""
        took = sent[-1] - sent[0]
        assert len(sent) <= 5 + 3 + took / FAST.rest.total_seconds() + 1


class TestADatabaseOfAnHourBefore:
    @pytest.fixture
    def copy(self, server_url, database_url):
        """Make a copy of the database; nobody is connected to it meanwhile."""
        there = make_url(database_url)
        made = f"{there.database}_before"

        def make():
            with psycopg.connect(server_url, autocommit=True) as admin:
                create_clone(admin, made, of=there.database)
            return there.set(database=made).render_as_string(hide_password=False)

        yield make
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{made}" WITH (FORCE)')

    def test_that_goes_on_charges_nobody_twice(self, database_url, home, server, copy):
        """The cycle is run again, and the host asks again for all that it asked for then."""
        with House.of(database_url, home, server, mode="payload") as house:
            people, debtors = populated(house, 2 * len(VERBS), DEBTORS)
            asked = dict(zip(VERBS, people, strict=False)) | {"collect": debtors[0]}
        before = copy()
        with House.of(database_url, home, server) as house:
            assert self.live_an_hour(house, asked) == set()
            assert house.differences() == []
            everybody = [who.customer for who in (*people, *debtors)]
            lived = {name: portrait(house.fake, name) for name in everybody}
            since = house.now - timedelta(hours=2)
        assert sum(one.state == "succeeded" for one in things(server.fake, Charge)) > DEBTORS

        with House.of(before, home, server) as house:
            # The first two name the second that they prorate from, and it is another one now.
            # The third finds its invoice paid, by a payment that is not known here.
            assert self.live_an_hour(house, asked) <= {"change", "later", "charge"}
            assert {name: portrait(house.fake, name) for name in everybody} == lived
            house.recoup.recover(since)
            pass_by(house, timedelta(hours=1))

            assert {name: portrait(house.fake, name) for name in everybody} == lived
            # What had been written down before that hour's charge is lost, and nothing else is.
            (lost,) = house.differences()
            assert "no_charge_without_intent" in lost

    def live_an_hour(self, house, asked):
        """Return which verbs were refused."""
        refused = set()
        for verb, who in asked.items():
            try:
                VERBS[verb](house.recoup, who)
            except (KeyReused, NotPossible):
                refused.add(verb)
        house.pace.settle()
        pass_by(house, timedelta(hours=1))
        return refused
