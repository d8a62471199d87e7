"""What the older commands say to scripts: one JSON document each."""

from __future__ import annotations

import json

POLICY = '[[policy]]\nkey = "gentle"\nversion = 2\n'


class TestEffects:
    def test_retried_and_canceled_are_counted(self, shop):
        (first, *_) = shop.json("effects", "list", "--state", "scheduled")["effects"]

        retried = shop("effects", "retry", str(first["id"]), "--json")
        canceled = shop("effects", "cancel", str(first["id"]), "--reason", "r", "--json")

        assert json.loads(retried.stdout) == {"asked": 1, "due_again": 0}
        assert retried.exit_code == 1
        assert json.loads(canceled.stdout) == {"asked": 1, "canceled": 1}
        assert canceled.exit_code == 0


class TestWebhooks:
    def test_are_shown_one_at_a_time(self, shop):
        (first, *_) = shop.json("webhooks", "list")["events"]

        shown = shop.json("webhooks", "show", str(first["id"]))
        assert {name: shown[name] for name in first} == first
        assert first["key"] in shop("webhooks", "show", str(first["id"])).output
        assert shop("webhooks", "show", "999999").exit_code == 2

    def test_are_shown_as_they_arrived(self, shop, world):
        (first, *_) = shop.json("webhooks", "list", "--limit", "1")["events"]

        body = shop("webhooks", "show", str(first["id"]), "--raw").stdout_bytes

        assert body in world.events
        assert json.loads(body)["id"] == first["key"]

    def test_pruned_are_counted(self, shop):
        told = shop.json("webhooks", "prune", "--before", "2100-01-01")

        assert told["removed"] > 50
        assert told["before"] == "2100-01-01T00:00:00Z"


class TestTasks:
    def test_closed_are_named(self, shop, engine):
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO tasks (customer_id, key, kind, detail, opened_at) "
                "VALUES (2, 'k', 'look', 'look at it', now())"
            )
        (task,) = shop.json("tasks", "list", "--customer", "2")["tasks"]

        assert shop.json("tasks", "close", str(task["id"])) == {"closed": [task["id"]]}


class TestConfig:
    def test_reads_the_files_that_it_names(self, cli, tmp_path):
        policy, plans = tmp_path / "policies.toml", tmp_path / "plans.toml"
        policy.write_text(POLICY)
        plans.write_text('[plans.team]\nprices = ["p"]\nfeatures = ["edit"]\n')

        result = cli("config", "--json", recoup_policy=str(policy), recoup_plans=str(plans))

        assert result.exit_code == 0
        assert json.loads(result.stdout)["problems"] == []

    def test_tells_everything_that_is_wrong_with_them_and_exits_2(self, cli, tmp_path):
        policy, plans = tmp_path / "policies.toml", tmp_path / "plans.toml"
        policy.write_text(POLICY + "min_notice = 3\n")
        plans.write_text("nonsense")
        files = {"recoup_policy": str(policy), "recoup_plans": str(plans)}

        result = cli("config", **files)
        told = json.loads(cli("config", "--json", **files).stdout)

        assert result.exit_code == 2
        assert "RECOUP_SCHEMA" in result.stdout
        assert "RECOUP_POLICY: " in result.stderr
        assert "RECOUP_PLANS: " in result.stderr
        assert [one["name"] for one in told["problems"]] == ["RECOUP_POLICY", "RECOUP_PLANS"]
        assert len(told["settings"]) > 5
