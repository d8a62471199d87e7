from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime

import pytest


@pytest.fixture
def deaf(cli, world, home, simulated):
    """A terminal on an installation that has never heard of what its processor holds."""
    home.mkdir(exist_ok=True)
    shutil.copy(world.file, home / "fake.sqlite3")
    simulated(datetime(2026, 2, 3, tzinfo=UTC))
    return cli


class TestRecover:
    def test_takes_in_what_did_not_arrive_and_decides_on_it(self, deaf, world):
        told = deaf.json("recover", "--since", "2026-01-01")

        assert told["missed"] > 0
        assert told["recovered"]["finished"] is True
        assert len(deaf.json("customers", "list")["customers"]) == 4
        assert len(deaf.json("cases", "list")["cases"]) == 3

    def test_finds_nothing_the_second_time(self, deaf):
        deaf("recover", "--since", "2026-01-01")

        again = deaf("recover", "--since", "2026-01-01")

        assert again.output.startswith("0 events had not arrived.")
        assert "0 were otherwise than we knew" in again.output

    def test_is_told_by_the_doctor(self, deaf):
        deaf("recover", "--since", "2026-01-01")

        found = {one["name"]: one for one in deaf.json("doctor")["findings"]}

        assert found["recovery"]["level"] == "warn"
        assert "events had not arrived" in found["recovery"]["what"]

    def test_wants_to_know_since_when(self, cli):
        assert cli("recover").exit_code == 2

    def test_refuses_an_instant_that_is_still_to_come(self, deaf):
        assert "still to come" in deaf("recover", "--since", "2199-01-01").output

    def test_prints_one_json_document(self, deaf):
        assert json.loads(deaf("recover", "--since", "2026-01-01", "--json").stdout)
