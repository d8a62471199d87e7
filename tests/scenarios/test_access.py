"""A host that follows, from the first rung to the day the money comes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from host import Host

from recoup.core.money import Money
from recoup.core.policy import DEFAULT
from recoup.errors import Undeliverable
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
TEN = Money(1000, "EUR")
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


def bad_debts(scene, subscription):
    """Return the invoices of a subscription that are bad debt."""
    found = scene.rows(
        "SELECT d.invoice_id AS id FROM debts d JOIN invoices i ON i.id = d.invoice_id "
        "JOIN subscriptions s ON s.id = i.subscription_id "
        "WHERE s.processor_id = :id AND d.exited_at IS NULL ORDER BY 1",
        id=subscription,
    )
    return [row["id"] for row in found]


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

    def test_is_told_of_each_bad_debt_of_several_that_comes_and_goes(self, scene):
        """The standing is the same before and after: what is closed is not."""
        host = Host()
        scene.recoup.access.use(host.apply, read=host.read)
        ada = scene.subscriber()
        scene.live(days=3)
        second = scene.fake.subscribe(ada.customer, scene.fake.create_price(TEN))
        scene.pace.settle()
        scene.fake.update_method(ada.method, payer=Declines(NO_FUNDS))
        scene.live(days=75)
        both = host.told[-1]

        scene.fake.update_method(ada.method, payer=Pays())
        scene.recoup.dunning.pay_bad_debt(ada.customer, bad_debts(scene, second))
        scene.pace.settle()

        assert both == ("bad_debt", ["cancel", "cancel"])
        assert host.told[-1] == ("bad_debt", ["cancel"])
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
