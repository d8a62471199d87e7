"""The budget of those whom an hour may raise: what is beyond it waits, what lowers never does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.account import Restriction
from recoup.core.decide import decide
from recoup.core.diff import diff
from recoup.core.money import Money
from recoup.core.policy import DAY, DEFAULT, HOUR, Choice, Policies
from recoup.processors.fake import NO_FUNDS, Declines
from recoup.recompute import Budgets
from recoup.recompute.guard import raises
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, owing
from recoup.testing.scene import Scene

KIND = replace(DEFAULT, key="kind")
NAME = "policy:kind/1"
POLICIES = Policies((Choice(KIND, rollout=NAME), Choice(DEFAULT)))
STANDINGS = "SELECT standing FROM standings ORDER BY customer_id"
DUE = "SELECT DISTINCT next_wake_at FROM standings"
TASKS = "SELECT opened_at, closed_at FROM tasks WHERE kind = 'raise_budget' ORDER BY id"


def opened(url, home, budgets, *, members=True):
    """A scene with five who owe, an hour before they are restricted."""
    return _Opened(url, home, budgets, members)


class _Opened:
    def __init__(self, url, home, budgets, members):
        self._made = Scene.open(url, home, policies=POLICIES)
        self._budgets, self._members = budgets, members

    def __enter__(self):
        scene = self._made.__enter__()
        scene.recoup.engine = replace(scene.recoup.engine, budgets=self._budgets)
        if self._members:
            with scene.recoup.database.begin() as connection:
                connection.exec_driver_sql(
                    "INSERT INTO rollouts (name, stage, salt, since) "
                    "VALUES (%(name)s, '100', 'salt', %(now)s)",
                    {"name": NAME, "now": scene.now},
                )
        scene.who = [scene.subscriber(Declines(NO_FUNDS)) for _ in range(5)]
        failed = scene.until_failed(scene.who[0])
        scene.pace.until(failed + 8 * DAY + HOUR, at_least=6 * HOUR)
        # All are to be restricted by now, and wait for the end of their notice.
        ((scene.due,),) = [tuple(row.values()) for row in scene.rows(DUE)]
        scene.pace.until(scene.due - 30 * timedelta(minutes=1), at_least=6 * HOUR)
        return scene

    def __exit__(self, *error):
        return self._made.__exit__(*error)


def standings(scene):
    return [row["standing"] for row in scene.rows(STANDINGS)]


class TestARolloutsBudget:
    def test_lets_nobody_be_raised_beyond_it_and_goes_on_with_the_next_hour(
        self, database_url, home, caplog
    ):
        with opened(database_url, home, Budgets(least=2)) as scene:
            assert standings(scene) == ["reminded"] * 5

            scene.pace.at(scene.due)

            assert standings(scene) == ["soft"] * 2 + ["reminded"] * 3
            *_, task = scene.rows(TASKS)  # the first ones are of the hours when cases opened
            assert task["closed_at"] is None
            assert "budget of raises" in caplog.text
            hour = scene.now.replace(minute=0, second=0, microsecond=0) + HOUR
            waits = "SELECT DISTINCT next_wake_at FROM standings WHERE standing = 'reminded'"
            assert scene.rows(waits) == [{"next_wake_at": hour}]

            scene.pace.at(hour)
            assert standings(scene) == ["soft"] * 4 + ["reminded"]
            scene.pace.at(hour + HOUR)

            assert standings(scene) == ["soft"] * 5
            assert all(task["closed_at"] for task in scene.rows(TASKS))
            assert scene.violations() == ()

    def test_that_is_just_enough_stops_nothing(self, database_url, home):
        with opened(database_url, home, Budgets(least=5)) as scene:
            scene.pace.at(scene.due)

            assert standings(scene) == ["soft"] * 5
            assert scene.rows(TASKS) == []

    @pytest.mark.parametrize(("share", "raised"), [(2, 2), (3, 1)])
    def test_is_a_share_of_all_customers_if_that_is_more(self, database_url, home, share, raised):
        with opened(database_url, home, Budgets(least=1, share=share)) as scene:
            scene.pace.at(scene.due)

            assert standings(scene).count("soft") == raised

    def test_keeps_nobody_from_being_restored(self, database_url, home):
        with opened(database_url, home, Budgets(least=2)) as scene:
            scene.pace.at(scene.due)
            bill = scene.fake.invoices_of(scene.who[0].subscription)[-1]
            scene.fake.mark_paid_out_of_band(bill.id)

            scene.pace.settle()

            assert standings(scene) == ["current", "soft"] + ["reminded"] * 3

    def test_is_not_for_what_no_rollout_decides(self, database_url, home):
        with opened(database_url, home, Budgets(least=1), members=False) as scene:
            scene.pace.at(scene.due)

            assert standings(scene) == ["soft"] * 5


class TestTheOrdinaryBudget:
    def test_holds_for_everybody_where_one_is_set(self, database_url, home):
        budgets = Budgets(ordinary=3)
        with opened(database_url, home, budgets, members=False) as scene:
            scene.pace.at(scene.due)

            assert standings(scene).count("soft") == 3

    def test_is_none_by_itself(self, database_url, home):
        with Scene.open(database_url, home) as scene:
            assert scene.recoup.engine.budgets == Budgets(least=500, share=100, ordinary=None)


class TestARaise:
    """What counts against a budget, of a customer who stands on `limited`."""

    @pytest.mark.parametrize(
        ("day", "left", "policy", "rung", "counts"),
        [
            pytest.param(17, 1000, "default/1", "limited", False, id="is not to stay"),
            pytest.param(17, 500, "default/1", "soft", False, id="is not to come down a rung"),
            pytest.param(25, 1000, "default/1", "suspended", True, id="is to climb"),
            pytest.param(17, 1000, "kind/1", "limited", False, id="is not to go back"),
            pytest.param(25, 1000, "kind/1", "suspended", True, id="is to go back and climb"),
        ],
    )
    def test_of_a_case(self, day, left, policy, rung, counts):
        since, now = NOON + 15 * DAY, NOON + day * DAY
        account = Storage().stored(_decided(owing(), NOON), now=NOON)
        case = replace(account.cases[0], rung="limited", rung_since=since, policy=policy)
        closed = Restriction(5, case.scope, "read_only", "limited", since)
        told = replace(account.notices[0], id=6, step="final_notice", delivered_at=since)
        owed = replace(account.invoices[0], remaining=Money(left, "EUR"))
        there = replace(account, cases=(case,), restrictions=(closed,), invoices=(owed,),
                        notices=(*account.notices, told), methods=())  # fmt: skip

        desired = _decided(there, now)

        assert [case.rung for case in desired.cases] == [rung]
        assert raises(diff(there, desired), POLICIES) is counts


def _decided(account, now):
    return decide(account, policies=POLICIES, rules=load_rules(), now=now).desired
