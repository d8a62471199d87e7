"""What operators do to running cases, through the front door."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.billing.views import Pay
from recoup.core.policy import DEFAULT, Choice, Policies, Rung, Step
from recoup.errors import InProgress, NotFound, NotPossible
from recoup.processors.fake import LOST, Declines, Pays, Slow
from recoup.testing.scene import Scene

DAY = timedelta(days=1)

#: Another version: the same consequences, under other names and a week later; new notices.
LATER = replace(
    DEFAULT,
    version=2,
    ladder=(
        Rung("told", timedelta(0), ("notify",)),
        Rung("mild", 15 * DAY, ("restrict_features",)),
        Rung("strict", 22 * DAY, ("read_only",)),
        Rung("over", 35 * DAY, ("cancel",)),
    ),
    steps=(
        Step("hello", timedelta(0), "dunning_reminder"),
        Step("mild_notice", 11 * DAY, "dunning_action_required", announces="mild"),
        Step("strict_notice", 18 * DAY, "dunning_restriction_notice", announces="strict"),
        Step("last_notice", 30 * DAY, "dunning_final_notice", announces="over"),
    ),
)
#: One whose notice has the key of a milder one of the default.
SLY = replace(
    DEFAULT,
    version=3,
    steps=(
        Step("reminder", timedelta(0), "dunning_reminder"),
        Step("action_required", 5 * DAY, "dunning_final_notice", announces="ended"),
    ),
)
#: One with the default's rungs, whose notices have other keys.
RENAMED = replace(
    DEFAULT,
    version=4,
    steps=tuple(replace(step, key=f"{step.key}_4") for step in DEFAULT.steps),
)
POLICIES = Policies(
    known={one.name: one for one in (LATER, SLY, RENAMED)}, choices=(Choice(DEFAULT),)
)


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home, policies=POLICIES) as opened:
        yield opened
        opened.pace.settle()
        assert opened.violations() == ()


@pytest.fixture
def who(scene):
    """A subscriber whose renewal failed nine days ago, as the processor knows them."""
    who = scene.subscriber(payer=Declines())
    scene.live(days=31 + 9)
    assert scene.standing(who) == "soft"
    return who


def owed(scene):
    """Our id of the invoice that is owed."""
    (row,) = scene.rows(
        "SELECT id FROM invoices WHERE status = 'open' AND first_failed_at IS NOT NULL"
    )
    return row["id"]


def tries(scene, origin):
    return scene.rows("SELECT * FROM attempts WHERE origin = :o ORDER BY id", o=origin)


def refused(scene, kind):
    return scene.rows(
        "SELECT actor, args, error FROM commands WHERE kind = :k AND state = 'refused' "
        "ORDER BY id",
        k=kind,
    )


class TestRecomputeNow:
    def test_rehearses_and_does_the_same(self, scene, who, ann):
        id = scene.customer_id(who)
        scene.clock.advance(5 * DAY)
        scene.fake.advance(scene.now)

        rehearsed = ann.recompute_now(id, reason="support call", dry_run=True)
        made = ann.recompute_now(id, reason="support call")
        again = ann.recompute_now(id, reason="support call")

        assert rehearsed.changes == made.changes
        assert any("try to collect" in words for words in made.changes)
        assert again.changes == ()
        (run,) = scene.rows("SELECT trigger FROM decisions ORDER BY id DESC LIMIT 1")
        assert run["trigger"] == "operator_recompute"


class TestARetryByAnOperator:
    def test_is_made_once_now_and_moves_no_schedule(self, scene, who, ann):
        scene.live(days=2)
        before = ann.recompute_now(scene.customer_id(who), reason="x", dry_run=True).why

        made = ann.retry(owed(scene), reason="the bank says it is mended")

        assert made.payment.outcome is Pay.DECLINED
        (one,) = tries(scene, "operator")
        assert (one["off_session"], one["state"]) == (True, "declined")
        after = ann.recompute_now(scene.customer_id(who), reason="x", dry_run=True).why
        assert [w for w in after if "next try" in w] == [w for w in before if "next try" in w]

    def test_that_brings_money_ends_the_case(self, scene, who, ann):
        scene.fake.update_method(who.method, payer=Pays())

        made = ann.retry(owed(scene), reason="money is there now")

        assert made.payment.outcome is Pay.SUCCEEDED
        scene.pace.settle()
        assert scene.standing(who) == "current"

    def test_is_one_however_often_it_is_pressed(self, scene, who, ann):
        invoice = owed(scene)

        made = [ann.retry(invoice, reason="now", key="press") for _ in range(5)]

        assert len({one.payment.id for one in made}) == 1
        assert len(tries(scene, "operator")) == 1

    def test_waits_for_no_hold(self, scene, who, ann):
        ann.hold(scene.customer_id(who), until=scene.now + 9 * DAY, reason="x")

        assert ann.retry(owed(scene), reason="they called").payment.outcome is Pay.DECLINED

    def test_rehearsed_tries_nothing(self, scene, who, ann):
        made = ann.retry(owed(scene), reason="?", dry_run=True)

        assert made.changes[0].startswith("try to collect 49.00 EUR of invoice in_")
        assert (made.dry_run, tries(scene, "operator")) == (True, [])

    def test_is_refused_where_the_instrument_is_dead(self, scene, who, ann):
        scene.fake.update_method(who.method, payer=Declines(LOST))
        invoice = owed(scene)
        ann.retry(invoice, reason="once")

        for dry_run in (True, False):
            with pytest.raises(NotPossible, match="this needs a new way to pay"):
                ann.retry(invoice, reason="again", dry_run=dry_run)

        assert len(tries(scene, "operator")) == 1
        (one,) = refused(scene, "dunning.retry")
        assert (one["actor"], one["args"]) == ("cli:ann", {"reason": "again"})

    def test_is_refused_where_nothing_is_owed(self, scene, who, ann):
        invoice = owed(scene)
        scene.recoup.invoices.forgive(invoice, reason="our mistake")

        with pytest.raises(NotPossible, match="is forgiven"):
            ann.retry(invoice, reason="again")

    def test_is_refused_while_one_is_under_way(self, scene, who, ann):
        scene.fake.update_method(who.method, payer=Slow())
        invoice = owed(scene)
        ann.retry(invoice, reason="once")

        with pytest.raises(InProgress, match="under way"):
            ann.retry(invoice, reason="again", key="another")
        assert ann.retry(invoice, reason="again").payment.outcome is Pay.PROCESSING

        assert len(tries(scene, "operator")) == 1


class TestAnotherPolicy:
    def case(self, scene):
        (row,) = scene.rows("SELECT * FROM cases WHERE ending IS NULL")
        return row

    def test_carries_the_case_to_the_rung_that_takes_no_more_away(self, scene, who, ann):
        case = self.case(scene)

        rehearsed = ann.change_policy(case["id"], "default/2", reason="new terms", dry_run=True)
        assert self.case(scene) == case
        made = ann.change_policy(case["id"], "default/2", reason="new terms")

        assert rehearsed.changes == made.changes
        assert "carried from rung soft to mild" in made.changes[0]
        entry = [
            e for e in scene.recoup.ledger.timeline(scene.customer_id(who))
            if e.type == "case.policy_changed"
        ]  # fmt: skip
        assert [one.actor for one in entry] == ["cli:ann"]
        # At nine days it is only told there: nothing that was taken stays taken.
        assert (self.case(scene)["policy"], self.case(scene)["rung"]) == ("default/2", "told")

    def test_finds_what_was_taken_away_announced_under_the_one_before(self, scene, who, ann):
        found = "SELECT consequence FROM restrictions"
        assert [one["consequence"] for one in scene.rows(found)] == ["restrict_features"]

        ann.change_policy(self.case(scene)["id"], "default/4", reason="other words")

        assert scene.violations() == ()

    def test_is_climbed_only_after_its_own_notices(self, scene, who, ann):
        ann.change_policy(self.case(scene)["id"], "default/2", reason="new terms")

        scene.live(days=50)

        moved = scene.rows("SELECT step, state, delivered_at FROM notices ORDER BY id")
        sent = {one["step"] for one in moved if one["state"] == "sent"}
        assert {"mild_notice", "strict_notice", "last_notice"} <= sent
        (case,) = scene.rows("SELECT ending, ended_at, anchor FROM cases")
        assert case["ending"] == "exhausted"
        assert case["ended_at"] >= case["anchor"] + 35 * DAY

    def test_whose_notice_would_be_a_severer_one_is_refused(self, scene, who, ann):
        case = self.case(scene)["id"]

        with pytest.raises(NotPossible, match="'action_required' was sent under default/1"):
            ann.change_policy(case, "default/3", reason="sly")

        assert self.case(scene)["policy"] == "default/1"
        assert len(refused(scene, "dunning.change_policy")) == 1

    def test_has_to_be_known_and_another(self, scene, who, ann):
        case = self.case(scene)["id"]

        with pytest.raises(NotFound, match="no policy default/9 is known"):
            ann.change_policy(case, "default/9", reason="x")
        with pytest.raises(NotPossible, match="follows default/1 already"):
            ann.change_policy(case, "default/1", reason="x")
        with pytest.raises(NotFound, match="there is no case 99"):
            ann.change_policy(99, "default/2", reason="x")

    def test_is_for_all_that_follow_one_at_once(self, scene, who, ann):
        other = scene.subscriber(payer=Declines())
        scene.live(days=33)  # the first one's case is over by now

        rehearsed = ann.change_policies("default/1", "default/2", reason="new", dry_run=True)
        made = ann.change_policies("default/1", "default/2", reason="new")

        assert [one.customer_id for one in made] == [scene.customer_id(other)]
        assert [one.changes for one in rehearsed] == [one.changes for one in made]
        assert ann.change_policies("default/1", "default/2", reason="new") == ()


class TestAStepThatIsGone:
    def test_is_not_sent_any_more(self, scene, ann):
        """Its notice was placed at night, and the case moved before the morning."""
        who = scene.subscriber(payer=Declines())
        scene.live(days=31)
        for _ in range(48):
            if scene.rows("SELECT 1 FROM notices WHERE state = 'scheduled'"):
                break
            scene.live(hours=1)
        else:
            pytest.fail("no notice ever waited for the morning")
        (case,) = scene.rows("SELECT id FROM cases")

        ann.change_policy(case["id"], "default/2", reason="new terms")
        scene.live(days=1)

        steps = {r["step"]: r["state"] for r in scene.rows("SELECT step, state FROM notices")}
        assert steps["reminder"] != "sent"
        assert steps["hello"] == "sent"
        assert scene.standing(who) == "told"
