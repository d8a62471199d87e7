from __future__ import annotations

import json

import pytest


class TestIngest:
    def test_counts_what_became_of_the_lines(self, cli, world, tmp_path):
        file = tmp_path / "events.jsonl"
        file.write_bytes(world.events)

        told = cli.json("ingest", str(file))

        assert told["lines"] == told["stored"] == world.events.count(b"\n")
        assert told["applied"] + sum(told["ignored"].values()) == told["stored"]
        assert told["parked"] == {}

    def test_changes_nothing_the_second_time(self, shop, world):
        before = shop.json("customers", "list")

        again = shop("ingest", "-", "--json", stdin=world.events)

        assert json.loads(again.stdout)["duplicates"] == world.events.count(b"\n")
        assert json.loads(again.stdout)["stored"] == 0
        assert shop.json("customers", "list") == before

    def test_parks_what_it_can_not_understand_and_exits_1(self, cli, world):
        result = cli("ingest", "-", stdin=b"{half of\n" + world.events)

        assert result.exit_code == 1
        assert "Parked 1" in result.output
        assert "recoup webhooks list --state parked" in result.output
        assert len(cli.json("customers", "list")["customers"]) == 4

    def test_reads_several_files(self, cli, world, tmp_path):
        lines = world.events.splitlines(keepends=True)
        (tmp_path / "a").write_bytes(b"".join(lines[:20]))
        (tmp_path / "b").write_bytes(b"".join(lines[20:]))

        told = cli.json("ingest", str(tmp_path / "a"), str(tmp_path / "b"))

        assert told["stored"] == len(lines)

    def test_of_a_file_that_is_not_there_stores_nothing(self, cli, world, tmp_path):
        (tmp_path / "a").write_bytes(world.events)

        result = cli("ingest", str(tmp_path / "a"), str(tmp_path / "gone"))

        assert result.exit_code == 2
        assert "gone" in result.output
        assert cli.json("webhooks", "list")["events"] == []

    @pytest.mark.parametrize(("size", "kept"), [(2**20, "parked"), (5 * 2**20, "parked")])
    def test_keeps_a_line_without_end_out_of_memory(self, cli, world, size, kept):
        result = cli("ingest", "-", "--json", stdin=b"x" * size + b"x\n" + world.events)

        told = json.loads(result.stdout)
        assert told["lines"] == world.events.count(b"\n") + 1
        assert sum(told[kept].values()) == 1
        assert result.exit_code == 1
