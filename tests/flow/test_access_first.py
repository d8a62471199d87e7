"""What is given back comes before everything that takes away, however much of that waits."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from host import Host
from house import House

from recoup.jobs.base import Handler, Snooze
from recoup.store.access import RESTORE, SYNC

HOUR = timedelta(hours=1)
MANY = 10_000
#: How long a thread is waited for that must come; it comes at once.
LONG = 60.0

CROWD = """
    WITH crowd AS (
        INSERT INTO customers (processor, processor_id, created_at)
        SELECT 'fake', 'cus_crowd_' || n, :now FROM generate_series(1, :many) n RETURNING id
    ), known AS (
        INSERT INTO access_versions (customer_id, version, changed_at, behind_since)
        SELECT id, 1, :now, :now FROM crowd
    )
    INSERT INTO effects (kind, key, queue, customer_id, args, due_at, created_at)
    SELECT 'sync_access', 'access:' || id, 'default', id, '{}', :now, :now FROM crowd"""


@pytest.fixture
def house(shop):
    return House(shop)


@pytest.fixture
def host(house):
    made = Host()
    house.access.use(made.apply)
    return made


def put_off(order):
    """Return a handler that notes that it was run, and does nothing for an hour."""

    def run(claims, desk):
        order.extend(claim.kind for claim in claims)
        with desk.engine.begin() as connection:
            later = Snooze(desk.now() + HOUR, "not in this test")
            desk.settle(connection, dict.fromkeys(claims, later))

    return Handler(run, batch=MANY)


class TestARecovery:
    def test_is_undone_before_the_ten_thousand_who_wait_to_be_restricted(self, house, host):
        (ada,) = house.limited()
        house.shop.do(CROWD, now=house.now - HOUR, many=MANY)
        order = []
        house.handlers[SYNC] = put_off(order)
        host.after = lambda _: order.append(RESTORE)

        house.pay(ada)

        assert order == [RESTORE] + [SYNC] * MANY
        assert house.standing(ada) == "current"

    def test_takes_the_place_of_what_took_away_and_was_not_told_yet(self, house, host):
        def down(_):
            raise OSError("down")

        host.before = down
        (ada,) = house.limited()
        host.before = lambda _: None
        house.shop.do(CROWD, now=house.now - HOUR, many=100)
        order = []
        house.handlers[SYNC] = put_off(order)

        house.pay(ada)

        assert host.told[-1] == ("current", [])
        assert house.shop.rows(
            "SELECT kind, state FROM effects WHERE key = 'access:' || :id ORDER BY id", id=ada
        ) == [(RESTORE, "done")]
        assert house.standing(ada) == "current"

    def test_is_undone_while_the_host_hangs_over_a_restriction(self, house, host):
        ada, bob = house.limited(2)
        over, hangs, restored, stop = (threading.Event() for _ in range(4))

        def slow(state):
            if state.customer == bob:
                hangs.set()
                over.wait(LONG)

        host.before = slow
        host.after = lambda state: restored.set() if state.restored else None
        house.access.retry(bob)
        worker = house.worker()
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        try:
            assert hangs.wait(LONG)
            house.pay(ada, tell=False)
            assert restored.wait(LONG)
            assert host.held[ada].restored
        finally:
            over.set()
            stop.set()
            thread.join()
