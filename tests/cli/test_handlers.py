"""`recoup handlers`: what is told of which events, and how to forget one that is gone."""

from __future__ import annotations

import pytest

from recoup import Recoup
from recoup.config import Config


@pytest.fixture
def told(cli, database_url, home):
    """A terminal beside a process that has two functions, and one delivery that waits."""
    home.mkdir()
    with Recoup(Config.load(database_url=database_url, home=home)) as recoup:
        recoup.on("customer.created", name="welcome")(print)
        recoup.on("invoice.paid", "invoice.failed", name="books")(print)
        recoup.customers.get_or_create("user", "1")
        yield cli


class TestHandlers:
    def test_are_listed_with_what_they_are_told_of_and_what_waits(self, told):
        found = told.json("handlers", "list")["handlers"]

        assert found == [
            {
                "name": "books",
                "types": ["invoice.failed", "invoice.paid"],
                "waiting": 0,
                "parked": 0,
            },
            {"name": "welcome", "types": ["customer.created"], "waiting": 1, "parked": 0},
        ]
        assert "invoice.failed, invoice.paid" in told("handlers", "list").output

    def test_are_none_at_first(self, cli):
        assert "No function is told of anything." in cli("handlers", "list").output

    def test_can_be_forgotten_with_what_waits_for_them(self, told):
        assert told("handlers", "forget", "welcome").output == (
            "Forgotten; 1 that waited were given up.\n"
        )

        assert [one["name"] for one in told.json("handlers", "list")["handlers"]] == ["books"]
        assert told.json("effects", "list", "--state", "canceled")["effects"][0]["reason"] == (
            "its handler was forgotten"
        )

    def test_that_are_not_there_are_refused_and_those_that_are_named(self, told):
        result = told("handlers", "forget", "welcom")

        assert result.exit_code != 0
        assert "there are books, welcome" in result.output

    def test_are_no_unknown_kind_to_the_doctor(self, told):
        found = told.json("doctor")["findings"]

        assert [one for one in found if one["what"] == "effects"] == []
