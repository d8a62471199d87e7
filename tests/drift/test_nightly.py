"""What the clock does of it by itself, and what is to be seen of it at a glance."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from recoup.drift.desk import HOUR
from recoup.store.drift import SETTLES
from recoup.web.health import Watch
from recoup.web.metrics import Figures

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
STANDING = "UPDATE standings SET standing = 'soft' WHERE customer_id = %(id)s"
SCANS = "SELECT begun_at, ended_at FROM drift_scans ORDER BY id"
#: An attempt that has been open since an instant, by a kind of method.
OPEN = (
    "UPDATE attempts SET state = 'processing', ended_at = NULL, requested_at = %(at)s "
    "WHERE id = (SELECT max(id) FROM attempts WHERE customer_id = %(id)s)"
)
KIND = "UPDATE payment_methods SET kind = %(kind)s WHERE customer_id = %(id)s"


def at(business, *, days=1, hour, minute=0):
    """Let it be an hour of a day."""
    today = business.scene.now.replace(hour=0, minute=0, second=0, microsecond=0)
    business.scene.clock.set(today + days * DAY + timedelta(hours=hour, minutes=minute))


def figures(business, name):
    recoup = business.recoup
    told = Figures(Watch(recoup.database, recoup.clock.now)).text().decode()
    return dict(re.findall(rf"^recoup_{name}{{(.*)}} (\S+)$", told, re.MULTILINE))


class TestTheNight:
    def test_begins_one_scan_at_its_hour_and_none_again_before_the_next(self, business):
        drift = business.recoup.drift
        at(business, hour=HOUR)
        assert drift.when_due() is not None
        assert drift.when_due() is None
        at(business, hour=HOUR - 1, minute=59)
        assert drift.when_due() is None
        at(business, days=0, hour=HOUR)

        assert drift.when_due() is not None
        assert [scan["begun_at"].hour for scan in business.scene.rows(SCANS)] == [HOUR, HOUR]

    def test_finds_and_the_next_one_repairs(self, business):
        business.let_in()
        id = business.id("payers", 0)
        business.edit(STANDING, id=id)
        drift = business.recoup.drift

        at(business, hour=HOUR)
        first = drift.when_due()
        assert (first.finished, first.open, first.confirmed) == (True, 2, 0)
        at(business, hour=HOUR)
        drift.when_due()

        sql = "SELECT standing FROM standings WHERE customer_id = :id"
        assert business.scene.rows(sql, id=id) == [{"standing": "current"}]


class TestTheFigures:
    def test_count_what_differs_by_class_and_by_for_how_long(self, business):
        business.edit(STANDING, id=business.id("payers", 0))
        business.scan()
        assert figures(business, "drift_findings") == {
            'age="fresh",class="row_changed"': "1.0",
            'age="fresh",class="standing"': "1.0",
        }
        business.pass_time()
        business.scan()
        assert set(figures(business, "drift_findings")) == {
            'age="day",class="row_changed"',
            'age="day",class="standing"',
        }

    def test_say_how_far_rollouts_are(self, business):
        rollouts = business.recoup.rollouts
        rollouts.widen("drift_repair", reason="try it")
        assert figures(business, "rollout_stage") == {'rollout="drift_repair"': "1.0"}

        rollouts.rollback("drift_repair", reason="no")

        assert figures(business, "rollout_stage") == {'rollout="drift_repair"': "0.0"}

    @pytest.mark.parametrize("kind", SETTLES)
    @pytest.mark.parametrize(("after", "count"), [(0 * SECOND, None), (SECOND, "1.0")])
    def test_count_payments_that_take_longer_than_their_method(self, business, kind, after, count):
        since = business.scene.now - SETTLES[kind] - after
        id = business.id("debtors", 0)
        business.edit(OPEN, id=id, at=since)
        business.edit(KIND, id=id, kind=kind)

        assert figures(business, "attempts_overdue").get(f'kind="{kind}"') == count
