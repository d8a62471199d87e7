from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pytest

from recoup.processors.fake import FakeProcessor


@pytest.fixture
def deaf(cli, world, home, simulated):
    """A terminal on an installation that has never heard of what its processor holds."""
    home.mkdir(exist_ok=True)
    shutil.copy(world.file, home / "fake.sqlite3")
    simulated(datetime(2026, 2, 3, tzinfo=UTC))
    return cli


@pytest.fixture
def named(deaf, home):
    """The same, and three more customers whose metadata names two owners."""
    with FakeProcessor(home / "fake.sqlite3", seed=1) as fake:
        for owner in ("ada", "bob", "bob"):
            fake.create_customer(metadata={"user_id": owner})
    return deaf


def owners(terminal):
    listed = terminal.json("customers", "list")["customers"]
    return sorted(one["owner"] for one in listed if one["owner"])


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


class TestOwnersFromMetadata:
    def test_are_linked_and_who_can_not_be_is_listed(self, named):
        told = named.json("import", "fake", "--owner-from", "user_id")["imported"]["owners"]

        assert told["linked"] == 2
        assert ["has customer" in one["reason"] for one in told["conflicts"]] == [True]
        listed = named.json("customers", "list")["customers"]
        assert len(listed) == 7
        assert owners(named) == ["user:ada", "user:bob"]

    def test_are_said_in_words(self, named):
        result = named("import", "fake", "--owner-from", "user_id")

        assert result.exit_code == 0
        assert "Linked 2 customers to their owners." in result.output
        assert "1 could not be linked, and stay as they are:" in result.output

    def test_are_linked_by_a_second_import_too_of_the_type_that_is_said(self, named):
        named("import", "fake")
        assert owners(named) == []

        said = ("import", "fake", "--owner-from", "user_id", "--owner-type", "team")
        first, again = (named.json(*said)["imported"]["owners"] for _ in range(2))

        assert owners(named) == ["team:ada", "team:bob"]
        assert (first["linked"], again["linked"]) == (2, 0)
        assert again["conflicts"] == first["conflicts"]

    def test_are_linked_before_and_not_when_it_is_let_go(self, named):
        result = named("import", "fake", "--go", "--owner-from", "user_id")

        assert result.exit_code == 2
        assert "run that first" in result.output

    def test_are_nobody_under_another_key(self, named):
        told = named.json("import", "fake", "--owner-from", "nothing")["imported"]["owners"]

        assert told == {"linked": 0, "conflicts": []}

    def test_do_not_count_where_nobody_asks(self, named):
        assert named.json("import", "fake")["imported"]["owners"] is None


class TestCustomersLink:
    def test_says_whose_an_imported_customer_is(self, deaf):
        deaf("import", "fake")

        assert deaf.json("customers", "link", "1", "--owner", "user:ada")["owner_id"] == "ada"
        refused = deaf("customers", "link", "2", "--owner", "user:ada")
        assert refused.exit_code == 1
        assert "this owner has customer 1 already" in refused.output
