from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from recoup.store import database
from recoup.store.line import DatabaseLine
from recoup.testing.stripe_server import StripeServer


@pytest.fixture
def stripe_server():
    with StripeServer() as server:
        yield server


def of(server: StripeServer) -> dict[str, str]:
    return {"recoup_stripe_api_key": server.key, "recoup_stripe_api_base": server.url}


def levels(told) -> dict[str, str]:
    return {one["name"]: one["level"] for one in told["findings"]}


class TestDoctor:
    def test_finds_nothing_wrong_with_a_fresh_database(self, cli):
        told = cli.json("doctor")

        assert told["wrong"] == 0
        assert levels(told)["schema"] == "ok"
        assert levels(told)["clocks"] == "warn"
        assert cli("doctor").exit_code == 0

    def test_says_that_commits_are_durable_for_our_connections(self, cli, engine):
        """Also where the server's default says otherwise."""
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            name = engine.url.database
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET synchronous_commit = off')

        assert levels(cli.json("doctor"))["durability"] != "wrong"

    def test_finds_a_schema_that_is_not_this_versions(self, cli, engine):
        database.downgrade(engine, "base")

        result = cli("doctor")

        assert result.exit_code == 1
        assert "Run `recoup db upgrade`" in result.output

    def test_finds_a_server_that_does_not_answer(self, cli):
        result = cli("doctor", recoup_database_url="postgresql://u:sesame@127.0.0.1:1/x")

        assert result.exit_code == 1
        assert "RECOUP_DATABASE_URL" in result.output
        assert "sesame" not in result.output

    @pytest.mark.parametrize(
        ("age", "level"),
        [(timedelta(minutes=14), "warn"), (timedelta(minutes=16), "wrong")],
    )
    def test_finds_clocks_that_nobody_winds(self, cli, simulated, age, level):
        noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
        simulated(noon)
        cli("tick")
        simulated(noon + age)

        assert levels(cli.json("doctor"))["clocks"] == level

    def test_finds_what_is_parked_and_says_what_to_do(self, shop, engine):
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE effects SET state = 'parked', reason = 'x' WHERE id = 1"
            )
            connection.exec_driver_sql(
                "UPDATE standings SET run_state = 'parked', failures = 8, run_error = 'x', "
                "next_wake_at = NULL WHERE customer_id = 2"
            )
        shop("ingest", "-", stdin=b"{half of\n")

        told = shop.json("doctor")

        assert levels(told)["parked effects"] == "wrong"
        assert levels(told)["parked customers"] == "wrong"
        assert levels(told)["inbox"] == "warn"
        assert all(one["help"] for one in told["findings"] if one["level"] == "wrong")

    def test_finds_effects_that_no_code_of_this_version_runs(self, shop, engine):
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE effects SET kind = 'fly' WHERE id = 1")

        assert "of unknown kinds: 1 fly" in shop("doctor").output

    def test_finds_a_queue_that_nobody_works_on(self, shop, simulated):
        shop("tick", "--now", "2026-02-04T12:00Z")
        simulated(datetime(2026, 2, 4, 13, tzinfo=UTC))

        assert levels(shop.json("doctor"))["queues"] == "wrong"

    def test_finds_a_policy_that_contradicts_itself(self, cli, tmp_path):
        file = tmp_path / "policies.toml"
        file.write_text('[[policy]]\nkey = "a"\n')

        result = cli("doctor", "--json", recoup_policy=str(file))

        assert result.exit_code == 1
        assert levels(json.loads(result.stdout))["policy"] == "wrong"

    def test_finds_a_policy_that_waits_for_a_processor_that_does_not_try(self, cli, tmp_path):
        file = tmp_path / "policies.toml"
        file.write_text('[[policy]]\nkey = "a"\nversion = 1\ncollector = "processor"\n')

        result = cli("doctor", "--json", recoup_policy=str(file))

        assert levels(json.loads(result.stdout))["collector"] == "wrong"

    @pytest.mark.parametrize(
        ("collector", "retries", "level"),
        [
            ("recoup", "true", "wrong"),
            ("recoup", "false", "ok"),
            ("processor", "true", "ok"),
            ("processor", "false", "wrong"),
        ],
    )
    def test_finds_that_two_or_nobody_would_try_again(
        self, cli, stripe_server, tmp_path, collector, retries, level
    ):
        file = tmp_path / "policies.toml"
        file.write_text(f'[[policy]]\nkey = "a"\nversion = 1\ncollector = "{collector}"\n')

        told = json.loads(
            cli(
                "doctor",
                "--json",
                recoup_policy=str(file),
                recoup_stripe_retries=retries,
                **of(stripe_server),
            ).stdout
        )

        assert levels(told)["collector"] == level

    @pytest.mark.parametrize(("next_try", "found"), [("now()", True), ("NULL", False)])
    def test_finds_invoices_that_the_processor_tries_again_too(
        self, shop, engine, next_try, found
    ):
        with engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE invoices SET next_try_at = {next_try} WHERE status = 'open'"
            )

        told = levels(shop.json("doctor"))

        assert told.get("retries") == ("warn" if found else None)

    @pytest.mark.parametrize(("times", "level"), [(0, "ok"), (1, "warn"), (5, "wrong")])
    def test_says_whether_stripe_answers(self, cli, engine, stripe_server, times, level):
        for _ in range(times):
            DatabaseLine(engine).silent()

        told = cli("doctor", "--json", **of(stripe_server))

        assert levels(json.loads(told.stdout))["processor"] == level

    def test_asks_stripe_whether_the_key_is_any_good(self, cli, stripe_server):
        given = of(stripe_server) | {"recoup_stripe_api_key": "sk_test_of_nobody_at_all"}

        told = json.loads(cli("doctor", "--json", **given).stdout)

        (found,) = (one for one in told["findings"] if one["name"] == "processor")
        assert found["level"] == "wrong"
        assert "does not take the API key" in found["what"]
        assert "nobody_at_all" not in found["what"]

    def test_says_which_sender_mails_go_by_without_its_password(self, cli):
        given = {"recoup_smtp_url": "smtp://u:sesame@mail.test:25", "recoup_mail_from": "a@b.test"}

        result = cli("doctor", **given)

        assert "smtp://mail.test:25" in result.output
        assert "sesame" not in result.output

    def test_says_that_a_clock_is_simulated(self, shop):
        assert "simulated, it is 2026-02-03 00:00 UTC" in shop("doctor").output
