"""What a person does to single steps of a campaign, through the front door."""

from __future__ import annotations

import pytest

from recoup.errors import NotFound, NotPossible
from recoup.processors.fake import Declines, Pays

#: The renewal fails on the 31st day, at 1 in the morning.
FAILED = 31


@pytest.fixture
def bob(scene):
    """A subscriber whose renewal failed this morning, and who has been reminded."""
    who = scene.subscriber(payer=Declines())
    scene.live(days=FAILED, hours=10)
    assert steps(scene) == [("reminder", "sent", None)]
    return who


@pytest.fixture
def case(scene, bob):
    return scene.rows("SELECT id FROM cases")[0]["id"]


def steps(scene):
    sql = "SELECT step, state, reason FROM notices ORDER BY due_at"
    return [(n["step"], n["state"], n["reason"]) for n in scene.rows(sql)]


def counts(scene):
    names = ("commands", "ledger_entries", "decisions", "notices", "mails", "effects", "runs")
    return {t: scene.rows(f"SELECT count(*) n FROM {t}")[0]["n"] for t in names}


def pay(scene, who):
    scene.fake.update_method(who.method, payer=Pays())
    (owed,) = scene.rows("SELECT processor_id FROM invoices WHERE status = 'open'")
    scene.fake.customer_pays(owed["processor_id"])
    scene.pace.settle()


class TestLeavingAStepOut:
    def test_is_seen_at_once_and_the_step_is_never_sent(self, scene, case, ann):
        made = ann.skip_step(case, "action_required", reason="we spoke")

        assert ("action_required", "skipped", "left out by a person") in steps(scene)
        assert any("action_required" in words for words in made.changes)
        scene.live(days=6)
        assert len(scene.outbox.messages) == 1

    def test_is_on_record_with_who_and_why(self, scene, case, ann):
        ann.skip_step(case, "action_required", reason="we spoke")

        (command,) = scene.rows("SELECT * FROM commands WHERE kind = 'dunning.skip_step'")
        assert (command["actor"], command["args"]["reason"]) == ("cli:ann", "we spoke")
        entries = scene.recoup.ledger.timeline(command["customer_id"])
        assert [e.actor for e in entries if e.type == "notice.left_out"] == ["cli:ann"]

    def test_rehearsed_says_the_same_and_writes_nothing(self, scene, case, ann):
        before = counts(scene)

        told = ann.skip_step(case, "action_required", reason="we spoke", dry_run=True)

        assert counts(scene) == before
        made = ann.skip_step(case, "action_required", reason="we spoke")
        assert (told.changes, told.why) == (made.changes, made.why)
        assert (told.dry_run, made.dry_run) == (True, False)

    def test_takes_back_a_notice_that_waits_for_the_morning(self, scene, bob, ann):
        case = scene.rows("SELECT id FROM cases")[0]["id"]
        scene.live(days=5, hours=-9)  # an hour after midnight: due, and not sent
        assert ("action_required", "scheduled", None) in steps(scene)

        ann.skip_step(case, "action_required", reason="we spoke")
        scene.live(days=1)

        assert ("action_required", "skipped", "left out by a person") in steps(scene)
        assert len(scene.outbox.messages) == 1

    def test_delays_the_rung_that_it_announces_to_the_next_notice(self, scene, bob, case, ann):
        ann.skip_step(case, "action_required", reason="we spoke")

        scene.live(days=13)
        assert scene.standing(bob) == "reminded"
        scene.live(days=2, hours=10)

        assert scene.standing(bob) == "soft"

    def test_is_refused_for_the_only_one_that_announces_what_comes(self, scene, case, ann):
        with pytest.raises(NotPossible, match="rung 'suspended', which still comes: extend"):
            ann.skip_step(case, "final_notice", reason="we spoke")

        (refused,) = scene.rows("SELECT state, actor FROM commands WHERE kind LIKE 'dunning.%'")
        assert refused == {"state": "refused", "actor": "cli:ann"}
        assert steps(scene) == [("reminder", "sent", None)]

    def test_is_refused_when_one_more_would_leave_a_rung_unannounced(self, scene, ann, case):
        ann.skip_step(case, "restriction_notice", reason="we spoke")
        ann.skip_step(case, "action_required", reason="we spoke")

        with pytest.raises(NotPossible, match="rung 'soft'"):
            ann.skip_step(case, "final_notice", reason="we spoke")

    @pytest.mark.parametrize(
        ("step", "error", "words"),
        [
            ("reminder", NotPossible, "dealt with: it was sent"),
            ("remainder", NotFound, "has no step 'remainder'"),
        ],
    )
    def test_is_refused_for_what_was_sent_and_for_what_there_is_not(
        self, scene, case, ann, step, error, words
    ):
        with pytest.raises(error, match=words):
            ann.skip_step(case, step, reason="we spoke")

    def test_is_refused_twice_and_when_the_case_is_over(self, scene, bob, case, ann):
        ann.skip_step(case, "action_required", reason="we spoke")
        with pytest.raises(NotPossible, match="left out by a person"):
            ann.skip_step(case, "action_required", reason="we spoke again")
        pay(scene, bob)

        with pytest.raises(NotPossible, match="is over"):
            ann.skip_step(case, "restriction_notice", reason="we spoke")


class TestAskingForAStepThatWeCarryOurselves:
    def test_changes_nothing_and_says_how_it_stands(self, scene, case, ann):
        assert ann.send_step(case, "reminder").state == "sent"
        assert ann.send_step(case, "action_required").state == "waiting"
        assert ann.send_step(case, "action_required").reason == "it is not due yet"
        assert scene.rows("SELECT * FROM step_requests") == []
