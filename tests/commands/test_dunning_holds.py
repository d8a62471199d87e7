"""What operators decide about a customer's time, through the front door."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import explain
from recoup.errors import InvalidValue, KeyConflict, NotFound, NotPossible
from recoup.processors.fake import Declines

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
#: Verb -> the kind of hold it makes.
VERBS = {"hold": "hold", "promise": "promise", "extend_grace": "grace", "exempt": "exempt"}


@pytest.fixture
def bob(scene):
    """A subscriber whose renewal failed, nine days ago: on rung soft. Our id."""
    who = scene.subscriber(payer=Declines())
    scene.live(days=31 + 9)
    assert scene.standing(who) == "soft"
    return scene.customer_id(who)


def standing(scene, id):
    return scene.rows("SELECT standing FROM standings WHERE customer_id = :id", id=id)[0][
        "standing"
    ]


def counts(scene):
    """How much there is that a decision could have added."""
    tables = ("holds", "commands", "ledger_entries", "decisions", "attempts", "notices", "runs")
    return {t: scene.rows(f"SELECT count(*) n FROM {t}")[0]["n"] for t in tables}


class TestAVerb:
    def test_is_on_record_with_who_and_why_in_one_transaction(self, scene, bob, ann):
        until, kept = scene.now + 5 * DAY, ("cli:ann", "asked for time")
        for verb, kind in VERBS.items():
            made = getattr(ann, verb)(bob, until=until, reason="asked for time")

            entries = scene.recoup.ledger.timeline(bob)
            (held,) = [one for one in entries if one.subject == f"hold:{made.hold_id}"]
            assert (held.actor, held.type) == ("cli:ann", f"hold.{kind}")
            assert (made.actor, made.reason) == kept
            (row,) = scene.rows("SELECT * FROM holds WHERE id = :id", id=made.hold_id)
            assert (row["kind"], row["until"]) == (kind, until)
            assert (row["actor"], row["reason"]) == kept
            (command,) = scene.rows("SELECT * FROM commands WHERE kind = :k", k=f"dunning.{verb}")
            assert command["state"] == "done"
            assert (command["actor"], command["args"]["reason"]) == kept

    def test_rehearsed_says_what_comes_and_writes_nothing(self, scene, bob, ann):
        wanted = {"until": scene.now + 5 * DAY, "reason": "vip"}
        for verb in VERBS:
            before = counts(scene)

            rehearsed = getattr(ann, verb)(bob, dry_run=True, **wanted)

            assert counts(scene) == before
            made = getattr(ann, verb)(bob, **wanted)
            assert (rehearsed.changes, rehearsed.why) == (made.changes, made.why)
            assert (rehearsed.dry_run, made.dry_run) == (True, False)

    def test_changes_exactly_what_was_rehearsed(self, scene, bob, ann):
        wanted = {"until": scene.now + 5 * DAY, "reason": "vip"}
        rehearsed = ann.exempt(bob, dry_run=True, **wanted)

        ann.exempt(bob, **wanted)

        (record,) = scene.rows("SELECT changes FROM decisions ORDER BY id DESC LIMIT 1")
        wakes = [one for one in record["changes"] if one.startswith("look again")]
        assert [c for c in record["changes"] if c not in wakes] == list(rehearsed.changes[1:])
        assert standing(scene, bob) == "current"

    def test_with_the_same_key_is_done_once(self, scene, bob, ann):
        wanted = {"until": scene.now + 5 * DAY, "reason": "vip", "key": "k"}

        assert ann.hold(bob, **wanted) == ann.hold(bob, **wanted)

        assert len(ann.holds(customer=bob)) == 1
        with pytest.raises(KeyConflict):
            ann.promise(bob, **wanted)

    @pytest.mark.parametrize("verb", VERBS)
    def test_with_the_same_key_stays_done_when_its_time_is_over(self, scene, ada, ann, verb):
        wanted = {"until": scene.now + DAY, "reason": "vip", "key": "k"}
        first = getattr(ann, verb)(ada, **wanted)
        scene.live(days=2)

        again = getattr(ann, verb)(ada, **wanted)

        assert again.hold_id == first.hold_id
        assert len(scene.rows("SELECT id FROM holds")) == 1

    def test_takes_a_reason_on_one_line_and_an_end_within_a_year(self, scene, ada, ann):
        for reason in ("", "  ", "a\nb", "x" * 501):
            with pytest.raises(InvalidValue, match="reason"):
                ann.hold(ada, until=scene.now + DAY, reason=reason)
        now = f"{scene.now:%Y-%m-%dT%H:%M:%S}Z"
        for ahead in (timedelta(0), -SECOND):
            with pytest.raises(InvalidValue, match=f"Z is past, it is {now} now"):
                ann.hold(ada, until=scene.now + ahead, reason="x")
        with pytest.raises(InvalidValue, match="within 365 days"):
            ann.hold(ada, until=scene.now + 365 * DAY + SECOND, reason="x")
        for ahead in (SECOND, 365 * DAY):
            made = ann.hold(ada, until=scene.now + ahead, reason="x" * 500)
            assert made.until == scene.now + ahead
        with pytest.raises(NotFound):
            ann.hold(4711, until=scene.now + DAY, reason="x")

    def test_of_grace_takes_an_end_or_days(self, scene, ada, ann):
        for both in ({}, {"days": 3, "until": scene.now + DAY}):
            with pytest.raises(InvalidValue, match="one of until and days"):
                ann.extend_grace(ada, reason="x", **both)

        assert ann.extend_grace(ada, days=3, reason="x").until == scene.now + 3 * DAY

    def test_is_possible_where_nothing_can_be_decided(self, scene, bob, ann):
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql("UPDATE cases SET policy = 'gone/9'")

        made = ann.hold(bob, until=scene.now + DAY, reason="look at this first")

        assert "gone/9" in made.failed
        assert len(ann.holds(customer=bob)) == 1
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql("UPDATE cases SET policy = 'default/1'")
        assert ann.recompute_now(bob, reason="mended").failed is None


class TestAHold:
    def test_keeps_everything_still_and_ends_by_itself(self, scene, bob, ann):
        tried = counts(scene)["attempts"]
        ann.promise(bob, until=scene.now + 10 * DAY, reason="pays on payday")

        scene.live(days=9)
        assert (counts(scene)["attempts"], standing(scene, bob)) == (tried, "soft")

        scene.live(days=2)
        assert counts(scene)["attempts"] == tried + 1

    def test_stops_a_try_that_was_decided_and_not_made(self, scene, bob, ann):
        scene.live(days=3)
        scene.clock.advance(DAY * 5)
        scene.fake.advance(scene.now)
        scene.recoup.sweep()  # the try is decided; its effect waits
        (intended,) = scene.rows("SELECT id FROM attempts WHERE state = 'intended'")

        ann.hold(bob, until=scene.now + 3 * DAY, reason="asked for time")
        scene.pace.settle()

        (after,) = scene.rows("SELECT state, note FROM attempts WHERE id = :id", **intended)
        assert (after["state"], after["note"]) == ("canceled", "hold: asked for time")
        scene.live(days=5)
        assert scene.rows("SELECT 1 FROM attempts WHERE id > :id", **intended)

    def test_released_lets_dunning_go_on_where_it_stood(self, scene, bob, ann):
        ann.hold(bob, until=scene.now + 90 * DAY, reason="x")
        ann.exempt(bob, until=scene.now + 90 * DAY, reason="y")
        scene.live(days=20)
        assert standing(scene, bob) == "current"

        made = ann.release(bob, reason="they will not pay")

        assert made.changes[:2] == ("release hold 1", "release hold 2")
        assert ann.holds(customer=bob) == ()
        assert len(ann.holds(customer=bob, over=True)) == 2
        scene.live(days=3)
        assert standing(scene, bob) == "soft"

    @pytest.mark.parametrize("verb", VERBS)
    def test_released_keeps_no_notice_back_that_it_has_put_off(self, scene, bob, ann, verb):
        scene.clock.advance(DAY * 4)
        scene.fake.advance(scene.now)
        scene.recoup.sweep()  # the notice is there; its mail waits
        getattr(ann, verb)(bob, until=scene.now + 60 * DAY, reason="x")
        scene.pace.settle()
        sent = "SELECT state FROM notices WHERE step = 'restriction_notice'"
        assert scene.rows(sent) == [{"state": "scheduled"}]

        ann.release(bob, reason="they will not pay")
        scene.live(days=1)

        assert scene.rows(sent) == [{"state": "sent"}]

    def test_is_released_by_its_id_alone(self, scene, bob, ann):
        first = ann.hold(bob, until=scene.now + 9 * DAY, reason="x").hold_id
        second = ann.exempt(bob, until=scene.now + 9 * DAY, reason="y").hold_id

        ann.release(bob, hold=first, reason="enough")

        assert [one.id for one in ann.holds(customer=bob)] == [second]
        with pytest.raises(NotFound):
            ann.release(bob, hold=4711, reason="x")

    def test_that_is_not_there_is_refused_and_that_is_on_record(self, scene, bob, ann):
        with pytest.raises(NotPossible, match="no hold"):
            ann.release(bob, reason="let them go", key="mine")

        (command,) = scene.rows("SELECT * FROM commands WHERE kind = 'dunning.release'")
        assert (command["state"], command["actor"]) == ("refused", "cli:ann")
        assert command["args"] == {"reason": "let them go"}
        refused = [e for e in scene.recoup.ledger.timeline(bob) if "release.refused" in e.type]
        assert [one.actor for one in refused] == ["cli:ann"]
        ann.hold(bob, until=scene.now + DAY, reason="x")
        ann.release(bob, reason="let them go", key="mine")  # the key was not used up

    def test_is_explained_with_who_and_why(self, scene, bob, ann):

        ann.promise(bob, until=scene.now + 9 * DAY, reason="pays on payday")

        with scene.recoup.database.connect() as connection:
            told = explain.explanation(connection, str(bob), scene.recoup.engine, scene.now)

        (shown,) = told.holds
        assert (shown.kind, shown.actor, shown.in_force) == ("promise", "cli:ann", True)
        assert any("pays on payday" in words for one in told.plan for words in one.reasons)
        assert any("promised" in line.words and "cli:ann" in line.words for line in told.story)
        assert told.cases[0].deadline is not None
