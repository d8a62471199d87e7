"""`python -m benchmarks` measures what it finds and says when a promise is missed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PLANTED = """
import psycopg

FLOORS = {"moves": 10}
CEILINGS = {"waits": 5.0}


def run(url):
    with psycopg.connect(url) as connection:
        moves = connection.execute("SELECT count(*) FROM recoup.moves").fetchone()[0]
    return {"moves": moves, "waits": WAITS, "note": "no number"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with two benchmarks, one of which misses a promise."""
    package = tmp_path / "benchmarks"
    package.mkdir()
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(ROOT / "benchmarks" / name, package)
    (package / "keeps.py").write_text(PLANTED.replace("WAITS", "5.0"))
    (package / "misses.py").write_text(PLANTED.replace("WAITS", "5.1"))
    (package / "words.py").write_text("AN_HOUR = 3600\n")
    return tmp_path


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


class TestTheBenchmarks:
    def test_measure_on_a_database_at_the_newest_schema_and_write_it_down(self, folder):
        result = bench(folder, "--only", "keeps", "--json")

        assert result.returncode == 0, result.stderr
        written = json.loads((folder / "benchmarks/results.json").read_text())
        assert written == json.loads(result.stdout)
        assert written["machine"]["processors"] >= 1
        assert written["benchmarks"]["keeps"]["moves"]["value"] > 10
        assert written["benchmarks"]["keeps"]["moves"]["floor"] == 10

    def test_end_with_1_when_a_promise_is_missed(self, folder):
        result = bench(folder)

        assert result.returncode == 1, result.stderr
        assert "misses: waits" in result.stderr
        assert "keeps: " not in result.stderr
        assert "missed" in result.stdout

    def test_start_nothing_when_the_budget_is_spent(self, folder):
        result = bench(folder, "--budget", "0")

        assert result.returncode == 0
        assert "no time for keeps" in result.stderr
        assert json.loads((folder / "benchmarks/results.json").read_text())["benchmarks"] == {}

    def test_name_those_there_are_when_asked_for_another(self, folder):
        result = bench(folder, "--only", "gone")

        assert result.returncode == 2
        assert "keeps, misses" in result.stderr
        assert "words" not in result.stderr

    def test_refuse_a_promise_that_nothing_measures(self, folder):
        (folder / "benchmarks/keeps.py").write_text("FLOORS = {'a': 1}\ndef run(url): return {}\n")

        result = bench(folder, "--only", "keeps")

        assert result.returncode == 1
        assert "KeyError: 'a'" in result.stderr
