from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.account import BAD_DEBT, CURRENT, LIFTING, Restriction
from recoup.core.account.access import (
    STAYS,
    AccessState,
    closed,
    closes,
    differences,
    given_back,
    told,
)
from recoup.core.billing.catalogue import Catalogue, FeatureKind, Plan
from recoup.core.changes import Lifted, StandingChanged, TaskOpened
from recoup.core.consequences import CONSEQUENCES
from recoup.core.decide import decide
from recoup.core.diff import diff
from recoup.core.policy import DAY, Policies
from recoup.core.states import CaseEnd
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, owing, paid

PATIENCE = Policies().undo_within
MICRO = timedelta(microseconds=1)
READ_ONLY = Restriction(1, "subscription:1", "read_only", "limited", NOON)
SOFT = Restriction(2, "subscription:1", "restrict_features", "soft", NOON)
SHOP = Catalogue(
    {
        "pro": Plan("pro", frozenset({"price_1"}), frozenset({"seats", "edit", "look", "export"})),
        "team": Plan("team", frozenset({"price_2"}), frozenset({"chat"})),
    },
    {"seats": FeatureKind.GROWTH, "look": FeatureKind.READ, "export": FeatureKind.FLOOR},
)


def decided(account, now):
    return decide(account, policies=Policies(), rules=load_rules(), now=now)


def restricted(*restrictions, **more):
    """An account whose one case stands on limited, for an hour."""
    account = Storage().stored(decided(owing(), NOON).desired, now=NOON)
    case = replace(account.cases[0], rung="limited", rung_since=NOON + 15 * DAY)
    held = tuple(replace(one, scope=case.scope) for one in restrictions or (READ_ONLY,))
    return replace(account, cases=(case,), restrictions=held, standing="limited", **more)


LATER = NOON + 15 * DAY + timedelta(hours=1)


class TestWhatIsClosed:
    @pytest.mark.parametrize("consequence", [*CONSEQUENCES, "of_tomorrow", "downgrade:price_9"])
    def test_is_never_the_floor(self, consequence):
        assert FeatureKind.FLOOR not in closes(consequence)

    @pytest.mark.parametrize(
        ("consequence", "features"),
        [
            ("restrict_features", ("seats",)),
            ("read_only", ("edit", "seats")),
            ("suspend", ("edit", "look", "seats")),
            ("of_tomorrow", ("edit", "look", "seats")),
        ],
    )
    def test_is_of_what_the_debt_bought_and_never_to_export(self, consequence, features):
        one = replace(READ_ONLY, consequence=consequence)

        found = closed(one, ["price_1", "price_of_nobody"], "unpaid", SHOP)

        assert (found.features, found.plans) == (features, ("pro",))
        assert found.prices == ("price_1", "price_of_nobody")

    def test_leaves_sign_in_security_export_and_billing_open(self):
        state = AccessState(1, 1, "suspended", NOON)

        assert state.stays == STAYS == ("sign_in", "security", "export", "billing")


class TestGivingBack:
    def test_is_of_everything_that_is_lifted(self):
        before = restricted(followed=True)

        assert given_back(before, replace(before, restrictions=())) == before.restrictions

    def test_is_not_awaited_where_nobody_follows(self):
        before = restricted(followed=False)

        assert given_back(before, replace(before, restrictions=())) == ()

    @pytest.mark.parametrize(
        ("before", "after", "waits"),
        [
            pytest.param(SOFT, READ_ONLY, False, id="a stricter one in its place"),
            pytest.param(READ_ONLY, SOFT, True, id="a milder one in its place"),
            pytest.param(
                READ_ONLY, replace(READ_ONLY, consequence="suspend"), False, id="all of it"
            ),
            pytest.param(
                replace(SOFT, consequence="write_off"), SOFT, False, id="what closed nothing"
            ),
        ],
    )
    def test_is_of_what_is_not_closed_again(self, before, after, waits):
        one = restricted(before, followed=True)
        other = replace(one, restrictions=(replace(after, scope=one.restrictions[0].scope),))

        assert bool(given_back(one, other)) is waits

    def test_ends_with_the_ladder_for_as_long_as_it_is_bad_debt(self):
        before = restricted(followed=True)
        over = replace(before.cases[0], end=CaseEnd.EXHAUSTED, ended_at=NOON)

        assert given_back(before, replace(before, restrictions=(), cases=(over,))) == ()


class TestLifting:
    def test_is_who_has_paid_and_whose_host_has_not_followed(self):
        before = paid(restricted(followed=True), 1, at=LATER)

        made = decided(before, LATER).desired

        assert (made.standing, made.restrictions, made.lifting) == (LIFTING, (), LATER)
        changes = diff(before, made)
        assert Lifted(before.restrictions[0], undone=False) in changes
        assert StandingChanged("limited", LIFTING) in changes

    def test_is_nobody_where_nobody_follows(self):
        before = paid(restricted(followed=False), 1, at=LATER)

        made = decided(before, LATER).desired

        assert (made.standing, made.lifting) == (CURRENT, None)
        assert Lifted(before.restrictions[0], undone=True) in diff(before, made)

    def test_decided_on_twice_changes_nothing(self):
        made = decided(paid(restricted(followed=True), 1, at=LATER), LATER).desired

        assert diff(made, decided(made, LATER).desired) == ()

    def test_ends_when_the_host_has_followed(self):
        lifted = decided(paid(restricted(followed=True), 1, at=LATER), LATER).desired
        read_again = replace(Storage().stored(lifted, now=LATER), cases=(), lifting=None)

        assert decided(read_again, LATER).desired.standing == CURRENT

    def test_is_not_who_owes_again(self):
        owes = replace(restricted(followed=True), lifting=NOON)

        assert decided(owes, LATER).desired.standing == "limited"

    @pytest.mark.parametrize(("after", "tasks"), [(PATIENCE - MICRO, 0), (PATIENCE, 1)])
    def test_for_too_long_is_a_task_for_a_person(self, after, tasks):
        waits = replace(owing(), invoices=(), cases=(), uses=(), attempts=(), lifting=NOON)

        changes = diff(waits, decided(waits, NOON + after).desired)

        found = [one.task.kind for one in changes if isinstance(one, TaskOpened)]
        assert found == ["not_restored"] * tasks

    def test_is_looked_at_again_when_it_has_been_too_long(self):
        waits = replace(owing(), invoices=(), cases=(), uses=(), attempts=(), lifting=NOON)

        assert decided(waits, NOON).desired.next_wake_at == NOON + PATIENCE


class TestWhatIsToldOfAStanding:
    @pytest.mark.parametrize(
        ("standing", "word"), [(LIFTING, CURRENT), (CURRENT, CURRENT), (BAD_DEBT, BAD_DEBT)]
    )
    def test_is_what_it_will_be_once_it_is_undone(self, standing, word):
        assert told(standing) == word


class TestDifferences:
    def state(self, *restrictions):
        made = tuple(closed(one, [], "", SHOP) for one in restrictions)
        return AccessState(1, 1, "limited", NOON, restrictions=made)

    def test_are_none_when_both_hold_the_same(self):
        assert differences(self.state(SOFT), self.state(SOFT)) == {}

    def test_name_what_only_one_of_the_two_holds(self):
        assert differences(self.state(SOFT), self.state(READ_ONLY)) == {
            "subscription:1 restrict_features": ("closed", "open"),
            "subscription:1 read_only": ("open", "closed"),
        }

    @pytest.mark.parametrize(("held", "number"), [((), 0), ((SOFT,), 1)])
    def test_with_a_host_that_knows_nothing_are_what_it_should_hold(self, held, number):
        assert len(differences(self.state(*held), None)) == number
