from __future__ import annotations

from dataclasses import replace

import pytest

from recoup.core.billing.catalogue import Catalogue, FeatureKind, Plan
from recoup.core.billing.entitlements import CLOSES, Entitlements, Held, granted
from recoup.core.consequences import CONSEQUENCES
from recoup.core.states import SubscriptionStatus as Status

SOLD = Catalogue(
    {
        "pro": Plan(
            "pro",
            frozenset({"price_pro", "price_pro_year"}),
            frozenset(kind.value for kind in FeatureKind),
            {"seats": 10, "projects": None},
        ),
        "basic": Plan("basic", frozenset({"price_basic"}), frozenset({"read"}), {"seats": 3}),
    },
    {kind.value: kind for kind in FeatureKind if kind is not FeatureKind.WRITE},
)
ALL = frozenset({"growth", "write", "read", "floor"})
FLOOR = frozenset({"floor"})
NONE: frozenset[str] = frozenset()
PRO = Held(1, Status.ACTIVE, ("price_pro",))

#: Status -> what is open without any restriction.
BY_STATUS = {
    Status.TRIALING: ALL,
    Status.ACTIVE: ALL,
    Status.PAST_DUE: ALL,
    Status.UNPAID: FLOOR,
    Status.PAUSED: FLOOR,
    Status.INCOMPLETE: NONE,
    Status.INCOMPLETE_EXPIRED: NONE,
    Status.CANCELED: NONE,
}
#: Restrictions in force -> what they leave of everything.
LEFT = {
    (): ALL,
    ("restrict_features",): frozenset({"write", "read", "floor"}),
    ("read_only",): frozenset({"read", "floor"}),
    ("suspend",): FLOOR,
    ("restrict_features", "read_only"): frozenset({"read", "floor"}),
    ("read_only", "suspend"): FLOOR,
    ("a_later_one",): FLOOR,
}


def features(*held: Held, closing: tuple[str, ...] = (), scope: str = "subscription:1"):
    return granted(held, [(scope, name) for name in closing], SOLD).features


class TestFeatures:
    @pytest.mark.parametrize("kind", FeatureKind)
    @pytest.mark.parametrize("closing", LEFT)
    @pytest.mark.parametrize("status", Status)
    def test_are_open_by_status_restriction_and_kind(self, status, closing, kind):
        opened = features(replace(PRO, status=status), closing=closing)

        assert (kind.value in opened) is (kind.value in BY_STATUS[status] & LEFT[closing])

    def test_are_decided_for_every_status(self):
        assert set(BY_STATUS) == set(Status)

    def test_are_closed_by_every_consequence_that_restricts(self):
        restricting = {name for name, one in CONSEQUENCES.items() if one.takes_away} - {"cancel"}

        assert restricting <= set(CLOSES)

    @pytest.mark.parametrize("status", Status)
    def test_are_gone_once_the_row_has_an_end(self, status):
        assert features(replace(PRO, status=status, ended=True)) == NONE

    @pytest.mark.parametrize("status", [Status.ACTIVE, Status.TRIALING, Status.PAST_DUE])
    def test_are_the_floor_while_collecting_is_paused(self, status):
        assert features(replace(PRO, status=status, paused=True)) == FLOOR

    @pytest.mark.parametrize("status", [Status.ACTIVE, Status.PAST_DUE, Status.UNPAID])
    def test_are_the_floor_once_the_ladder_has_ended(self, status):
        """Its restrictions are lifted then, and the processor has not ended it yet."""
        assert features(replace(PRO, status=status, given_up=True)) == FLOOR

    def test_are_those_of_all_subscriptions(self):
        basic = Held(2, Status.ACTIVE, ("price_basic",))
        suspended = features(PRO, basic, closing=("suspend",))

        assert suspended == {"floor", "read"}

    def test_are_taken_only_from_what_the_debt_bought(self):
        assert features(PRO, closing=("suspend",), scope="subscription:2") == ALL
        assert features(PRO, closing=("suspend",), scope="invoice:1") == ALL
        assert features(PRO, closing=("suspend",), scope="subscription:11") == ALL

    def test_are_none_for_a_price_that_no_plan_maps(self):
        assert features(replace(PRO, prices=("price_gone",))) == NONE
        assert features(replace(PRO, prices=())) == NONE
        assert features() == NONE

    def test_are_those_of_every_item(self):
        both = replace(PRO, prices=("price_gone", "price_basic", "price_pro_year"))

        assert features(both) == ALL


class TestLimits:
    @pytest.mark.parametrize(
        ("closing", "seats", "projects"),
        [
            pytest.param((), 10, None, id="unrestricted"),
            pytest.param(("restrict_features",), 10, None, id="what is there stays"),
            pytest.param(("read_only",), 0, 0, id="nothing is written"),
            pytest.param(("suspend",), 0, 0, id="nothing is used"),
        ],
    )
    def test_go_when_nothing_may_be_written(self, closing, seats, projects):
        opened = granted([PRO], [("subscription:1", name) for name in closing], SOLD)

        assert (opened.limit("seats"), opened.limit("projects")) == (seats, projects)

    @pytest.mark.parametrize("status", Status)
    def test_hold_while_everything_is_open(self, status):
        opened = granted([replace(PRO, status=status)], [], SOLD)

        assert opened.limit("seats") == (10 if BY_STATUS[status] == ALL else 0)

    @pytest.mark.parametrize(
        "prices", [("price_pro", "price_basic"), ("price_basic", "price_pro")]
    )
    def test_of_one_name_are_the_largest_and_never_a_sum(self, prices):
        held = [Held(n, Status.ACTIVE, (price,)) for n, price in enumerate(prices)]

        opened = granted(held, [], SOLD)

        assert opened.limit("seats") == 10
        assert opened.limit("projects") is None

    def test_are_nothing_when_not_named(self):
        assert granted([PRO], [], SOLD).limit("gone") == 0

    @pytest.mark.parametrize(
        ("bound", "used", "within"),
        [
            (10, 9, True),
            (10, 10, True),
            (10, 11, False),
            (None, 10**9, True),
            (1, 0, True),
            (0, 0, False),
        ],
    )
    def test_allow_up_to_and_with_the_limit(self, bound, used, within):
        assert Entitlements(limits={"seats": bound}).within("seats", used) is within
