"""What a debt bought, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recoup.core.account import scopes
from recoup.core.decide import decide
from recoup.core.policy import DAY, Policies
from recoup.core.states import CaseEnd
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, invoice, owing, paid

RULES, POLICIES = load_rules(), Policies()
ADD_ON = "prices:1:extra"


def decided(account, *, now):
    return decide(account, policies=POLICIES, rules=RULES, now=now).desired


def lived(account, *, until, stop=lambda _: False):
    """Return the account as it is after living until then, or once `stop` says so."""
    store, now = Storage(code="lost_card"), NOON
    while now <= NOON + until:
        for _ in range(5):
            account = store.stored(decided(account, now=now), now=now)
        if stop(account) or account.next_wake_at is None:
            break
        now = account.next_wake_at
    return account


def apart(id=1, prices=("extra",)):
    """Return a failed invoice for an add-on of the subscription."""
    scope = scopes.of_prices(1, prices)
    return replace(invoice(id), prices=prices, apart=scope)


class TestAScope:
    @pytest.mark.parametrize(
        ("subscription", "prices", "plans", "expected"),
        [
            pytest.param(7, ("team",), ("team",), None, id="of the plan itself"),
            pytest.param(7, ("team", "extra"), ("team",), None, id="of the plan and an add-on"),
            pytest.param(7, ("team",), ("solo", "team"), None, id="of the plan it was"),
            pytest.param(7, ("extra",), ("team",), "prices:7:extra", id="of an add-on"),
            pytest.param(7, ("b", "a", "b"), ("team",), "prices:7:a,b", id="of several"),
            pytest.param(7, (), ("team",), None, id="of lines that nobody told of"),
            pytest.param(7, ("extra",), (), None, id="of a plan that nobody told of"),
            pytest.param(None, ("extra",), (), None, id="of a one-off"),
        ],
    )
    def test_is_apart_where_the_plan_was_not_sold(self, subscription, prices, plans, expected):
        assert scopes.apart(subscription, prices, plans) == expected

    @pytest.mark.parametrize("prices", [{"a"}, {"a", "b"}, {"a,b", "c:d", "e%2Cf", "g h", "%"}])
    def test_says_what_prices_it_is_of(self, prices):
        scope = scopes.of_prices(12, prices)

        assert (scopes.subscription_id(scope), scopes.prices_of(scope)) == (12, prices)
        assert " " not in scope

    @pytest.mark.parametrize(
        ("scope", "expected"),
        [("subscription:12", 12), ("invoice:12", None), ("", None)],
    )
    def test_names_its_subscription_and_of_others_no_prices(self, scope, expected):
        assert scopes.subscription_id(scope) == expected
        assert scopes.prices_of(scope) == frozenset()


class TestADebtForAnAddOn:
    def test_is_a_case_of_its_own(self):
        desired = decided(owing(invoice(1), apart(2)), now=NOON)

        assert sorted(case.scope for case in desired.cases) == [ADD_ON, "subscription:1"]

    def test_restricts_only_what_it_bought(self):
        account = lived(owing(apart()), until=30 * DAY, stop=lambda a: a.restrictions)

        assert {one.scope for one in account.restrictions} == {ADD_ON}

    def test_never_ends_the_subscription(self):
        account = lived(owing(apart()), until=60 * DAY)

        assert [case.end for case in account.cases] == [CaseEnd.EXHAUSTED]
        assert account.subscriptions[0].end_requested_at is None
        assert account.restrictions == ()

    def test_ends_it_where_it_was_for_the_plan(self):
        account = lived(owing(), until=60 * DAY)

        assert account.subscriptions[0].end_requested_at is not None

    def test_is_over_when_it_is_paid_whatever_the_plan_owes(self):
        account = Storage().stored(decided(owing(invoice(1), apart(2)), now=NOON), now=NOON)

        later = decided(paid(account, 2, at=NOON + DAY), now=NOON + DAY)

        assert {case.scope: case.end for case in later.cases} == {
            ADD_ON: CaseEnd.RECOVERED,
            "subscription:1": None,
        }
