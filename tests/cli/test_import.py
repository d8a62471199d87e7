from __future__ import annotations

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


class TestImport:
    def test_brings_everybody_and_says_what_would_be_decided(self, deaf):
        told = deaf.json("import", "fake")

        assert told["imported"]["objects"]["customer"] == 4
        assert told["would"]["changes"]["case opened"] == 3
        assert len(deaf.json("customers", "list")["customers"]) == 4
        assert deaf.json("cases", "list")["cases"] == []

    def test_says_it_in_words(self, deaf):
        result = deaf("import", "fake")

        assert "Nothing was decided. Of 4 customers something would change about 3:" in (
            result.output
        )
        assert "3 × case opened" in result.output

    def test_lets_it_happen_when_told_to(self, deaf):
        deaf("import", "fake")

        result = deaf("import", "fake", "--go")

        assert result.output.startswith("Decided on 4 customers.")
        assert len(deaf.json("cases", "list")["cases"]) == 3

    def test_is_told_by_the_doctor_until_it_is_let_go(self, deaf):
        deaf("import", "fake")
        before = {one["name"]: one for one in deaf.json("doctor")["findings"]}
        deaf("import", "fake", "--go")
        after = {one["name"] for one in deaf.json("doctor")["findings"]}

        assert before["import"]["what"] == "4 customers are held, nothing is decided about them"
        assert "import" not in after

    def test_has_nothing_to_let_go_before_there_was_one(self, deaf):
        result = deaf("import", "fake", "--go")

        assert result.exit_code != 0
        assert "nothing was imported" in result.output

    def test_refuses_another_processor_than_the_one_it_works_with(self, deaf):
        result = deaf("import", "stripe")

        assert result.exit_code != 0
        assert "works with fake" in result.output
