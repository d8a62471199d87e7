"""A whole Recoup that collects at Stripe: what goes wrong on the way costs no attempt."""

from __future__ import annotations

import pytest

from recoup.billing import Recoup
from recoup.config import Config
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.store.line import DatabaseLine, Pace
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene
from recoup.testing.stripe_server import Fault

PAY = "POST /v1/invoices/*/pay"


@pytest.fixture
def line(engine):
    return DatabaseLine(engine, Pace(each=1000, together=1000))


@pytest.fixture
def scene(stripe_town, database_url, home):
    clock, outbox = TestClock(stripe_town.now()), Outbox()
    config = Config.load(database_url=database_url, home=home)
    with Recoup(config, processor=stripe_town.processor, sender=outbox, clock=clock) as recoup:
        yield Scene(recoup, stripe_town.fake, clock, outbox)


@pytest.fixture
def owing(scene):
    """Somebody whose renewal has failed, whose card is good again, and who is tried in an hour."""
    who = scene.subscriber(Declines(NO_FUNDS, 1, Pays()))
    scene.live(days=34)
    return who


def invoice_of(scene, who):
    return scene.fake.subscription(who.subscription).latest_invoice


def ours(scene):
    """Return (state, how often the processor was asked what became of it) of our attempts."""
    return [
        (row["state"], row["lookups"])
        for row in scene.rows("SELECT * FROM attempts WHERE idempotency_key IS NOT NULL")
    ]


class TestCollecting:
    @pytest.mark.parametrize("kind", ["lost_reply", "error_after"])
    def test_takes_the_money_once_when_nobody_heard_the_answer(
        self, scene, stripe_town, owing, kind
    ):
        stripe_town.server.add_fault(Fault(kind, to=PAY))

        scene.live(hours=2)

        assert stripe_town.captured(invoice_of(scene, owing)) == 4900
        assert [state for state, _ in ours(scene)] == ["succeeded"]
        assert scene.standing(owing) == "current"
        assert scene.violations() == ()

    @pytest.mark.parametrize(("kind", "times"), [("busy", 4), ("drop", 2)])
    def test_makes_the_same_try_again_when_it_was_not_begun(
        self, scene, stripe_town, owing, kind, times
    ):
        stripe_town.server.add_fault(Fault(kind, to=PAY, times=times))

        scene.live(hours=8)

        assert scene.standing(owing) == "current"
        assert [state for state, _ in ours(scene)] == ["succeeded"]
        assert stripe_town.tries(invoice_of(scene, owing)) == 2  # the renewal's own, and ours
        assert scene.violations() == ()

    def test_asks_nobody_and_loses_nothing_while_stripe_is_away(
        self, scene, stripe_town, owing, line, engine
    ):
        with stripe_town.server.down():
            for _ in range(5):
                line.silent()
            asked = len(stripe_town.watched)
            scene.live(hours=1.2)
            waiting = ours(scene)
        assert len(stripe_town.watched) == asked
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE line_silences SET probe_at = clock_timestamp()")

        scene.live(hours=1)

        assert waiting == [("requested", 0)]
        assert ours(scene) == [("succeeded", 0)]
        assert scene.violations() == ()
