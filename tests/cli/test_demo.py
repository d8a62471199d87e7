from __future__ import annotations

import pytest

from recoup.testing import events

#: What a business would feed it.
EVENT = events.line(events.event("customer.created", events.customer("cus_1"), id="evt_1"))


@pytest.fixture
def played(cli):
    """A home in which a small demonstration was played."""
    result = cli("demo", "--customers", "80", "--days", "45", "--seed", "3")
    assert result.exit_code == 0, result.output
    return cli


class TestTheDemonstration:
    def test_gives_the_same_numbers_for_the_same_seed(self, cli):
        asked = ("demo", "--customers", "25", "--days", "35", "--seed", "5")

        first, second = cli.json(*asked), cli.json(*asked)

        for report in (first, second):
            del report["seconds"]
        assert first == second

    def test_prints_what_the_contract_names(self, cli):
        report = cli.json("demo", "--customers", "20", "--days", "35", "--seed", "2")

        assert set(report) >= set(
            "customers days seed failed_obligations failed_amount recovered_obligations "
            "recovered_amount exhausted open by_class attempts forbidden_attempts mails "
            "false_restrictions invariant_violations books_match seconds database_url".split()
        )
        assert report["customers"] == 20
        assert report["books_match"] is True
        assert report["invariant_violations"] == 0

    def test_refuses_a_database_with_customers_of_a_business(self, cli, tmp_path):
        lines = tmp_path / "events.jsonl"
        lines.write_bytes(EVENT)
        assert cli("ingest", str(lines)).exit_code == 0

        result = cli("demo", "--customers", "5", "--days", "3")

        assert result.exit_code == 2
        assert "holds customers" in result.output
        assert "cus_1" in cli("customers", "list").output


class TestAfterwards:
    def test_no_events_of_a_business_are_taken_in(self, played, tmp_path):
        lines = tmp_path / "events.jsonl"
        lines.write_bytes(EVENT)

        result = played("ingest", str(lines))

        assert result.exit_code == 2
        assert "holds a demonstration" in result.output

    def test_it_goes_on_when_the_clock_is_moved(self, played):
        for day in (20, 24, 28):
            assert played("tick", "--now", f"2026-03-{day}T12:00:00Z").exit_code == 0
            assert played("worker", "--drain").exit_code == 0

        found = played.json("verify")

        assert found["violations"] == []

    def test_mails_tell_reasons_in_words(self, played, home):
        mails = [path.read_text() for path in (home / "demo" / "mail").glob("*.eml")]
        bodies = [mail.partition("\n\n")[2] for mail in mails]

        assert bodies
        for code in ("insufficient_funds", "do_not_honor", "generic_decline", "expired_card"):
            assert not any(code in body for body in bodies)
