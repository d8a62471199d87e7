"""Engines that fail, or are not there: logged, counted, and never in the way of a decision."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from recoup import Recoup
from recoup.campaigns import ENGINES, Engines
from recoup.campaigns.base import BUILTIN, Many, Works
from recoup.campaigns.builtin import Builtin
from recoup.config import Config
from recoup.errors import ConfigError
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.store import campaigns
from recoup.testing.scene import Scene
from recoup.testing.suites.campaigns import campaign

DAY = timedelta(days=1)


class Broken:
    """It raises, or breaks the transaction it is given."""

    sql = False

    def start_campaign(self, connection, campaign, /):
        self._break(connection)

    def cancel_campaign(self, connection, campaign, /):
        self._break(connection)

    def _break(self, connection):
        if self.sql:
            connection.execute(text("SELECT 1 / 0"))
        raise RuntimeError("out of order")


class Sql(Broken):
    sql = True


class Plain:
    """One campaign at a time, and no effects of its own."""

    def __init__(self):
        self.seen = []

    def start_campaign(self, connection, campaign, /):
        self.seen.append(("start", campaign.case_id))

    def cancel_campaign(self, connection, campaign, /):
        self.seen.append(("cancel", campaign.case_id))


class Picky(Plain):
    """It can not do with the second case."""

    def start_campaign(self, connection, campaign, /):
        super().start_campaign(connection, campaign)
        connection.execute(text("INSERT INTO settings VALUES (:name, '1')"),
                           {"name": f"case {campaign.case_id}"})  # fmt: skip
        if campaign.case_id == 2:
            raise RuntimeError("not this one")


class Looking(Plain):
    """It looks at what is written by the time it is told."""

    def start_campaign(self, connection, campaign, /):
        self.seen.append(("start", written(connection, campaign)))

    def cancel_campaign(self, connection, campaign, /):
        self.seen.append(("cancel", written(connection, campaign)))


def written(connection, campaign):
    """Return how the case has ended, and which events of campaigns there are for the host."""
    sql = "SELECT ending FROM cases WHERE id = :id"
    ending = connection.scalar(text(sql), {"id": campaign.case_id})
    sql = "SELECT type FROM host_events WHERE type LIKE 'dunning.%' ORDER BY id"
    types = connection.scalars(text(sql))
    return ending, [type.partition(".")[2] for type in types]


def failures(scene):
    sql = "SELECT engine, verb, error FROM campaign_failures ORDER BY id"
    return [(row["engine"], row["verb"], row["error"]) for row in scene.rows(sql)]


@pytest.fixture(params=[Broken, Sql], ids=["raises", "breaks the transaction"])
def scene(request, database_url, home):
    with Scene.open(database_url, home) as opened:
        opened.recoup.engine.campaigns._made[None] = request.param()
        yield opened
        assert opened.violations() == ()


class TestAnEngineThatFails:
    def test_changes_nothing_of_what_is_decided(self, scene, caplog):
        ada = scene.subscriber(Declines(NO_FUNDS))
        with caplog.at_level(logging.ERROR, "recoup.campaigns"):
            scene.live(days=31, hours=10)
            scene.fake.update_method(ada.method, payer=Pays())
            (owed,) = scene.rows("SELECT processor_id FROM invoices WHERE status = 'open'")
            scene.fake.customer_pays(owed["processor_id"])
            scene.pace.settle()

        assert [verb for _, verb, _ in failures(scene)] == ["start", "cancel"]
        assert "of 1 campaigns by us failed" in caplog.text
        assert [case["ending"] for case in scene.rows("SELECT ending FROM cases")] == ["recovered"]
        assert len([m for m in scene.outbox.messages if "did not go" in m["Subject"]]) == 1

    def test_delays_no_notice(self, scene):
        scene.subscriber(Declines(NO_FUNDS))
        scene.live(days=60)

        sql = "SELECT due_at, delivered_at FROM notices WHERE delivered_at IS NOT NULL"
        late = [n["delivered_at"] - n["due_at"] for n in scene.rows(sql)]
        assert len(late) == 4
        assert max(late) < DAY


class TestWhatIsKeptOfAFailure:
    def test_goes_after_ninety_days(self, database_url, home):
        with Scene.open(database_url, home) as scene:
            scene.recoup.engine.campaigns._made[None] = Broken()
            scene.subscriber(Declines(NO_FUNDS))
            scene.live(days=31, hours=10)
            (row,) = scene.rows("SELECT failed_at FROM campaign_failures")
            worker, left = scene.recoup.worker(), []

            for after in (timedelta(0), timedelta(microseconds=1)):
                scene.clock.set(row["failed_at"] + 90 * DAY + after)
                worker.wind("prune")
                left.append(len(failures(scene)))

            assert left == [1, 0]

    def test_goes_no_faster_than_its_limit(self, database_url, home):
        with Scene.open(database_url, home) as scene:
            scene.recoup.engine.campaigns._made[None] = Broken()
            for n in range(3):
                scene.subscriber(Declines(NO_FUNDS), email=f"{n}@example.com")
            scene.live(days=31, hours=10)

            with scene.recoup.database.begin() as connection:
                gone = [campaigns.prune(connection, scene.now + DAY, limit=2) for _ in range(3)]

            assert gone == [2, 1, 0]


class TestAnEngineThatIsTold:
    def test_finds_the_case_and_the_event_written(self, database_url, home):
        with Scene.open(database_url, home) as scene:
            looking = Looking()
            scene.recoup.engine.campaigns._made[None] = looking
            scene.recoup.on("dunning.started", "dunning.ended", name="host")(lambda _: None)
            ada = scene.subscriber(Declines(NO_FUNDS))
            scene.live(days=31, hours=2)
            scene.fake.update_method(ada.method, payer=Pays())
            scene.fake.customer_pays(scene.fake.invoices_of(ada.subscription)[-1].id)
            scene.pace.settle()

            assert looking.seen == [
                ("start", (None, ["started"])),
                ("cancel", ("recovered", ["started", "ended"])),
            ]
            assert scene.violations() == ()


class TestEnginesThatCasesWereHandedOverTo:
    @pytest.fixture
    def carried(self, database_url, home, example):
        """A case that another engine was told of, and the settings without that engine."""
        with Scene.open(database_url, home, campaign_engine="engine:Handover") as scene:
            scene.subscriber(Declines(NO_FUNDS))
            scene.live(days=31, hours=10)
            yield scene, Config.load(database_url=database_url, home=home)

    def test_have_their_effects_run_when_new_cases_go_to_another(self, carried):
        scene, config = carried

        with Recoup(config, processor=scene.fake, clock=scene.clock) as recoup:
            assert "handover" in recoup.handlers
            assert recoup.engine.policies.engine is None

    def test_stop_nobody_when_they_are_gone(self, carried, caplog):
        scene, config = carried
        with scene.recoup.database.begin() as connection:
            connection.execute(text("UPDATE cases SET engine = 'gone:Engine'"))

        with Recoup(config, processor=scene.fake, clock=scene.clock) as recoup:
            assert "handover" not in recoup.handlers
        assert "the engine of older cases can not be had" in caplog.text


class TestEngines:
    def test_are_ours_unless_a_case_names_another(self):
        assert isinstance(Engines().named(None), Builtin)
        assert {name: type(make()) for name, make in ENGINES.items()} == {BUILTIN: Builtin}
        assert isinstance(Builtin(), Many)

    def test_are_told_one_by_one_where_they_take_no_batches(self, engine):
        plain = Plain()
        engines = Engines({"plain:Plain": plain})
        both = {"plain:Plain": [campaign(1), campaign(2)]}

        with engine.begin() as connection:
            engines.start(connection, both)
            engines.cancel(connection, both)

        assert plain.seen == [("start", 1), ("start", 2), ("cancel", 1), ("cancel", 2)]
        assert not isinstance(plain, Many | Works)
        assert engines.handlers("plain:Plain") == {}

    def test_that_fail_at_one_campaign_take_on_the_others(self, database_url, home, caplog):
        with Scene.open(database_url, home) as scene:
            for n in range(3):
                scene.subscriber(Declines(NO_FUNDS), email=f"{n}@example.com")
            scene.live(days=31, hours=2)
            people = scene.rows("SELECT id, customer_id FROM cases ORDER BY id")
            some = [replace(campaign(row["id"]), customer_id=row["customer_id"]) for row in people]
            picky = Picky()
            engines = Engines({"picky:Picky": picky})
            with scene.recoup.database.begin() as connection:
                engines.start(connection, {"picky:Picky": some})

            assert [case for _, case in picky.seen] == [1, 2, 3]
            kept = "SELECT name FROM settings WHERE name LIKE 'case %' ORDER BY name"
            assert [row["name"] for row in scene.rows(kept)] == ["case 1", "case 3"]
            found = scene.rows("SELECT case_id, engine, verb FROM campaign_failures")
            assert found == [{"case_id": 2, "engine": "picky:Picky", "verb": "start"}]
            assert "start of 1 campaigns by picky:Picky failed" in caplog.text

    def test_that_are_gone_are_an_error_only_for_who_asks_for_them(self, engine):
        with pytest.raises(ConfigError, match="got 'gone:Engine' \\(ModuleNotFoundError"):
            Engines().named("gone:Engine")
