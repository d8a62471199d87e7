"""`recoup metrics`: the numbers, for people, programs and spreadsheets."""

from __future__ import annotations

import csv
import io

from recoup.metrics import NUMBERS


class TestMetrics:
    def test_are_all_counted_for_programs(self, shop):
        found = shop.json("metrics")["metrics"]

        assert [one["name"] for one in found] == [number.name for number in NUMBERS]
        assert not any(one["wrong"] for one in found)
        by_name = {one["name"]: one for one in found}
        failed = by_name["recovery"]["columns"].index("failed")
        assert sum(row[failed] for row in by_name["recovery"]["rows"]) == 3

    def test_are_tables_for_people_with_words_where_there_is_nothing(self, shop):
        result = shop("metrics", "recovery", "gates")

        assert result.exit_code == 0
        assert "recovery: Failed obligations" in result.output
        assert "share of cases" in result.output
        assert ".00 EUR" in " ".join(result.output.split())
        assert "Nothing to count." in result.output

    def test_are_comma_separated_one_at_a_time(self, shop):
        rows = list(csv.reader(io.StringIO(shop("metrics", "cohorts", "--csv").output)))

        assert rows[0][:3] == ["cohort", "currency", "failed"]
        assert rows[1][:3] == ["2026-02", "EUR", "3"]
        assert shop("metrics", "--csv").exit_code == 2
        assert shop("metrics", "cohorts", "--csv", "--json").exit_code == 2

    def test_are_of_a_window(self, shop):
        (found,) = shop.json("metrics", "recovery", "--until", "2026-02-01T00:00:00Z")["metrics"]
        assert found["rows"] == []

        result = shop("metrics", "recovery", "--since", "2999-01-01")
        assert result.exit_code != 0
        assert "since: expected an instant before" in result.output

    def test_are_listed_by_name(self, shop):
        assert [one["name"] for one in shop.json("metrics", "--list")["metrics"]] == [
            number.name for number in NUMBERS
        ]
        assert "survival" in shop("metrics", "--list").output

    def test_that_are_not_there_are_an_error_that_helps(self, shop):
        result = shop("metrics", "recover")

        assert result.exit_code != 0
        assert "did you mean 'recovery'?" in result.output

    def test_that_must_be_zero_and_are_not_are_found_wrong(self, shop, engine):
        with engine.begin() as connection:
            connection.exec_driver_sql("""
                INSERT INTO restrictions (customer_id, case_id, scope, consequence, rung, since)
                SELECT customer_id, id, scope, 'suspend', 'suspended', opened_at - interval '1 h'
                FROM cases LIMIT 1""")

        result = shop("metrics", "false_restrictions")

        assert result.exit_code == 1
        assert "(must be 0)" in result.output
