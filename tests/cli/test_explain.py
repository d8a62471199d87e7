from __future__ import annotations

import json
import shutil

import pytest


@pytest.fixture(scope="module")
def two_weeks_on(live, open_shop):
    """The shop two weeks on, its customers warned and restricted."""

    def prepare(url, home):
        shop = open_shop(url, home)
        for day in ("03T12", "06T12", "10T12", "13T12", "17T12"):
            shop("tick", "--now", f"2026-02-{day}:00Z")
            shop("worker", "--drain")

    return live(prepare)


class TestExplain:
    @pytest.fixture
    def database_url(self, new_database, two_weeks_on):
        return new_database(of=two_weeks_on.database)

    @pytest.fixture
    def limited(self, cli, home, two_weeks_on):
        shutil.copytree(two_weeks_on.home, home)
        return cli

    def test_tells_everything_as_one_document(self, limited):
        told = limited.json("explain", "cus_fake_000003")

        assert told["customer"] == {
            "id": 3, "processor": "fake", "processor_id": "cus_fake_000003", "owner": None,
        }  # fmt: skip
        assert told["standing"] == "limited"
        assert told["as_of"] == "2026-02-17T12:00:00Z"
        (owed,) = told["obligations"]
        assert owed["amount"] == {"minor": 1000, "currency": "EUR"}
        assert owed["since"] == "2026-02-01T01:00:00Z"

    def test_tells_why_nothing_is_tried_with_a_lost_card(self, limited):
        (plan,) = limited.json("explain", "3")["plan"]

        assert plan["at"] is None
        assert plan["need"] == "new_method"
        assert "ISO 8583 41: lost card." in plan["reasons"]

    def test_tells_when_and_with_what_the_next_try_is(self, limited):
        (plan,) = limited.json("explain", "2")["plan"]

        assert plan["at"] == limited.json("explain", "2")["next_wake_at"]
        assert plan["method"] == {"kind": "card", "brand": "visa", "last4": "0002"}

    def test_tells_what_the_next_try_costs(self, limited):
        (plan,) = limited.json("explain", "2")["plan"]
        said = " ".join(limited("explain", "2").stdout.split())

        assert (plan["price"], plan["fee"]) == ({"minor": 0, "currency": "USD"}, None)
        assert "the network charges nothing for it" in said

    def test_tells_which_notices_went_out_and_which_are_to_come(self, limited):
        notices = limited.json("explain", "3")["notices"]

        assert [one["step"] for one in notices["sent"]] == [
            "reminder",
            "action_required",
            "restriction_notice",
        ]
        assert [(one["step"], one["due_at"]) for one in notices["due"]] == [
            ("final_notice", "2026-02-22T01:00:00Z")
        ]

    def test_tells_why_a_restriction_holds(self, limited):
        (restriction,) = limited.json("explain", "3")["restrictions"]

        assert restriction["consequence"] == "read_only"
        assert restriction["live"] is True
        assert "10.00 EUR is owed" in restriction["why"]
        assert restriction["inverse"] == "everything can be changed again"

    def test_tells_when_a_restriction_has_no_reason_any_more(self, limited, engine):
        """The money is in, and nobody has looked yet."""
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE invoices SET status = 'paid', amount_remaining = 0, closed_at = now() "
                "WHERE customer_id = 3 AND status = 'open'"
            )

        told = limited.json("explain", "3")

        assert [one["live"] for one in told["restrictions"]] == [False]
        assert "lift read_only on subscription sub_fake_000003" in told["pending"]

    def test_tells_the_newest_decisions_with_their_changes(self, limited):
        newest, *_ = limited.json("explain", "3")["decisions"]

        assert newest["trigger"] == "clock"
        assert "standing soft -> limited" in newest["changes"]
        assert any("has been in default for 16 d" in reason for reason in newest["reasons"])

    def test_tells_the_story_in_order(self, limited):
        story = limited.json("explain", "3")["story"]
        words = [line["words"] for line in story]

        assert [line["at"] for line in story] == sorted(line["at"] for line in story)
        milestones = [
            "An automatic payment of invoice in_fake_000007 failed.",
            "A case was opened for subscription sub_fake_000003.",
            "Notice reminder was sent.",
            "Standing: reminded → soft.",
            "Standing: soft → limited.",
        ]
        assert [one for one in words if one in milestones] == milestones

    def test_writes_nothing(self, limited):
        before = limited.json("ledger", "checkpoint")["sha256"], limited.json("explain", "2")

        assert limited.json("explain", "2") == before[1]
        assert limited.json("ledger", "checkpoint")["sha256"] == before[0]

    @pytest.mark.parametrize("columns", ["40", "80", "200"])
    def test_is_a_page_that_keeps_to_the_width(self, limited, columns):
        result = limited("explain", "2", columns=columns)

        assert result.exit_code == 0
        assert max(len(line) for line in result.output.splitlines()) <= int(columns)
        for heading in ("Cases", "Owed", "Tries to come", "Notices", "The story"):
            assert f"\n{heading}\n" in result.output


class TestExplainOfAnybody:
    def test_of_someone_who_owes_nothing_says_so(self, shop):
        result = shop("explain", "1")

        assert "Nothing is owed that has failed" in result.output
        assert "\nOwed\n" not in result.output

    @pytest.mark.parametrize("name", ["user:42", "2", "cus_fake_000002"])
    def test_takes_every_name_of_a_customer(self, shop, engine, name):
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE customers SET owner_type = 'user', owner_id = '42' WHERE id = 2"
            )

        assert shop.json("explain", name)["customer"]["id"] == 2
        assert shop.json("explain", name)["customer"]["owner"] == "user:42"

    @pytest.mark.parametrize("name", ["nobody", "99999", "user:42", "9" * 40, "x:", "é"])
    def test_of_nobody_says_what_was_tried(self, shop, name):
        result = shop("explain", name)

        assert result.exit_code == 2
        assert "no id of ours, no id at the processor, and no owner" in result.output

    def test_of_someone_who_can_not_be_decided_on_says_why(self, shop, engine):
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE cases SET policy = 'gone/1' WHERE customer_id = 2")
        shop("recompute", "2")

        told = shop.json("explain", "2")
        page = shop("explain", "2")

        assert told["trouble"]["state"] == "failed"
        assert "gone/1" in told["trouble"]["reason"]
        assert told["trouble"]["next_try_at"] == "2026-02-03T00:01:00Z"
        assert told["story"] != []
        assert "Trouble" in page.output

    def test_does_not_let_data_speak_to_the_terminal(self, shop, engine):
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO holds (customer_id, reason, actor, since) "
                r"VALUES (2, E'[bold]pay\x1b[2Jday', 'me', '2026-02-01Z')"
            )

        result = shop("explain", "2")

        assert r"[bold]pay\x1b[2Jday" in result.output
        assert "\x1b" not in result.output


class TestRecompute:
    def test_dry_run_says_what_would_change_and_writes_nothing(self, shop, engine):
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE standings SET next_wake_at = NULL")
        before = shop.json("ledger", "checkpoint")

        result = shop("recompute", "--dry-run", "2")

        assert "this would change" in result.output
        assert "look again 2026-02-04 01:00 UTC" in result.output
        assert shop.json("ledger", "checkpoint") == before
        assert shop("recompute", "--dry-run", "2").output == result.output

    def test_says_what_changed_and_changes_nothing_the_second_time(self, shop, engine):
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE standings SET next_wake_at = NULL")

        assert "look again" in shop("recompute", "cus_fake_000002").output
        assert "nothing changed" in shop("recompute", "cus_fake_000002").output

    def test_takes_several_and_keeps_their_names(self, shop):
        told = shop.json("recompute", "2", "cus_fake_000003")

        assert [one["customer"] for one in told["customers"]] == ["2", "cus_fake_000003"]
        assert told["dry_run"] is False

    @pytest.mark.parametrize("words", [("recompute",), ("recompute", "--dry-run")])
    def test_exits_1_for_one_who_fails_and_tells_of_the_others(self, shop, engine, words):
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE cases SET policy = 'gone/1' WHERE customer_id = 2")

        result = shop(*words, "2", "3", "--json")
        failed = {one["id"]: one["failed"] for one in json.loads(result.stdout)["customers"]}

        assert result.exit_code == 1
        assert "gone/1" in failed[2]
        assert failed[3] is None
