"""`recoup simulate`: policies side by side, and no database."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from recoup.cli import main

DAILY = """
[[policy]]
key = "daily"
version = 1
timer = "fixed"
schedule = ["1d", "2d", "3d"]
"""

TIMER = """
from datetime import timedelta

from recoup.core.collection.timers import Next


def day(history):
    return Next(history.advanced_to + timedelta(days=1), "every day")
"""

#: A process in which the extra is not installed.
WITHOUT = """
import sys
sys.modules["matplotlib"] = None
from recoup.cli import main
main(["simulate", "--plot", sys.argv[1]])
"""


def run(*words):
    return CliRunner().invoke(main, ["simulate", "--payers", "20", *words])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "daily.toml"
    path.write_text(DAILY)
    return path


class TestSimulate:
    def test_shows_every_policy_side_by_side(self):
        result = run("--world", "monthly", "--seed", "4")

        assert result.exit_code == 0, result.output
        assert "monthly salaries" in result.output
        for word in ("default", "fixed 8-8-8, as is", "perfect knowledge", "no tries", "soft",
                     "at equal tries each"):  # fmt: skip
            assert word in result.output

    def test_compares_what_a_file_says(self, file):
        told = json.loads(run("--policy", str(file), "--json").stdout)["worlds"][0]

        assert told["world"] == "mixed"
        assert [one["name"] for one in told["policies"]][:2] == ["default", "daily"]

    def test_compares_a_timer_of_ones_own(self, file, tmp_path, monkeypatch):
        (tmp_path / "every_other.py").write_text(TIMER)
        monkeypatch.syspath_prepend(tmp_path)
        file.write_text(DAILY.replace('"fixed"', '"every_other:day"').split("schedule")[0])

        told = json.loads(run("--policy", str(file), "--json").stdout)["worlds"][0]["policies"]
        assert told[1]["name"] == "daily"
        assert told[1]["tries"] > told[0]["tries"]

    def test_shows_what_each_policy_makes_of_a_first_decline(self, file):
        said = run("--policy", str(file)).output

        (heading,) = (line for line in said.splitlines() if "first decline" in line)
        assert heading.split() == "first decline payers default daily perfect knowledge".split()

    def test_shows_one_payer_too_and_dashes_where_there_is_no_figure(self):
        said = CliRunner().invoke(main, ["simulate", "--payers", "1"]).output

        assert "1 payer who owes" in said
        (row,) = (line for line in said.splitlines() if "no tries" in line)
        assert "–" in row

    def test_says_the_same_twice(self):
        assert run("--json").stdout == run("--json").stdout

    def test_writes_its_figures(self, tmp_path):
        path = tmp_path / "figures.csv"

        assert run("--csv", str(path), "--world", "tight", "--world", "noisy").exit_code == 0
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert {row["world"] for row in rows} == {"tight", "noisy"}
        assert {"default", "perfect knowledge", "default, 1 at most"} < {r["name"] for r in rows}

    @pytest.mark.parametrize(("kind", "begins"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
    def test_draws(self, tmp_path, kind, begins):
        path = tmp_path / f"recovery.{kind}"

        drawn = run("--plot", str(path))
        assert drawn.exit_code == 0
        assert f"Written: {path}" in drawn.output
        assert path.read_bytes().startswith(begins)

    def test_draws_the_same_twice(self, tmp_path):
        first, again = tmp_path / "a.svg", tmp_path / "b.svg"
        for path in (first, again):
            run("--plot", str(path))

        assert first.read_bytes() == again.read_bytes()

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            pytest.param(("--payers", "0"), "range", id="nobody"),
            pytest.param(("--world", "moon"), "'moon'", id="an unknown world"),
            pytest.param(("--policy", "gone.toml"), "does not exist", id="no file"),
            pytest.param(("--plot", "x.pdf"), ".svg or .png", id="an unknown kind of picture"),
            pytest.param(("--plot", "gone/x.svg"), "no folder gone", id="nowhere to draw"),
            pytest.param(("--csv", "gone/x.csv"), "no folder gone", id="nowhere to write"),
        ],
    )
    def test_called_wrongly_exits_2(self, words, complaint):
        result = run(*words)

        assert result.exit_code == 2
        assert complaint in result.output

    def test_refuses_a_file_that_would_be_taken_for_another(self, file):
        result = run("--policy", str(file), "--policy", str(file))

        assert result.exit_code == 2
        assert "daily would be compared twice" in result.output

    def test_refuses_a_timer_that_is_not_there(self, file):
        file.write_text(DAILY.replace('"fixed"', '"gone:timer"').split("schedule")[0])
        result = run("--policy", str(file))

        assert result.exit_code == 2
        assert "No module named 'gone'" in result.output

    def test_refuses_a_file_without_policies(self, file):
        file.write_text("")
        result = run("--policy", str(file))

        assert result.exit_code == 2
        assert "at least one [[policy]]" in result.output

    def test_refuses_a_policy_that_contradicts_itself(self, file):
        file.write_text(DAILY.replace('"2d"', '"1d"'))

        assert run("--policy", str(file)).exit_code == 2

    def test_names_the_extra_that_a_plot_needs(self, tmp_path):
        path = tmp_path / "recovery.svg"

        result = subprocess.run(
            [sys.executable, "-c", WITHOUT, str(path)], capture_output=True, text=True, check=False
        )

        assert result.returncode == 2
        assert "pip install 'recoup[plot]'" in result.stderr
        assert not path.exists()
