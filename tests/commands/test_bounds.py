"""What can not be is refused by a typed error that names it, whoever is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from recoup.core.billing.entitlements import Entitlements
from recoup.core.billing.requests import ItemChange
from recoup.errors import InvalidKey, InvalidPeriod, InvalidValue

LAST = datetime.max.replace(tzinfo=UTC)
#: The instants after the calendar's last one, in UTC.
BEYOND = datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))


@pytest.fixture
def sold(scene):
    """A subscription of Ada's."""
    (found,) = scene.recoup.subscriptions.list(scene.subscriber().customer)
    return found


class TestALimit:
    @pytest.mark.parametrize(
        "listed",
        ["customers", "subscriptions", "invoices", "payments", "coupons", "promotion codes"],
    )
    def test_is_1_to_1000_in_every_noun(self, scene, listed):
        noun = getattr(scene.recoup, listed.replace("promotion codes", "coupons"))
        rows = noun.list_promotion_codes if listed == "promotion codes" else noun.list

        for limit in (1, 1000):
            assert rows(limit=limit) == ()
        for limit in (0, -1, 1001, 10**30):
            with pytest.raises(InvalidValue, match=rf"limit: expected 1 to 1000, got {limit}"):
                rows(limit=limit)
        with pytest.raises(InvalidValue, match="after"):
            rows(after=10**18)
        assert rows(after=10**18 - 1) == ()

    def test_of_a_subscription_that_can_not_be_finds_nothing(self, scene):
        assert scene.recoup.invoices.list(subscription=10**30) == ()


class TestAKey:
    @pytest.mark.parametrize("key", [1, None, b"k", "", "a\0b", "\ud800"])
    def test_that_can_be_no_key_is_refused(self, scene, key):
        for ask in (
            scene.recoup.result,
            scene.recoup.wait,
            lambda key: scene.recoup.call_off(key, reason="x"),
        ):
            with pytest.raises(InvalidKey):
                ask(key)

    @pytest.mark.parametrize("timeout", ["1", -1, float("nan"), True])
    def test_is_waited_for_some_seconds(self, scene, timeout):
        scene.recoup.coupons.create("OFF", percent_off=10, key="k")

        with pytest.raises(InvalidValue, match="timeout"):
            scene.recoup.wait("k", timeout=timeout)
        assert scene.recoup.wait("k", timeout=0).processor_id == "OFF"


class TestAnInstant:
    @pytest.mark.parametrize("instant", ["2030", 2030, None, LAST.replace(tzinfo=None), BEYOND])
    def test_of_the_ledger_is_one(self, scene, instant):
        with pytest.raises(InvalidPeriod):
            scene.recoup.ledger.state_as_of(scene.subscriber().customer, instant)

    def test_that_no_calendar_has_in_utc_is_refused(self, scene, sold):
        recoup = scene.recoup
        recoup.coupons.create("OFF", percent_off=10)
        for ask in (
            lambda: recoup.coupons.create("LATE", percent_off=10, redeem_by=BEYOND),
            lambda: recoup.coupons.create_promotion_code("OFF", "LATE", expires_at=BEYOND),
            lambda: recoup.subscriptions.cancel(sold.id, when=BEYOND),
            lambda: recoup.subscriptions.pause(sold.id, until=BEYOND),
            lambda: recoup.subscriptions.extend_trial(sold.id, BEYOND),
        ):
            with pytest.raises(InvalidPeriod):
                ask()


class TestAnItem:
    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"item": 7}, "item"),
            ({"price": 7}, "price"),
            ({"price": "a\0b"}, "price"),
            ({"price": "p", "quantity": "2"}, "quantity"),
            ({"price": "p", "quantity": 1.5}, "quantity"),
            ({"price": "p", "quantity": True}, "quantity"),
            ({"item": "si_1", "removed": "yes"}, "removed"),
        ],
    )
    def test_says_what_it_can_be(self, scene, sold, fields, name):
        change = ItemChange(**fields)

        with pytest.raises(InvalidValue, match=rf"items\[0\]\.{name}"):
            scene.recoup.subscriptions.set_items(sold.id, [change])
        with pytest.raises(InvalidValue, match=rf"items\[0\]\.{name}"):
            scene.recoup.subscriptions.preview_change(sold.id, items=[change])

    def test_that_only_looks_like_one_is_none(self, scene, sold):
        with pytest.raises(InvalidValue):
            scene.recoup.subscriptions.set_items(sold.id, [SimpleNamespace(item=None)])


class TestWhatIsUsed:
    @pytest.mark.parametrize("used", [None, "1", 1.5, True])
    def test_is_a_whole_number(self, used):
        with pytest.raises(InvalidValue, match="used"):
            Entitlements(limits={"seats": 3}).within("seats", used)
