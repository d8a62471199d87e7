"""A host that follows, from the first rung to the day the money comes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from host import Host

from recoup.core.policy import DEFAULT
from recoup.errors import Undeliverable
from recoup.processors.fake import NO_FUNDS, Declines
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
BOUNCE = Undeliverable("550 nobody of that name")
#: For each restriction, the newest notice that could have warned of it.
WARNED = """
    SELECT r.rung, r.since, min(n.delivered_at) AS told FROM restrictions r
    JOIN notices n ON n.case_id = r.case_id
    WHERE n.step = CASE r.rung WHEN 'soft' THEN 'action_required'
                   WHEN 'limited' THEN 'restriction_notice' ELSE 'final_notice' END
    GROUP BY r.id ORDER BY r.id"""


@pytest.fixture
def bouncing(database_url, home):
    """A business whose mails arrive once, and then no more."""
    with Scene.open(database_url, home, outbox=Outbox([None, *[BOUNCE] * 9])) as opened:
        yield opened
        assert opened.violations() == ()


class TestAHost:
    def test_closes_a_rung_at_a_time_after_each_notice_and_opens_all_at_once(self, scene):
        host, seen = Host(), []
        scene.recoup.access.use(host.apply, read=host.read)
        scene.recoup.on("access.restricted", "access.restored")(
            lambda event: seen.append(event.type)
        )
        ada = scene.subscriber(Declines(NO_FUNDS))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 25 * DAY)

        scene.fake.attach_method(ada.customer)
        scene.pace.settle()

        assert host.told == [
            ("reminded", []),
            ("soft", ["restrict_features"]),
            ("limited", ["read_only"]),
            ("suspended", ["suspend"]),
            ("current", []),
        ]
        assert host.calls[-1].since == scene.now
        assert scene.standing(ada) == "current"
        warned = scene.rows(WARNED)
        assert [row["rung"] for row in warned] == ["soft", "limited", "suspended"]
        assert all(row["since"] - row["told"] >= DEFAULT.min_notice for row in warned)
        assert seen == ["access.restricted", "access.restored"] * 3
        assert scene.recoup.access.differences(ada.customer) == {}

    def test_is_told_of_nothing_for_fourteen_days_when_notices_bounce(self, bouncing):
        host, scene = Host(), bouncing
        scene.recoup.access.use(host.apply)
        ada = scene.subscriber(Declines(NO_FUNDS))
        failed = scene.until_failed(ada)
        scene.pace.until(failed + 6 * DAY)
        (bounced,) = scene.rows(
            "SELECT bounced_at AS at FROM notices WHERE step = 'action_required'"
        )

        scene.pace.until(bounced["at"] + DEFAULT.bounce_hold - MINUTE)
        held = list(host.told)
        scene.pace.until(bounced["at"] + DEFAULT.bounce_hold + DAY)

        assert held == [("reminded", [])]
        assert host.told[1:] == [("soft", ["restrict_features"])]
