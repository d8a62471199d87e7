"""What operators ordered is in the customer's story: who, and why they said so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.explain import explanation
from recoup.processors.fake import Declines

DAY = timedelta(days=1)


@pytest.fixture
def bob(scene):
    """A subscriber whose renewal failed, nine days ago. Our id."""
    who = scene.subscriber(payer=Declines())
    scene.live(days=31 + 9)
    return scene.customer_id(who)


def told(scene, id):
    with scene.recoup.database.connect() as connection:
        return explanation(connection, str(id), scene.recoup.engine, scene.now)


class TestTheStory:
    def test_says_who_ended_a_hold_and_why(self, scene, bob, ann):
        ann.hold(bob, until=scene.now + 5 * DAY, reason="asked for time")
        scene.live(days=1)
        ann.release(bob, reason="done")

        words = [line.words for line in told(scene, bob).story]

        assert "A hold (asked for time) was ended by cli:ann: done." in words

    def test_says_who_ordered_tries_and_steps(self, scene, bob, ann):
        (case,) = scene.rows("SELECT id FROM cases")
        (owed,) = scene.rows("SELECT id, processor_id FROM invoices WHERE status = 'open'")
        ann.skip_step(case["id"], "restriction_notice", reason="he knows")
        ann.resend_step(case["id"], "reminder", reason="he lost it")
        ann.retry(owed["id"], reason="he called")

        words = [line.words for line in told(scene, bob).story]

        about = told(scene, bob).cases[0].about
        assert (
            f"Step restriction_notice of the case for {about} was left out by cli:ann: he knows."
        ) in words
        again = f"Step reminder of the case for {about} was ordered to be sent again by cli:ann"
        assert f"{again}: he lost it." in words
        tried = f"A try of invoice {owed['processor_id']} was ordered by cli:ann: he called."
        assert any(one.startswith(tried) for one in words)

    def test_of_who_is_exempt_names_the_exemption(self, scene, bob, ann):
        ann.exempt(bob, until=scene.now + 5 * DAY, reason="vip")
        scene.live(hours=1)

        page = told(scene, bob)

        assert page.standing == "current"
        assert "exempt until" in page.words
        assert "(vip)" in page.words
        assert "has not begun" not in page.words
        assert page.cases[0].why.endswith("1 h on hold are not counted")

    def test_says_who_paused_charging(self, scene, bob, ann):
        ann.pause_charging(reason="a bad release")

        page = told(scene, bob)

        assert [(one.need, one.stopped) for one in page.plan] == [
            (None, "by cli:ann: a bad release")
        ]
