"""A step that comes up: the loop looks, the next one is enqueued, and nothing is done twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from recoup.core.policy import DEFAULT, Choice, Policies
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.testing.scene import Scene

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EIGHT = datetime(2026, 2, 1, 8, tzinfo=UTC)


def steps(world, state=None):
    """Return the steps whose effects are in this state, in the order in which they are due."""
    sql = "SELECT key, state FROM effects WHERE kind = 'step' ORDER BY due_at"
    return [r["key"].split(":")[-1] for r in world.rows(sql) if state in {None, r["state"]}]


def pay(world, who):
    world.fake.update_method(who.method, payer=Pays())
    world.fake.customer_pays(world.invoice(who))
    world.pace.settle()


class TestTheStepsOfACase:
    def test_come_up_one_after_the_other(self, world):
        world.debtor()
        assert (steps(world, "done"), steps(world, "scheduled")) == (
            ["reminder"], ["action_required"],
        )  # fmt: skip

        world.pace.until(world.failed_at + 6 * DAY)
        assert steps(world, "done") == ["reminder", "action_required"]
        world.pace.until(world.failed_at + 22 * DAY)

        assert steps(world, "done") == [
            "reminder", "action_required", "restriction_notice", "final_notice",
        ]  # fmt: skip
        assert steps(world, "scheduled") == []

    def test_make_no_notice_and_no_mail_twice(self, world):
        world.debtor()
        world.pace.until(world.failed_at + 22 * DAY)

        (notices,) = world.rows("SELECT count(*) n, count(DISTINCT step) steps FROM notices")
        (mails,) = world.rows("SELECT count(*) n FROM mails WHERE type LIKE 'dunning_%'")
        assert (notices, mails["n"]) == ({"n": 4, "steps": 4}, 4)
        assert len(set(world.outbox.ids)) == len(world.outbox.ids)

    def test_are_called_off_with_the_case(self, world):
        ada = world.debtor()

        pay(world, ada)

        assert steps(world, "scheduled") == []
        (row,) = world.rows("SELECT reason FROM effects WHERE kind='step' AND state='canceled'")
        assert row == {"reason": "the campaign is over"}

    def test_come_up_although_nobody_wakes_the_customer(self, world):
        """The queue is a hint of its own: with it alone the notice is placed as well."""
        world.debtor()
        world.do("UPDATE standings SET next_wake_at = NULL")
        world.fake.advance(world.failed_at + 5 * DAY)
        world.clock.set(world.failed_at + 5 * DAY)

        world.recoup.worker().drain()

        assert [n["step"] for n in world.rows("SELECT step FROM notices ORDER BY id")] == [
            "reminder", "action_required",
        ]  # fmt: skip
        world.pace.settle()

    def test_do_nothing_under_a_hold_and_are_sent_after_it(self, world):
        ada = world.debtor()
        until = world.failed_at + 9 * DAY
        world.recoup.dunning.hold(ada.customer, until=until, reason="asked for time")

        world.pace.until(until - HOUR)
        assert (steps(world, "done"), len(world.outbox.messages)) == (
            ["reminder", "action_required"], 0,
        )  # fmt: skip
        world.pace.until(until + 6 * DAY)

        sent = world.rows("SELECT step FROM notices WHERE state = 'sent' ORDER BY id")
        assert [n["step"] for n in sent] == ["reminder", "action_required"]


class TestAPolicyThatIsChanged:
    def test_has_the_new_steps_come_up_and_the_old_ones_not(self, database_url, home):
        soon = [replace(step, after=step.after - DAY) for step in DEFAULT.steps[1:]]
        steps_ = (DEFAULT.steps[0], *(replace(step, key=f"soon_{step.key}") for step in soon))
        other = replace(DEFAULT, key="soon", steps=steps_)
        policies = Policies((Choice(DEFAULT),), {other.name: other})
        with Scene.open(database_url, home, policies=policies) as scene:
            scene.subscriber(Declines(NO_FUNDS))
            scene.live(days=31, hours=10)

            scene.recoup.dunning.change_policy(1, other.name, reason="sooner")
            scene.pace.settle()

            assert steps(scene, "canceled") == ["action_required"]
            assert steps(scene, "scheduled") == ["soon_action_required"]
            scene.live(days=5)
            sent = scene.rows("SELECT step FROM notices WHERE state = 'sent' ORDER BY id")
            assert [n["step"] for n in sent] == ["reminder", "soon_action_required"]
            assert scene.violations() == ()


class TestAStepOfACampaignThatIsOver:
    def test_does_nothing_when_its_case_has_ended(self, world):
        ada = world.debtor()
        pay(world, ada)
        world.do(
            "UPDATE effects SET state = 'scheduled', ended_at = NULL, reason = NULL, "
            "due_at = :now WHERE kind = 'step' AND state = 'canceled'",
            now=world.now,
        )

        world.pace.settle()

        newest = world.effect("step")
        assert (newest["state"], newest["reason"]) == ("canceled", "the campaign is over")
        assert steps(world, "scheduled") == []

    def test_does_nothing_in_the_new_one_of_the_same_case(self, world):
        """It carries the anchor of its own campaign, and that one is gone."""
        world.debtor()
        world.do(
            "UPDATE effects SET due_at = :now, args = args || jsonb_build_object('anchor', "
            "'2026-01-01T00:00:00+00:00') WHERE kind = 'step' AND state = 'scheduled'",
            now=world.now,
        )

        world.pace.settle()

        newest = world.effect("step")
        assert (newest["state"], newest["reason"]) == ("canceled", "the campaign is over")
        assert [n["step"] for n in world.rows("SELECT step FROM notices")] == ["reminder"]
