"""The command about what is sold."""

from __future__ import annotations

import pytest

PLANS = """
[plans.team]
prices = ["price_b", "price_a"]
features = ["edit", "export"]
limits = {seats = 10, projects = "unlimited"}

[features]
export = "floor"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "plans.toml"
    path.write_text(PLANS)
    return path


class TestCheck:
    def test_shows_a_file_that_is_sound(self, cli, file):
        result = cli("plans", "check", str(file))

        assert result.exit_code == 0
        for word in ("team", "price_a, price_b", "edit, export (floor)", "projects unlimited"):
            assert word in result.output
        assert cli.json("plans", "check", str(file)) == {
            "plans": {
                "team": {
                    "prices": ["price_a", "price_b"],
                    "features": ["edit", "export"],
                    "limits": {"projects": "unlimited", "seats": 10},
                }
            },
            "features": {"export": "floor"},
            "problem": None,
        }

    @pytest.mark.parametrize("as_json", [(), ("--json",)])
    def test_of_one_that_contradicts_itself_exits_1(self, cli, file, as_json):
        file.write_text(PLANS.replace("10", "-10"))

        result = cli("plans", "check", str(file), *as_json)

        assert result.exit_code == 1
        assert "limit 'seats'" in result.output

    def test_of_one_that_is_not_there_exits_2(self, cli):
        assert cli("plans", "check", "gone.toml").exit_code == 2


class TestDoctor:
    def test_looks_at_the_plans(self, cli, file):
        assert "plans.toml: team" in cli("doctor", recoup_plans=str(file)).output
        assert "nobody is entitled" in cli("doctor").output

        file.write_text("[plans]")
        result = cli("doctor", recoup_plans=str(file))

        assert result.exit_code == 1
        assert "recoup plans check" in result.output


class TestShow:
    def test_shows_the_plans_in_use(self, cli, file):
        assert "price_a" in cli("plans", "show", recoup_plans=str(file)).output

    def test_says_that_nothing_is_sold(self, cli):
        assert "RECOUP_PLANS is unset" in cli("plans", "show").output
        assert cli.json("plans", "show") == {"plans": {}, "features": {}}

    @pytest.mark.parametrize("text", ["[plans]", "nonsense"])
    def test_of_a_file_that_is_wrong_exits_2(self, cli, file, text):
        file.write_text(text)

        result = cli("plans", "show", recoup_plans=str(file))

        assert result.exit_code == 2
        assert "plans.toml" in result.output

    def test_of_a_file_that_is_not_there_exits_2(self, cli):
        result = cli("plans", "show", recoup_plans="gone.toml")

        assert result.exit_code == 2
        assert "RECOUP_PLANS" in result.output
