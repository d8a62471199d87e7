"""
Twelve years of renewals: the anchor's day, or the month's last; one period ends where one begins.

Source: docs.stripe.com/billing/subscriptions/billing-cycle.
"""

from __future__ import annotations

import itertools
from calendar import monthrange
from datetime import UTC, datetime, timedelta

import pytest

from recoup.processors.fake import Pays
from recoup.testing.scene import PRICE, Scene

YEARS = 12
SECOND = timedelta(seconds=1)
#: Months that end early are met on the 31st too.
LONG = pytest.mark.long


def after(anchor: datetime, months: int) -> datetime:
    """The same day of the month so many months later, or that month's last."""
    months += anchor.month - 1
    year, month = anchor.year + months // 12, months % 12 + 1
    last = monthrange(year, month)[1]
    return anchor.replace(year=year, month=month, day=min(anchor.day, last))


@pytest.mark.parametrize(
    ("anchor", "months"),
    [
        pytest.param(datetime(2027, 1, 28, 9, 30, tzinfo=UTC), 1, id="on the 28th", marks=LONG),
        pytest.param(datetime(2027, 1, 29, 9, 30, tzinfo=UTC), 1, id="on the 29th", marks=LONG),
        pytest.param(datetime(2027, 1, 30, 9, 30, tzinfo=UTC), 1, id="on the 30th", marks=LONG),
        pytest.param(datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC), 1, id="on the 31st"),
        pytest.param(datetime(2028, 2, 29, 0, 0, tzinfo=UTC), 1, id="on a leap day"),
        pytest.param(datetime(2028, 2, 29, 0, 0, tzinfo=UTC), 12, id="on a leap day, by the year"),
        pytest.param(datetime(2027, 8, 31, 12, 0, tzinfo=UTC), 3, id="on the 31st, by quarters"),
    ],
)
class TestTwelveYears:
    def test_of_periods_follow_the_anchor_and_leave_no_moment_out(
        self, database_url, tmp_path, anchor, months
    ):
        with Scene.open(database_url, tmp_path, start=anchor) as scene:
            price = scene.fake.create_price(
                PRICE, interval="year" if months == 12 else "month",
                interval_count=1 if months == 12 else months,
            )  # fmt: skip
            customer = scene.fake.create_customer(email="ada@example.com")
            scene.fake.attach_method(customer, Pays())
            subscription = scene.fake.subscribe(customer, price)
            seen, expected = 0, [after(anchor, n * months) for n in range(12 * YEARS // months)]
            for start, end in itertools.pairwise(expected):
                for instant in (start, end - SECOND):
                    scene.fake.advance(instant)
                    scene.clock.set(instant)
                    events = scene.fake.events(after=seen)
                    scene.recoup.ingest(body for _, body in events)
                    seen = events[-1][0] if events else seen
                    row = scene.rows(
                        "SELECT period_start, period_end FROM subscriptions "
                        "WHERE processor_id = :id", id=subscription,
                    )[0]  # fmt: skip

                    assert (row["period_start"], row["period_end"]) == (start, end)
            billed = scene.rows("SELECT count(*) AS n FROM invoices")[0]["n"]

            assert billed == len(expected) - 1
