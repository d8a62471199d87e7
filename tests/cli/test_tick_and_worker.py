from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RECOUP = Path(sys.executable).with_name("recoup")


class TestTick:
    def test_looks_at_those_whose_time_has_come(self, shop):
        done = shop.json("tick", "--now", "2026-02-10T12:00:00Z")

        assert done["customers"] >= 3
        assert done["failed"] == []
        assert done["clocks"]["sweep"]["ran"] == 1

    def test_says_when_nobodys_time_had_come(self, shop):
        result = shop("tick")

        assert result.exit_code == 0
        assert "2026-02-03 00:00 UTC: nobody's time had come." in result.output

    def test_moves_a_simulated_clock_for_good(self, shop):
        shop("tick", "--now", "2026-02-05")

        assert "it is 2026-02-05 00:00 UTC" in shop("doctor").output

    def test_never_moves_a_simulated_clock_back(self, shop):
        result = shop("tick", "--now", "2026-02-02T23:59:59Z")

        assert result.exit_code == 2
        said = " ".join(result.output.split())
        assert "the simulated clock is at 2026-02-03T00:00:00+00:00 and never goes back" in said

    def test_gives_a_database_in_real_time_a_simulated_clock_for_good(self, cli):
        assert "2031-01-01 00:00 UTC" in cli("tick", "--now", "2031-01-01").output
        assert "simulated, it is 2031-01-01 00:00 UTC" in cli("doctor").output

    def test_refuses_an_instant_that_leaves_no_room(self, cli):
        result = cli("tick", "--now", "9999-12-31T23:00:00Z")

        assert result.exit_code == 2
        assert "the latest is 2200-01-01" in result.output

    def test_once_makes_one_pass(self, shop):
        assert shop.json("tick", "--once", "--now", "2026-02-10T12:00Z")["passes"] == 1

    def test_runs_no_effect(self, shop):
        shop("tick", "--now", "2026-02-10T12:00Z")

        states = shop.json("effects", "list")["counts"]
        assert set(states) == {"scheduled"}

    def test_exits_1_when_a_customer_can_not_be_decided_on(self, shop, engine):
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE cases SET policy = 'gone/1' WHERE customer_id = 2")

        result = shop("tick", "--now", "2026-02-10T12:00Z")

        assert result.exit_code == 1
        assert "Customer 2 failed" in result.output
        assert "gone/1" in result.output


class TestADrainingWorker:
    def test_does_what_is_due_and_ends(self, shop):
        shop("tick", "--now", "2026-02-04T12:00Z")

        ran = shop.json("worker", "--drain")["ran"]

        mails = [
            (effect["state"], effect["reason"])
            for effect in shop.json("effects", "list")["effects"]
            if effect["kind"] == "send_mail"
        ]
        assert mails.count(("done", None)) == 3  # of the campaigns
        assert mails.count(("canceled", "its campaign tells of it")) == 4  # of the attempts
        assert ran["send_mail"] == 7
        assert ran["collect"] >= 1
        assert shop("worker", "--drain").output == "Nothing was due.\n"

    def test_keeps_to_its_queues(self, shop):
        shop("tick", "--now", "2026-02-04T12:00Z")

        ran = shop.json("worker", "--drain", "--queues", "mail")["ran"]

        assert set(ran) == {"send_mail"}

    @pytest.mark.parametrize("queues", ["post", "mail,post", ""])
    def test_knows_which_queues_there_are(self, cli, queues):
        result = cli("worker", "--drain", "--queues", queues)

        assert result.exit_code == 2
        assert "billing, webhooks, mail, documents, default" in result.output


class TestAWorker:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_stops_when_it_is_told_to(self, environment, number):
        with subprocess.Popen(
            [RECOUP, "worker", "--queues", "mail"],
            env=os.environ | environment,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            assert "working on mail" in process.stderr.readline()
            begun = time.monotonic()
            process.send_signal(number)
            rest = process.stderr.read()

        assert process.returncode == 0, rest
        assert rest.endswith("stopped\n")
        assert time.monotonic() - begun < 60
