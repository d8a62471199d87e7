"""A timer of the host's own, named in the policy as its module and its name there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.collection.timers import History, Next
from recoup.core.policy import DAY, DEFAULT, Choice, Policies
from recoup.errors import ConfigError
from recoup.processors.fake import NO_FUNDS, Declines
from recoup.testing.scene import Scene

AFTER = timedelta(hours=30)


def once(history: History, /) -> Next:
    """Try once, thirty hours after the first failure."""
    at = history.anchor + AFTER
    return Next(at if history.advanced_to < at else None, "Once, thirty hours later.")


def policies(timer: str) -> Policies:
    return Policies((Choice(replace(DEFAULT, key="ours", timer=timer)),))


class TestATimerOfOnesOwn:
    def test_says_when_it_is_tried_again(self, database_url, home):
        with Scene.open(database_url, home, policies=policies(f"{__name__}:once")) as scene:
            ada = scene.subscriber(Declines(NO_FUNDS))
            scene.until_failed(ada)
            scene.live(days=4)

            (tried,) = scene.rows(
                "SELECT a.requested_at - i.first_failed_at AS later FROM attempts a "
                "JOIN invoices i ON i.id = a.invoice_id WHERE a.ordinal IS NOT NULL"
            )
            assert AFTER <= tried["later"] < AFTER + DAY / 24
            assert scene.violations() == ()

    @pytest.mark.parametrize("timer", ["nowhere.at_all:once", f"{__name__}:twice"])
    def test_that_can_not_be_had_is_an_error_at_the_start(self, database_url, home, timer):
        with (
            pytest.raises(ConfigError, match="which can not be had"),
            Scene.open(database_url, home, policies=policies(timer)),
        ):
            pass
