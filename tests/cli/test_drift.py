"""Drift and rollouts, in a shell."""

from __future__ import annotations

import pytest


@pytest.fixture
def off(shop, engine):
    """The shop, where somebody has written into a row behind the engine."""
    shop("tick")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE standings SET standing = 'soft' WHERE customer_id = 1")
    return shop


class TestAScan:
    def test_exits_with_zero_where_nothing_differs(self, shop):
        shop("tick")

        told = shop.json("drift", "scan", "--processor")

        assert (told["scan"]["finished"], told["scan"]["customers"]) == (True, 4)
        assert told["scan"]["looked_at"] > 4
        assert (told["scan"]["open"], told["repair"]) == (0, None)
        result = shop("drift", "scan")
        assert result.exit_code == 0
        assert "Looked at 4 customers. 0 things differ" in " ".join(result.output.split())

    def test_exits_with_one_and_tells_what_differs_from_what_and_who_was_there(self, off):
        result = off("drift", "scan")

        assert result.exit_code == 1
        assert "2 things differ" in " ".join(result.output.split())
        found = off.json("drift", "list")["findings"]
        assert {one["class_"] for one in found} == {"standing", "row_changed"}
        for one in found:
            assert (one["stored"], one["expected"]) == ("soft", "current")
            assert (one["cause"], one["state"]) == ("behind the engine", "open")
            assert off.json("drift", "show", str(one["id"]))["subject"] == "standing:1"
        assert off.json("drift", "list", "--class", "wake")["findings"] == []
        assert off.json("drift", "list", "--confirmed")["findings"] == []

    def test_repairs_nothing_while_the_rollout_is_off(self, off, engine):
        told = off.json("drift", "scan", "--repair")

        assert set(told["repair"].values()) == {0}  # nothing was seen twice yet
        assert off.json("drift", "repair")["repaired"] == 0
        with engine.connect() as connection:
            sql = "SELECT standing FROM standings WHERE customer_id = 1"
            assert connection.exec_driver_sql(sql).scalar() == "soft"

    def test_is_the_work_of_a_clock(self, off, engine):
        told = off("tick", "--clock", "drift", "--now", "2026-02-04T02:10:00Z")

        assert told.exit_code == 0
        with engine.connect() as connection:
            sql = "SELECT begun_at::text, ended_at IS NOT NULL FROM drift_scans ORDER BY id"
            assert connection.exec_driver_sql(sql).all()[-1] == ("2026-02-04 02:10:00+00", True)
        assert len(off.json("drift", "list")["findings"]) == 2

    def test_of_what_is_not_there_exits_with_two(self, shop):
        result = shop("drift", "show", "7")

        assert (result.exit_code, "there is no finding 7" in result.output) == (2, True)


class TestARollout:
    def test_is_widened_named_and_taken_back_by_one_command_each(self, shop):
        reason = ("--reason", "try it")
        assert shop.json("rollout", "widen", "drift_repair", *reason)["stage"] == "shadow"
        named = shop.json("rollout", "name", "drift_repair", "1", "2", *reason)
        assert named["named"] == [1, 2]

        back = shop("rollout", "rollback", "drift_repair", "--reason", "it looks wrong")

        assert back.exit_code == 0
        assert shop.json("rollout", "show", "drift_repair")["stage"] == "off"
        moves = shop.json("rollout", "moves", "drift_repair")["moves"]
        assert [(one["source"], one["target"]) for one in moves] == [
            ("shadow", "off"), ("shadow", "shadow"), ("off", "shadow"),
        ]  # fmt: skip
        assert moves[0]["reason"] == "it looks wrong"
        assert moves[0]["actor"].startswith("cli")
        assert [one["name"] for one in shop.json("rollout", "list")["rollouts"]] == [
            "drift_repair"
        ]

    def test_is_not_widened_before_its_shadow_has_shown_enough(self, shop):
        shop("rollout", "widen", "drift_repair", "--reason", "try it")

        result = shop("rollout", "widen", "drift_repair", "--reason", "go on")

        assert result.exit_code == 1
        said = " ".join(result.output.split())
        assert "only 0 of 1000 decisions have been compared" in said
        assert "RECOUP_ROLLOUT_SAMPLE says how many are enough" in said
        assert shop.json("rollout", "show", "drift_repair")["stage"] == "shadow"

    def test_is_not_widened_while_its_shadow_shows_harm(self, shop, engine):
        shop("rollout", "widen", "drift_repair", "--reason", "try it")
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO shadows (rollout, round, customer_id, day, at, in_use, candidate, "
                "harm) SELECT 'drift_repair', 1, 1 + n %% 4, date '2026-01-01' + n, now(), '{}', "
                "'{}', CASE n WHEN 7 THEN array['restricts who owes nothing'] ELSE '{}' END "
                "FROM generate_series(1, 1000) n"
            )

        result = shop("rollout", "widen", "drift_repair", "--reason", "go on")

        assert result.exit_code == 1
        assert "1 of 1000 decisions in the shadow would have done harm" in " ".join(
            result.output.split()
        )
        (harm,) = shop.json("rollout", "harm", "drift_repair")["decisions"]
        assert (harm["customer_id"], harm["harm"]) == (4, ["restricts who owes nothing"])

    def test_needs_a_name_and_a_reason(self, shop):
        unknown = shop("rollout", "widen", "everything", "--reason", "try it")
        silent = shop("rollout", "widen", "drift_repair")

        assert (unknown.exit_code, silent.exit_code) == (2, 2)
        assert "expected drift_repair" in " ".join(unknown.output.split())
        assert shop("rollout", "rollback", "drift_repair", "--reason", "x").exit_code == 2
