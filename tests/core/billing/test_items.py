from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.billing.items import Wanted, after, alike, changes, count, spelled_out, wanted
from recoup.core.billing.requests import ItemChange
from recoup.core.billing.views import Item
from recoup.errors import InvalidValue

PRICES = st.sampled_from([f"price_{letter}" for letter in "abcdef"])
BASKETS = st.dictionaries(PRICES, st.integers(1, 9), min_size=1, max_size=5)

TEAM = (Item("si_1", "price_team", 5),)


def basket(prices: dict[str, int]) -> tuple[Item, ...]:
    return tuple(
        Item(f"si_{place}", price, quantity)
        for place, (price, quantity) in enumerate(prices.items())
    )


class TestACount:
    def test_is_at_most_a_million(self):
        assert count(1_000_000) == 1_000_000
        with pytest.raises(InvalidValue, match="at most 1000000"):
            count(1_000_001)


class TestWhatIsWanted:
    @pytest.mark.parametrize(
        ("prices", "expected"),
        [
            pytest.param("price_a", (Wanted("price_a"),), id="one price"),
            pytest.param(["price_a", "price_b"], (Wanted("price_a"), Wanted("price_b")), id="two"),
            pytest.param([("price_a", 3)], (Wanted("price_a", 3),), id="with its quantity"),
            pytest.param({"price_a": 3}, (Wanted("price_a", 3),), id="by price"),
            pytest.param(
                ["price_a", ("price_b", 2)],
                (Wanted("price_a"), Wanted("price_b", 2)),
                id="one of each",
            ),
        ],
    )
    def test_may_be_said_in_several_ways(self, prices, expected):
        assert wanted(prices) == expected

    @pytest.mark.parametrize(
        "prices",
        [
            pytest.param((), id="nothing"),
            pytest.param("", id="an empty text"),
            pytest.param(["price_a", "price_a"], id="one price twice"),
            pytest.param({"price_a": 0}, id="none of it"),
            pytest.param({"price_a": True}, id="a quantity that is no number"),
            pytest.param(("price_a", 2), id="a pair where pairs are expected"),
            pytest.param([3], id="no text"),
        ],
    )
    def test_is_refused_where_it_makes_no_sense(self, prices):
        with pytest.raises(InvalidValue, match=r"prices|quantity"):
            wanted(prices)


class TestBecomingWhatIsWanted:
    def test_keeps_the_quantity_of_the_price_it_replaces(self):
        assert changes(TEAM, wanted("price_pro")) == (ItemChange("si_1", "price_pro", 5),)

    def test_takes_another_quantity_where_one_is_said(self):
        assert changes(TEAM, wanted({"price_pro": 2})) == (ItemChange("si_1", "price_pro", 2),)

    def test_changes_nothing_when_it_is_so_already(self):
        assert changes(TEAM, wanted({"price_team": 5})) == ()
        assert changes(TEAM, wanted("price_team")) == ()

    @given(BASKETS, BASKETS)
    def test_always_gets_there(self, now, target):
        items = basket(now)

        made = changes(items, wanted(target))

        assert alike(after(items, made), basket(target))

    @given(BASKETS, BASKETS)
    def test_touches_each_item_at_most_once(self, now, target):
        named = [change.item for change in changes(basket(now), wanted(target)) if change.item]

        assert len(named) == len(set(named))


class TestItemsAfterAChange:
    @given(BASKETS)
    def test_are_the_same_when_they_are_spelled_out(self, now):
        assert after(basket(now), spelled_out(basket(now))) == basket(now)

    @pytest.mark.parametrize(
        "made",
        [
            pytest.param([ItemChange("si_9", quantity=2)], id="unknown item"),
            pytest.param([ItemChange("si_1", removed=True)], id="nothing left"),
            pytest.param([ItemChange(None)], id="a new item without a price"),
            pytest.param([ItemChange(None, "price_team")], id="one price twice"),
            pytest.param([ItemChange("si_1", quantity=0)], id="none of it"),
            pytest.param(
                [ItemChange("si_1", quantity=2), ItemChange("si_1", quantity=3)], id="twice"
            ),
        ],
    )
    def test_are_refused_where_they_can_not_be(self, made):
        with pytest.raises(InvalidValue):
            after(TEAM, made)
