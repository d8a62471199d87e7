"""How a notice reaches its customer: our mail, or the host's own means, in the step's order."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.policy import DEFAULT, Choice, Policies
from recoup.errors import Undeliverable
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene

DAY = timedelta(days=1)
BOUNCE = Undeliverable("550 nobody of that name")


class Told:
    """A host that reaches its customers by itself."""

    def __init__(self, scene):
        self.events = []
        scene.recoup.on("dunning.notice", name="sms")(self.events.append)

    @property
    def steps(self):
        return [event.data["step"] for event in self.events]


@pytest.fixture
def opened(database_url, home):
    """Open a scene whose steps all go by these channels, with a mail server that bounces these."""

    @contextmanager
    def open_(*channels, bounces=()):
        steps = tuple(replace(step, channels=channels) for step in DEFAULT.steps)
        policies = Policies((Choice(replace(DEFAULT, steps=steps)),))
        with Scene.open(database_url, home, policies=policies, outbox=Outbox(bounces)) as scene:
            yield scene
            assert scene.violations() == ()

    return open_


def fail(scene, **who):
    """Let a renewal fail, and the morning come."""
    made = scene.subscriber(Declines(NO_FUNDS), **who)
    scene.live(days=31, hours=10)
    return made


def first(scene):
    sql = "SELECT state, reason, delivered_at, bounced_at FROM notices ORDER BY id LIMIT 1"
    return scene.rows(sql)[0]


class TestTheHostsOwnMeans:
    def test_are_told_of_the_step_the_rung_and_the_day(self, opened):
        with opened("host") as scene:
            told = Told(scene)
            fail(scene)
            scene.live(days=5)

            (_, event) = told.events
            (case,) = scene.rows("SELECT id, anchor FROM cases")
            assert event.data["case_id"] == case["id"]
            assert (event.data["step"], event.data["announces"]) == ("action_required", "soft")
            assert event.data["due_at"].startswith((case["anchor"] + 5 * DAY).strftime("%Y-%m-%d"))
            assert scene.outbox.messages == []

    def test_count_as_delivered_and_the_case_goes_its_way(self, opened):
        with opened("host") as scene:
            told = Told(scene)
            ada = fail(scene)
            assert first(scene)["delivered_at"] is not None

            scene.live(days=9)
            assert scene.standing(ada) == "soft"
            scene.live(days=20)

            assert told.steps == [step.key for step in DEFAULT.steps]

    def test_wait_for_contact_hours_like_a_mail(self, opened):
        with opened("host") as scene:
            told = Told(scene)
            scene.subscriber(Declines(NO_FUNDS))
            scene.live(days=31, hours=7)
            assert told.events == []

            scene.live(hours=2)

            assert told.steps == ["reminder"]

    def test_are_not_used_for_who_has_paid(self, opened):
        with opened("host") as scene:
            told = Told(scene)
            ada = scene.subscriber(Declines(NO_FUNDS))
            scene.live(days=31, hours=2)
            scene.fake.update_method(ada.method, payer=Pays())
            scene.fake.customer_pays(scene.fake.invoices_of(ada.subscription)[-1].id)
            scene.pace.settle()
            scene.live(days=20)

            assert told.events == []

    def test_reach_who_has_no_address(self, opened):
        with opened("mail", "host") as scene:
            told = Told(scene)
            fail(scene, email=None)

            assert told.steps == ["reminder"]

    def test_that_nobody_has_are_a_task_and_hold_the_climb(self, opened):
        with opened("host") as scene:
            ada = fail(scene)

            assert first(scene)["bounced_at"] is not None
            (mail,) = scene.rows("SELECT state, reason FROM mails WHERE key LIKE 'notice:%'")
            assert mail == {"state": "bounced", "reason": "nobody listens to dunning.notice"}
            assert [t["kind"] for t in scene.rows("SELECT kind FROM tasks")] == ["unreachable"]
            scene.live(days=14)
            assert scene.standing(ada) == "reminded"

    def test_that_nobody_has_give_way_to_the_mail(self, opened):
        with opened("host", "mail") as scene:
            fail(scene)

            assert len(scene.outbox.messages) == 1
            assert first(scene)["delivered_at"] is not None

    def test_are_told_again_when_a_person_says_so(self, opened):
        with opened("host") as scene:
            told = Told(scene)
            fail(scene)

            scene.recoup.dunning.resend_step(1, "reminder", reason="the phone was off")
            scene.pace.settle()

            assert told.steps == ["reminder", "reminder"]
            assert len(scene.rows("SELECT id FROM notices")) == 1


class TestAMailThatBounces:
    def test_has_the_host_told_and_the_climb_held_all_the_same(self, opened):
        with opened("mail", "host", bounces=[None, BOUNCE]) as scene:
            told = Told(scene)
            ada = fail(scene)
            assert told.events == []

            scene.live(days=5)

            assert told.steps == ["action_required"]
            sql = "SELECT bounced_at FROM notices WHERE step = 'action_required'"
            assert scene.rows(sql)[0]["bounced_at"] is not None
            scene.live(days=4)
            assert scene.standing(ada) == "reminded"

    def test_has_nobody_told_where_the_step_knows_no_other_way(self, opened):
        with opened("mail", bounces=[BOUNCE]) as scene:
            told = Told(scene)
            fail(scene)

            assert told.events == []
