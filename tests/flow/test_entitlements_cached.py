"""Answers about access kept in memory: as true as those that are read."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from recoup.entitlements import Entitlements
from recoup.store.listener import TRUSTED, Listener
from recoup.store.queries import access

EVERYTHING = frozenset({"seats", "edit", "look", "export"})


def soon(holds):
    """Wait until `holds()` is true."""
    known(holds, within=60.0)


def known(holds, *, within):
    """Ask until `holds()` is true; it must be whenever it is asked after `within` seconds."""
    began = time.monotonic()
    while True:
        asked = time.monotonic()
        if holds():
            return
        assert asked - began < within, "it did not come about"
        time.sleep(0.002)


@pytest.fixture
def asked(engine, buyers):
    entitlements = Entitlements(engine, buyers.plans(), processor="fake")
    yield entitlements
    entitlements.close()


@pytest.fixture
def cached(asked):
    return listening(asked.cached())


def listening(cached):
    cached.features("cus_nobody")
    soon(lambda: cached._listener.hears)
    return cached


def kept(cached, customer):
    """Whether the answer about a customer comes from memory."""
    return customer in cached._kept


class Trusting(Listener):
    """Trusts its last note to itself for as long as its connection lives, however busy all is."""

    @property
    def hears(self):
        return self._until > 0.0


def trusting(cached, engine):
    heard, lost = cached._heard, cached._forget_all
    cached._listener = Trusting(engine, access.CHANNEL, heard=heard, lost=lost)
    return listening(cached)


def until_all_is_heard(cached):
    """Wait for a note that the listener sends from now on: all news of before was before it."""
    now = time.monotonic()
    soon(lambda: cached._listener._until > now + TRUSTED)


def asked_until_kept(cached, *customers):
    """Ask until the answers are in memory; no news of what the test did is still on its way."""

    def asked():
        for customer in customers:
            cached.features(customer)
        return all(kept(cached, customer) for customer in customers)

    until_all_is_heard(cached)
    soon(asked)


def deaf(buyers):
    """Make the database say nothing, so that only memory or reading can answer."""
    for table in ("subscriptions", "restrictions", "cases", "customers"):
        buyers.run(f"ALTER TABLE {table} DISABLE TRIGGER USER")


class TestAnAnswer:
    def test_is_kept(self, asked, buyers, engine):
        cached = trusting(asked.cached(), engine)
        ada = buyers.customer()
        bought = buyers.subscription(ada)
        asked_until_kept(cached, ada)
        deaf(buyers)

        buyers.restrict(ada, bought)

        assert kept(cached, ada)
        assert cached.features(ada) == EVERYTHING
        assert cached.limit(ada, "projects") == 10

    def test_is_no_longer_kept_than_its_time(self, asked, buyers):
        cached = listening(asked.cached(ttl=timedelta(seconds=0.2)))
        ada = buyers.customer()
        bought = buyers.subscription(ada)
        asked_until_kept(cached, ada)
        deaf(buyers)

        buyers.restrict(ada, bought)

        soon(lambda: cached.features(ada) == {"export"})

        assert not cached.entitled(ada, "edit")

    def test_about_somebody_unknown_is_not_kept(self, cached, buyers):
        assert cached.features("cus_new") == frozenset()

        buyers.subscription(buyers.customer("cus_new"))

        assert cached.features("cus_new") == EVERYTHING

    def test_gives_way_to_newer_ones_when_there_is_no_room(self, asked, buyers):
        cached = listening(asked.cached(room=2))
        names = ["cus_1", "cus_2", "cus_3"]
        for name in names:
            buyers.subscription(buyers.customer(name))
        for name in names:
            asked_until_kept(cached, name)

        assert [kept(cached, name) for name in names] == [False, True, True]


def restricted(buyers, ada, bought):
    buyers.restrict(ada, bought)


def suspended_case(buyers, ada, bought):
    buyers.case(ada, bought)
    buyers.run("UPDATE cases SET ending = 'exhausted', ended_at = now()")


def changed(sql):
    return lambda buyers, _ada, _bought: buyers.run(sql)


LOSSES = {
    "a restriction": restricted,
    "an exhausted case": suspended_case,
    "an unpaid status": changed("UPDATE subscriptions SET status = 'unpaid'"),
    "a pause": changed("UPDATE subscriptions SET pause_behavior = 'void'"),
    "an end": changed("UPDATE subscriptions SET ended_at = now()"),
    "another price": changed("UPDATE subscriptions SET prices = '{other}'"),
    "an end that dunning asked for": changed(
        "UPDATE subscriptions SET end_requested_at = now(), end_reason = 'dunning_exhausted'"
    ),
    "a deleted subscription": changed("DELETE FROM subscriptions"),
    "a customer marked deleted": changed("UPDATE customers SET deleted = true"),
    "a deleted customer": changed("DELETE FROM customers"),
    "another name": changed("UPDATE customers SET processor_id = 'cus_renamed'"),
}


class SlowPlans:
    """Plans that are looked up, after the rows were read, only when `go` is set."""

    def __init__(self, plans):
        self.reached, self.go = threading.Event(), threading.Event()
        self._plans = plans

    def plan_of(self, price):
        self.reached.set()
        self.go.wait(60)
        return self._plans.plan_of(price)

    def __getattr__(self, name):
        return getattr(self._plans, name)


class TestAChange:
    @pytest.mark.parametrize("loss", LOSSES)
    def test_is_known_within_a_second_of_its_commit(self, cached, buyers, loss):
        ada = buyers.customer("cus_1")
        bought = buyers.subscription(ada)
        asked_until_kept(cached, "cus_1")
        assert cached.entitled("cus_1", "edit")

        LOSSES[loss](buyers, ada, bought)

        known(lambda: not cached.entitled("cus_1", "edit"), within=1.0)

    @pytest.mark.parametrize("gain", ["a new subscription", "a lifted restriction", "a payment"])
    def test_that_gives_is_known_as_soon(self, cached, buyers, gain):
        ada = buyers.customer()
        restriction = None
        if gain == "a lifted restriction":
            restriction = buyers.restrict(ada, buyers.subscription(ada))
        if gain == "a payment":
            buyers.subscription(ada, status="unpaid")
        asked_until_kept(cached, ada)
        assert not cached.entitled(ada, "edit")

        if gain == "a new subscription":
            buyers.subscription(ada)
        elif restriction is not None:
            buyers.lift(restriction)
        else:
            buyers.run("UPDATE subscriptions SET status = 'active'")

        known(lambda: cached.entitled(ada, "edit"), within=1.0)

    def test_is_not_known_before_its_commit(self, cached, buyers, engine):
        ada = buyers.customer()
        buyers.subscription(ada)
        asked_until_kept(cached, ada)

        with engine.connect() as connection:
            connection.exec_driver_sql("UPDATE subscriptions SET status = 'unpaid'")
            time.sleep(2 * TRUSTED)
            assert cached.entitled(ada, "edit")
            connection.rollback()

        assert cached.entitled(ada, "edit")

    def test_of_one_leaves_the_others_kept(self, cached, buyers):
        ada, eve = buyers.customer("cus_ada"), buyers.customer("cus_eve")
        for one in (ada, eve):
            buyers.subscription(one)
        asked_until_kept(cached, ada, "cus_ada", eve)

        buyers.run("UPDATE subscriptions SET status = 'unpaid' WHERE customer_id = :id", id=ada)
        soon(lambda: not kept(cached, ada))

        assert not kept(cached, "cus_ada")
        assert kept(cached, eve)

    def test_of_very_many_is_known(self, cached, buyers):
        names = [f"cus_{n}" for n in range(301)]
        ids = [buyers.customer(name) for name in names]
        asked_until_kept(cached, names[-1])
        assert not cached.entitled(names[-1], "edit")

        buyers.run(
            "INSERT INTO subscriptions (customer_id, processor, processor_id, status, prices, "
            "currency, collection_method, seen_at, seen_event) SELECT id, 'fake', 'sub_' || id, "
            "'active', '{p}', 'EUR', 'charge_automatically', now(), 'e' FROM unnest(:ids) AS id",
            ids=ids,
        )

        known(lambda: cached.entitled(names[-1], "edit"), within=1.0)

    def test_while_it_is_read_is_not_missed(self, engine, buyers):
        """What was read before a commit must not be kept after it."""
        slow = SlowPlans(buyers.plans())
        asked = Entitlements(engine, slow, processor="fake")
        ada = buyers.customer()
        buyers.subscription(ada)
        cached = listening(asked.cached())
        asking = threading.Thread(target=cached.features, args=(ada,))
        asking.start()
        slow.reached.wait()
        buyers.run("UPDATE subscriptions SET status = 'unpaid'")
        soon(lambda: any(ada in told for told in cached._under_way))
        slow.go.set()
        asking.join()

        assert not kept(cached, ada)
        assert not cached.entitled(ada, "edit")
        asked.close()

    def test_at_any_moment_is_never_overlooked(self, cached, buyers):
        """One thread asks all the time while access comes and goes."""
        ada = buyers.customer()
        buyers.subscription(ada)
        stop = threading.Event()

        def ask():
            while not stop.is_set():
                cached.entitled(ada, "edit")

        askers = [threading.Thread(target=ask) for _ in range(2)]
        for asker in askers:
            asker.start()
        try:
            for _ in range(15):
                buyers.run("UPDATE subscriptions SET status = 'unpaid'")
                soon(lambda: not cached.entitled(ada, "edit"))
                buyers.run("UPDATE subscriptions SET status = 'active'")
                soon(lambda: cached.entitled(ada, "edit"))
        finally:
            stop.set()
            for asker in askers:
                asker.join()


class TestARenewal:
    def test_tells_nobody(self, cached, buyers):
        ada = buyers.customer()
        buyers.subscription(ada)
        asked_until_kept(cached, ada)
        buyers.run(
            "UPDATE subscriptions SET period_end = now() + interval '1 month', seen_at = now(), "
            'metadata = \'{"a": "b"}\''
        )
        buyers.run("UPDATE customers SET email = 'ada@example.com'")
        until_all_is_heard(cached)

        assert kept(cached, ada)


class TestAListener:
    def kill(self, buyers):
        return buyers.run(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'recoup listener'"
        )

    def test_that_is_killed_lets_every_question_through(self, cached, buyers, engine):
        """Nothing tells of the restriction, so only reading can know it."""
        ada = buyers.customer()
        bought = buyers.subscription(ada)
        asked_until_kept(cached, ada)
        deaf(buyers)

        assert self.kill(buyers) == 1
        buyers.restrict(ada, bought)

        known(lambda: not cached.entitled(ada, "edit"), within=1.0)

    def test_that_was_killed_comes_back_and_keeps_again(self, cached, buyers):
        ada = buyers.customer()
        buyers.subscription(ada)
        asked_until_kept(cached, ada)

        assert self.kill(buyers) == 1
        soon(lambda: not kept(cached, ada))
        soon(lambda: cached.entitled(ada, "edit") and kept(cached, ada))
        buyers.run("UPDATE subscriptions SET status = 'unpaid'")

        known(lambda: not cached.entitled(ada, "edit"), within=1.0)

    def test_that_hears_nothing_of_itself_is_not_trusted(self, cached, buyers, engine):
        """As behind a pooler: the connection lives, and what is told does not come through."""
        ada = buyers.customer()
        bought = buyers.subscription(ada)
        asked_until_kept(cached, ada)
        deaf(buyers)
        cached._listener._own = "another_channel"
        buyers.restrict(ada, bought)

        known(lambda: not cached.entitled(ada, "edit"), within=2 * TRUSTED)

    def test_that_is_closed_leaves_the_questions_to_the_database(self, cached, buyers):
        ada = buyers.customer()
        bought = buyers.subscription(ada)
        asked_until_kept(cached, ada)

        cached.close()
        buyers.restrict(ada, bought)

        known(lambda: not cached.entitled(ada, "edit"), within=1.0)
        soon(lambda: not kept(cached, ada))

    def test_starts_with_the_first_question_and_ends_with_recoup(self, asked, buyers):
        before = set(threading.enumerate())  # and those of other tests that still end

        def listening_now():
            return {t.name for t in set(threading.enumerate()) - before} & {access.CHANNEL}

        cached = asked.cached()
        assert not listening_now()
        cached.features("cus_1")
        assert listening_now()

        asked.close()

        soon(lambda: not listening_now())
