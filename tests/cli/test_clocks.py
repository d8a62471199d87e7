"""What recurs, wound by hand, and what shows when nobody winds it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from recoup.work import CLOCKS

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def tick(cli):
    """Tick at noon and so much, and tell which clocks ran."""

    def ticked(after=timedelta(0), *words, **more):
        done = cli.json("tick", "--now", (NOON + after).isoformat(), *words, **more)
        return {name: run["ran"] for name, run in done["clocks"].items() if run["ran"]}

    return ticked


def clocks(cli, name="clocks"):
    found = {one["name"]: one for one in cli.json("doctor")["findings"]}
    return found.get(name)


def late(cli, simulated, after):
    """Let noon and so much be now with nobody at work, and tell what the doctor finds."""
    simulated(NOON + after)
    return clocks(cli)


class TestTheActivationClock:
    def test_runs_when_the_clock_moves_over_minute_20(self, tick):
        ran = [
            "activation" in tick(after)
            for after in (0 * MINUTE, 20 * MINUTE - SECOND, 20 * MINUTE, 21 * MINUTE, 79 * MINUTE)
        ]

        assert ran == [False, False, True, False, False]

    def test_runs_once_however_far_the_clock_moves(self, tick):
        tick()

        assert tick(timedelta(days=3))["activation"] == 1
        assert tick(timedelta(days=3, minutes=19)) == {
            "absorb": 1, "documents": 1, "sweep": 1,
        }  # fmt: skip

    @pytest.mark.parametrize(("after", "runs"), [(34 * MINUTE, False), (35 * MINUTE, True)])
    def test_runs_at_the_minute_that_is_set(self, cli, after, runs):
        for at in (NOON, NOON + after):
            result = cli("tick", "--now", at.isoformat(), recoup_activation_minute="35")

        assert ("activation" in result.output) == runs

    def test_counts_from_when_the_installation_was_opened(self, cli, tick):
        """A first tick the day after still finds what was due in between."""
        cli("customers", "list")
        cli("tick", "--clock", "prune", "--now", NOON.isoformat())

        assert tick(timedelta(days=1))["activation"] == 1


class TestTickingOneClock:
    def test_runs_it_though_it_is_not_due(self, tick, cli):
        tick()

        assert tick(MINUTE, "--clock", "activation") == {"activation": 1}
        shown = cli.json("tick", "--clock", "activation")["clocks"]["activation"]

        assert shown["runs"] == 2
        assert shown["last_run"] == "2026-03-02T12:01:00Z"
        assert shown["due_at"] == "2026-03-02T12:20:00Z"

    def test_takes_several(self, tick):
        assert tick(0 * MINUTE, "--clock", "prune", "--clock", "sweep") == {"prune": 1, "sweep": 1}

    def test_looks_at_nobody_else(self, shop):
        done = shop.json("tick", "--clock", "prune", "--now", "2026-02-10T12:00:00Z")

        assert (done["customers"], done["passes"]) == (0, 0)
        assert "nobody's time" not in shop("tick", "--clock", "prune").output

    def test_lists_them_when_there_is_no_such(self, cli):
        result = cli("tick", "--clock", "activation", "--clock", "cuckoo")

        assert result.exit_code == 2
        assert f"expected some of {', '.join(CLOCKS)}, got cuckoo" in result.output

    def test_says_when_somebody_else_is_running_it(self, cli, tick, engine):
        tick()
        with engine.begin() as connection:
            taken = "SELECT pg_advisory_xact_lock(hashtext('recoup clock ' || current_schema()), "
            connection.execute(text(taken + "hashtext('activation'))"))

            result = cli("tick", "--clock", "activation")

        assert result.exit_code == 1
        assert "activation is being run by somebody else" in result.output


class TestTheDoctor:
    @pytest.mark.parametrize(
        ("after", "level"),
        [(35 * MINUTE - SECOND, "ok"), (35 * MINUTE, "wrong")],
    )
    def test_names_the_clock_that_missed_its_run(self, cli, tick, simulated, engine, after, level):
        tick()
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE clocks SET due_at = :later WHERE name <> 'activation'"),
                {"later": NOON + timedelta(days=1)},
            )

        found = late(cli, simulated, after)

        assert found["level"] == level
        if level == "wrong":
            assert found["what"] == (
                "missed: activation is late by 0:15:00 (has never run, "
                "due since 2026-03-02 12:20 UTC)"
            )
            assert "recoup worker" in found["help"]

    def test_says_when_a_late_one_last_ran(self, cli, tick, simulated):
        tick()

        found = late(cli, simulated, 20 * MINUTE)

        assert "sweep is late by 0:19:50 (last ran 2026-03-02 12:00 UTC" in found["what"]
        assert "activation" not in found["what"]

    def test_names_those_that_no_process_ever_ran(self, cli):
        found = clocks(cli)

        assert found["level"] == "warn"
        assert all(name in found["what"] for name in CLOCKS)

    def test_finds_one_that_an_older_version_did_not_have(self, cli, tick, engine):
        tick()
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM clocks WHERE name = 'activation'"))

        found = clocks(cli)

        assert (found["level"], found["what"]) == ("wrong", "missed: activation")

    def test_tells_why_one_fails_and_how_to_try_it(self, cli, tick, engine):
        tick()
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE clocks SET failures = 3, error = 'no disk' WHERE name = 'prune'")
            )

        found = clocks(cli, "failing clocks")
        assert (found["level"], found["what"]) == ("wrong", "prune (3 in a row): no disk")
        assert "recoup tick --clock prune" in found["help"]

        tick(0 * MINUTE, "--clock", "prune")
        assert clocks(cli, "failing clocks") is None

    def test_says_which_queue_is_left_out(self, shop, simulated):
        shop("tick", "--now", "2026-02-04T12:00Z")
        simulated(datetime(2026, 2, 4, 13, tzinfo=UTC))

        result = shop("doctor", recoup_queues="mail,default")

        assert "RECOUP_QUEUES leaves out billing: have workers serve that too." in result.output
        assert "leaves out" not in shop("doctor").output


class TestAClockThatFails:
    def test_ends_the_tick_with_1_and_is_named(self, cli, engine):
        cli("tick", "--now", NOON.isoformat())
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE gates RENAME TO locked_away"))

        result = cli("tick", "--clock", "activation")

        assert result.exit_code == 1
        assert "activation failed: " in result.output


class TestTheWorker:
    def test_serves_the_queues_of_the_settings(self, shop):
        shop("tick", "--now", "2026-02-04T12:00Z")

        result = shop("worker", "--drain", recoup_queues="mail")

        assert "send_mail" in result.output
        assert "collect" not in result.output

    def test_serves_what_it_is_told_to_all_the_same(self, shop):
        shop("tick", "--now", "2026-02-04T12:00Z")

        result = shop("worker", "--drain", "--queues", "billing", recoup_queues="mail")

        assert "send_mail" not in result.output
        assert "collect" in result.output
