from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

import one_owner
import pytest

from recoup.commands import owners
from recoup.errors import StaleRecord
from recoup.processors.fake import START
from recoup.testing.crash import Work, Workers, abandon
from recoup.testing.scene import Scene

ROUNDS = 64


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as opened:
        yield opened
        opened.pace.settle()
        assert opened.violations() == ()


def at_once(number, doing):
    """Do it in so many threads that start together; return what each returned or raised."""
    start = Barrier(number)

    def one(place):
        start.wait()
        try:
            return doing(place)
        except Exception as error:  # noqa: BLE001  it is what came of it
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def born(scene):
    """How many customers the processor made."""
    return sum(b'"customer.created"' in body for _, body in scene.fake.events())


class TestSixtyFourCallers:
    def test_get_one_row_and_one_customer(self, scene):
        customers = scene.recoup.customers
        found = at_once(
            64, lambda place: customers.get_or_create("user", "1", email=f"a{place}@b.c")
        )
        assert {type(each).__name__ for each in found} == {"Customer"}
        assert len({(each.id, each.processor_id) for each in found}) == 1
        assert scene.rows("SELECT count(*) AS n FROM customers")[0]["n"] == 1
        assert scene.rows("SELECT count(*) AS n FROM commands")[0]["n"] == 1
        assert born(scene) == 1

    def test_of_eight_owners_get_one_each(self, scene):
        customers = scene.recoup.customers
        found = at_once(64, lambda place: customers.get_or_create("user", place % 8))
        for owner in range(8):
            assert len({each.id for each in found[owner::8]}) == 1
        assert len({each.id for each in found}) == born(scene) == 8


def opened(url, home):
    home.mkdir(parents=True)
    return Work(url, home / "books.sqlite3", home, START)


class TestACaller:
    def test_that_another_overtakes_gets_their_customer_and_records_nothing(
        self, scene, monkeypatch
    ):
        customers, intent = scene.recoup.customers, owners._intent

        def overtaken(*given):
            monkeypatch.setattr(owners, "_intent", intent)
            customers.get_or_create("user", "1", email="first@b.c")
            return intent(*given)

        monkeypatch.setattr(owners, "_intent", overtaken)
        found = customers.get_or_create("user", "1", email="second@b.c")

        assert (found.email, found.processor_id is None) == ("first@b.c", False)
        assert scene.rows("SELECT count(*) AS n FROM commands")[0]["n"] == born(scene) == 1


class TestProcesses:
    def test_at_once_make_one_row_and_one_customer(self, database_url, home):
        where = opened(database_url, home)
        with Scene.open(database_url, home) as scene:
            workers = Workers()
            runs = at_once(4, lambda _place: workers.run(where, doing=one_owner.make))
            assert [run.killed for run in runs] == [False] * 4
            assert scene.rows("SELECT count(*) AS n FROM customers")[0]["n"] == 1
            assert born(scene) == 1
            scene.pace.settle()
            assert scene.violations() == ()

    def test_that_die_anywhere_leave_nothing_half_made(self, new_database, tmp_path):
        workers, graves = Workers(), []
        for step in count(1):
            url, home = new_database(), tmp_path / str(step)
            where = opened(url, home)
            run = workers.run(where, kill_at=step, doing=one_owner.make)
            if not run.killed:
                break
            graves.append(run.last)
            if abandon(url):  # it died asking: until its lease is over nobody else may ask
                workers.run(where)
            assert not workers.run(where, doing=one_owner.make).killed
            with Scene.open(url, home) as scene:
                scene.pace.settle()
                (row,) = scene.rows("SELECT owner_id, email, processor_id FROM customers")
                assert (row["owner_id"], row["email"]) == ("1", "ada@example.com"), run.last
                assert (born(scene), row["processor_id"] is None) == (1, False), run.last
                assert scene.violations() == (), run.last
        # Around each commit, and where the processor has received it and has done it.
        assert len(graves) >= 8


class TestTwoCallersWithOneVersion:
    @pytest.mark.parametrize("verb", ["update", "put_data", "patch_data"])
    def test_exactly_one_wins(self, scene, verb):
        customers = scene.recoup.customers
        id = customers.get_or_create("user", "1").id
        wins = [0, 0]
        for turn in range(ROUNDS):
            version = customers.get(id).version

            def change(place, turn=turn, version=version):
                if verb == "update":
                    return customers.update(id, name=f"{turn} {place}", version=version)
                return getattr(customers, verb)(id, {"turn": [turn, place]}, version=version)

            found = at_once(2, change)
            won = [not isinstance(each, StaleRecord) for each in found]
            assert sorted(won) == [False, True], found
            winner = won.index(True)
            wins[winner] += 1
            after = customers.get(id)
            expected = f"{turn} {winner}" if verb == "update" else [turn, winner]
            assert (after.name if verb == "update" else after.data["turn"]) == expected
        assert sum(wins) == ROUNDS


class TestCallersWithoutAVersion:
    def test_lose_nothing_of_each_other(self, scene):
        customers = scene.recoup.customers
        id = customers.get_or_create("user", "1").id
        found = at_once(16, lambda place: customers.update(id, metadata={f"k{place}": "x"}))
        assert [each for each in found if isinstance(each, Exception)] == []
        assert len(customers.get(id).metadata) == 16
