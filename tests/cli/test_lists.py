from __future__ import annotations

import pytest


class TestCustomers:
    def test_are_listed_with_standing_and_debt(self, shop):
        rows = shop.json("customers", "list")["customers"]

        assert [(one["id"], one["standing"], one["owed"]) for one in rows] == [
            (1, "current", []),
            *((id, "reminded", [{"minor": 1000, "currency": "EUR"}]) for id in (2, 3, 4)),
        ]

    def test_come_in_pages(self, shop):
        first = shop.json("customers", "list", "--limit", "3")
        second = shop.json("customers", "list", "--limit", "3", "--after", str(first["next"]))

        assert [one["id"] for one in first["customers"]] == [1, 2, 3]
        assert [one["id"] for one in second["customers"]] == [4]
        assert second["next"] is None
        assert "More: --after 3" in shop("customers", "list", "--limit", "3").output
        assert "More" not in shop("customers", "list", "--limit", "4").output

    def test_can_be_chosen_by_standing_and_trouble(self, shop, engine):
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE cases SET policy = 'gone/1' WHERE customer_id = 2")
        shop("recompute", "2")

        current = shop.json("customers", "list", "--standing", "current")["customers"]
        troubled = shop.json("customers", "list", "--troubled")["customers"]

        assert [one["id"] for one in current] == [1]
        assert [(one["id"], one["failures"]) for one in troubled] == [(2, 1)]

    def test_are_shown_one_at_a_time(self, shop):
        result = shop("customers", "show", "cus_fake_000002")

        assert "10.00 EUR" in result.output
        assert "recoup explain 2" in result.output
        assert shop.json("customers", "show", "2")["processor_id"] == "cus_fake_000002"

    def test_are_shown_without_what_is_personal(self, shop):
        assert "example.com" not in shop("customers", "show", "2", "--json").output

    def test_show_of_nobody_exits_2(self, shop):
        assert shop("customers", "show", "nobody").exit_code == 2


class TestSubscriptions:
    def test_are_listed_by_status_and_customer(self, shop):
        late = shop.json("subscriptions", "list", "--status", "past_due")["subscriptions"]
        mine = shop.json("subscriptions", "list", "--customer", "2")["subscriptions"]

        assert [one["customer_id"] for one in late] == [2, 3, 4]
        assert [one["processor_id"] for one in mine] == ["sub_fake_000002"]

    @pytest.mark.parametrize("name", ["1", "sub_fake_000001"])
    def test_are_shown_by_either_id(self, shop, name):
        assert shop.json("subscriptions", "show", name)["status"] == "active"

    def test_show_of_none_exits_2(self, shop):
        assert shop("subscriptions", "show", "sub_x").exit_code == 2


class TestCases:
    def test_that_are_open_are_listed(self, shop):
        rows = shop.json("cases", "list")["cases"]

        assert [(one["customer_id"], one["rung"], one["owed"]["minor"]) for one in rows] == [
            (2, "reminded", 1000),
            (3, "reminded", 1000),
            (4, "reminded", 1000),
        ]
        assert shop.json("cases", "list", "--rung", "soft")["cases"] == []
        unknown = shop("cases", "list", "--rung", "nonsense")
        assert unknown.exit_code == 2
        said = " ".join(unknown.output.replace("│", " ").split())
        assert "there is no rung 'nonsense': known are ended, limited, reminded" in said

    def test_are_shown_with_the_way_to_their_reasons(self, shop):
        assert "recoup explain 2" in shop("cases", "show", "1").output
        assert shop.json("cases", "show", "1")["customer"] == "cus_fake_000002"
        assert shop("cases", "show", "99").exit_code == 2


class TestEmptyLists:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("customers", "list"), "There are no customers."),
            (("subscriptions", "list"), "There are no subscriptions."),
            (("cases", "list"), "No case is open."),
            (("tasks", "list"), "There is nothing for a person to do."),
            (("effects", "list"), "There are no effects."),
            (("debts", "list"), "There is no bad debt."),
            (("debts", "list", "--all"), "There are no such debts."),
            (("cases", "holds"), "No hold is in force."),
            (("webhooks", "list"), "No such event has arrived."),
        ],
    )
    def test_say_so_in_words(self, cli, words, said):
        result = cli(*words)

        assert result.exit_code == 0
        assert result.output == f"{said}\n"


class TestEffects:
    @pytest.fixture
    def parked(self, shop, engine):
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE effects SET state = 'parked', reason = 'the disk is full' WHERE id = 1"
            )
        return shop

    def test_that_are_parked_are_listed_with_their_reason(self, parked):
        result = parked("effects", "list", "--state", "parked")

        assert "the disk is full" in result.output
        assert parked.json("effects", "list")["counts"]["parked"] == {"send_mail": 1}

    def test_that_are_parked_can_be_retried(self, parked):
        result = parked("effects", "retry", "1")

        assert result.exit_code == 0
        assert parked.json("effects", "list", "--state", "parked")["effects"] == []

    def test_can_all_be_retried(self, parked):
        assert parked("effects", "retry", "--all").output == "1 are due again.\n"

    def test_that_are_not_parked_are_left_alone(self, parked):
        result = parked("effects", "retry", "2")

        assert result.exit_code == 1
        assert "None of them is parked" in result.output

    @pytest.mark.parametrize("words", [(), ("1", "--all")])
    def test_are_retried_by_name_or_all_of_them(self, parked, words):
        assert parked("effects", "retry", *words).exit_code == 2

    @pytest.mark.parametrize("id", ["1", "2"])
    def test_can_be_given_up_with_a_reason(self, parked, id):
        result = parked("effects", "cancel", id, "--reason", "by hand")
        canceled = parked.json("effects", "list", "--state", "canceled")["effects"]

        assert result.exit_code == 0, result.output
        assert [(str(one["id"]), one["reason"]) for one in canceled] == [(id, "by hand")]

    def test_are_not_given_up_without_one(self, parked):
        assert parked("effects", "cancel", "1").exit_code == 2
        assert parked("effects", "cancel", "999", "--reason", "x").exit_code == 2


class TestTasks:
    @pytest.fixture
    def open_task(self, shop, engine):
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO tasks (customer_id, key, kind, detail, opened_at) "
                "VALUES (2, 'call:2', 'call', 'ring them up', '2026-02-01Z')"
            )
        return shop

    def test_that_are_open_are_listed(self, open_task):
        assert "ring them up" in open_task("tasks", "list").output
        assert "ring them up" in open_task("explain", "2").output
        assert open_task.json("tasks", "list", "--customer", "3")["tasks"] == []

    def test_can_be_closed_once(self, open_task):
        assert open_task("tasks", "close", "1").output == "Closed 1.\n"
        assert open_task.json("tasks", "list")["tasks"] == []
        assert len(open_task.json("tasks", "list", "--all")["tasks"]) == 1
        assert open_task("tasks", "close", "1").exit_code == 2
