from __future__ import annotations

import pytest
from sqlalchemy import text


@pytest.fixture
def parked(cli, world):
    cli("ingest", "-", stdin=b"{half of\n" + world.events)
    return cli


def work(cli):
    """Everything there is to be done and was, without the taking in itself."""
    listed = cli.json("effects", "list", "--limit", "1000")["effects"]
    return [one for one in listed if one["kind"] != "absorb"]


class TestWebhooks:
    def test_are_listed_newest_first_with_what_became_of_them(self, parked):
        told = parked.json("webhooks", "list", "--state", "parked")

        (event,) = told["events"]
        assert event["state"] == "parked"
        assert event["reason"]
        assert told["counts"]["parked"] == 1
        ids = [one["id"] for one in parked.json("webhooks", "list")["events"]]
        assert ids == sorted(ids, reverse=True)

    def test_are_listed_by_type_in_pages(self, parked):
        words = ("webhooks", "list", "--type", "customer.created", "--limit", "3")
        first = parked.json(*words)
        second = parked.json(*words, "--before", str(first["next"]))

        assert len(first["events"]) == 3
        assert len(second["events"]) == 1
        assert {one["type"] for one in first["events"]} == {"customer.created"}

    def test_replayed_change_nothing_when_they_were_applied(self, parked):
        before = parked.json("ledger", "checkpoint")

        told = parked.json("webhooks", "replay", "--state", "applied")

        assert told["replayed"] == told["summary"]["applied"] > 50
        assert parked.json("ledger", "checkpoint") == before

    def test_that_are_parked_stay_so_when_nothing_was_mended(self, parked):
        result = parked("webhooks", "replay", "--state", "parked")

        assert result.exit_code == 1
        assert "Replayed 1" in result.output

    def test_are_replayed_from_an_instant_on_and_have_no_second_effect(self, parked, engine):
        parked("worker", "--drain")
        effects = work(parked)
        with engine.begin() as connection:
            ids = [id for (id,) in connection.execute(text("SELECT id FROM inbox ORDER BY id"))]
            old = text("UPDATE inbox SET received_at = '2026-01-01' WHERE id < :middle")
            connection.execute(old, {"middle": ids[len(ids) // 2]})

        told = parked.json(
            "webhooks", "replay", "--type", "charge.failed", "--since", "2026-01-02"
        )
        everything = parked.json("webhooks", "replay", "--since", "2025-12-31")
        parked("worker", "--drain")

        assert 0 < told["replayed"] == told["summary"]["applied"] < everything["replayed"]
        assert everything["replayed"] == len(ids)
        assert work(parked) == effects

    @pytest.mark.parametrize("body", [b"\x1b[2J\xff\0{half", b"{half of"], ids=repr)
    def test_are_shown_with_bytes_that_no_terminal_obeys(self, cli, body):
        cli("ingest", "-", stdin=body + b"\n")

        shown, exact = cli("webhooks", "show", "1"), cli("webhooks", "show", "1", "--raw")

        assert "\x1b" not in shown.output
        assert "\0" not in shown.output
        assert exact.stdout_bytes == body
        assert cli.json("webhooks", "show", "1")["body"] == body.decode(errors="backslashreplace")
        assert cli.json("webhooks", "show", "1")["state"] == "parked"

    @pytest.mark.parametrize(
        ("words", "code"),
        [(("--type", "nope"), 0), (("--state", "failed"), 0), (("99",), 1)],
        ids=["a type", "a state", "an id"],
    )
    def test_that_are_not_there_are_said_to_be_so(self, parked, words, code):
        result = parked("webhooks", "replay", *words)

        assert result.exit_code == code
        assert "There is no such event." in result.output
        assert "Replayed" not in result.output

    def test_are_replayed_also_beside_an_id_that_is_not_there(self, parked):
        result = parked("webhooks", "replay", "2", "2", "99")

        assert result.exit_code == 1
        assert "Replayed 1: applied 1" in result.output
        assert "1 of the ids are not there" in result.output
        assert parked("webhooks", "replay", "2", "2").exit_code == 0

    @pytest.mark.parametrize("words", [(), ("1", "--state", "parked")])
    def test_are_replayed_by_name_or_by_filter(self, parked, words):
        assert parked("webhooks", "replay", *words).exit_code == 2

    def test_are_pruned_when_they_ended_long_ago_but_for_the_parked(self, parked):
        assert "nothing to remove" in parked("webhooks", "prune").output
        assert "Removed" in parked("webhooks", "prune", "--before", "2100-01-01").output
        assert set(parked.json("webhooks", "list")["counts"]) == {"parked"}

    def test_are_not_pruned_by_two_measures_at_once(self, cli):
        result = cli("webhooks", "prune", "--before", "2026-01-01", "--days", "3")

        assert result.exit_code == 2
