"""Cards that expire: 30, 7 and 1 days before, only those in use, and only as they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recoup.core.occasions.days import expiries

MARCH = (2026, 3)
DAY = timedelta(days=1)


@pytest.fixture
def town(make):
    """Somebody whose card expires at the end of March 2026; it is New Year."""
    made = make()
    who = made.subscriber()
    made.fake.update_method(who.method, expires=MARCH)
    made.pace.settle()
    made.who = who
    return made


def days(town):
    """How many days ahead each mail told of."""
    sql = "SELECT args ->> 'days' AS days FROM mails WHERE type = 'card_expiring_soon' ORDER BY id"
    return [int(row["days"]) for row in town.rows(sql)]


def live(town, until):
    """Let days pass, with the clock looking on some of them, and twice on those that matter."""
    for day in ("02-27", "03-01", "03-02", "03-10", "03-24", "03-25", "03-30", "03-31", "04-02"):
        at = datetime.fromisoformat(f"2026-{day}").replace(tzinfo=UTC)
        if town.now < at <= until:
            town.pace.until(at, at_least=DAY)
            town.tick()
            town.tick()


class TestACardThatExpires:
    def test_is_told_of_three_times(self, town):
        live(town, datetime(2026, 4, 2, tzinfo=UTC))

        assert days(town) == [30, 7, 1]
        assert town.sent()["card_expiring_soon"] == 3

    def test_is_told_of_no_more_once_it_was_renewed(self, town):
        live(town, datetime(2026, 3, 10, tzinfo=UTC))
        town.fake.update_method(town.who.method, expires=(2029, 3))
        live(town, datetime(2026, 4, 2, tzinfo=UTC))

        assert days(town) == [30]

    def test_is_not_told_of_when_nothing_is_paid_with_it(self, town):
        town.recoup.subscriptions.cancel(town.who.subscription)

        live(town, datetime(2026, 4, 2, tzinfo=UTC))

        assert days(town) == []

    def test_is_left_out_if_it_was_renewed_before_the_mail_went_out(self, town):
        town.live(days=59.5)
        town.recoup.worker(["billing"]).wind("mails")
        town.fake.update_method(town.who.method, expires=(2029, 3))
        town.pace.settle()

        assert days(town) == [30]
        assert town.why("card_expiring_soon") == ["it was renewed"]


class TestTheDays:
    @pytest.mark.parametrize(
        ("day", "found"),
        [
            ("2026-02-28", [(2, 1, 0)]),
            ("2026-03-01", [(3, 30, 30)]),
            ("2026-03-03", [(3, 30, 28)]),
            ("2026-03-04", []),
            ("2026-03-23", []),
            ("2026-03-24", [(3, 7, 7)]),
            ("2026-03-30", [(3, 1, 1)]),
            ("2026-03-31", [(4, 30, 30), (3, 1, 0)]),
        ],
    )
    def test_are_told_of_up_to_two_days_late(self, day, found):
        now = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(hours=9)

        assert [(one.month, one.mark, one.days) for one in expiries(now)] == found
