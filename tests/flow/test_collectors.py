"""Who tries again: the processor where it does so by itself, else Recoup; never both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from recoup import wiring
from recoup.config import Config
from recoup.core.policy import DAY, DEFAULT, Choice, Policies, Policy, Rung, Step
from recoup.errors import InvalidPolicy
from recoup.processors.fake import NO_FUNDS, Declines, FakeProcessor, Pays
from recoup.recompute import proposed
from recoup.testing.scene import Scene, Subscriber

Opened = Callable[..., AbstractContextManager[Scene]]


@pytest.fixture
def opened(database_url: str, home: Path) -> Opened:
    """Open a scene whose processor retries by itself, if it is to end so."""

    @contextmanager
    def opening(policy: Policy = DEFAULT, *, ends: str | None = None) -> Iterator[Scene]:
        home.mkdir(parents=True, exist_ok=True)
        if ends is not None:
            with FakeProcessor(home / "books.sqlite3") as fake:
                fake.smart_retries(ends, tries=3, within=6 * DAY)
        policies = Policies((Choice(policy),))
        with Scene.open(database_url, home, policies=policies) as scene:
            yield scene
            assert scene.violations() == ()

    return opening


def failing(scene: Scene) -> Subscriber:
    ada = scene.subscriber(Declines(NO_FUNDS))
    scene.until_failed(ada)
    return ada


def origins(scene: Scene) -> set[str]:
    """Who made the tries after the first failure."""
    return {
        row["origin"]
        for row in scene.rows(
            "SELECT a.origin FROM attempts a JOIN invoices i ON i.id = a.invoice_id "
            "WHERE i.first_failed_at < a.happened_at"
        )
    }


def case(scene: Scene) -> dict:
    rows = scene.rows("SELECT policy, ending, anchor, ended_at FROM cases ORDER BY id")
    assert len(rows) == 1
    return dict(rows[0])


def decided(scene: Scene, who: Subscriber):
    with scene.recoup.database.connect() as connection:
        made = proposed(
            connection, scene.customer_id(who), engine=scene.recoup.engine, now=scene.now
        )
    assert made is not None
    return made.decision


class TestLeftOpen:
    def test_the_processor_collects_where_it_retries_by_itself(self, opened):
        with opened(ends="cancel") as scene:
            failing(scene)
            scene.live(days=4)

            assert case(scene)["policy"] == "default@processor/1"
            assert origins(scene) == {"processor"}

    def test_recoup_collects_where_it_does_not(self, opened):
        with opened() as scene:
            failing(scene)
            scene.live(days=4)

            assert case(scene)["policy"] == "default/1"
            assert origins(scene) == {"retry"}

    def test_what_is_kept_names_one(self, opened):
        with opened() as scene:
            rows = scene.rows("SELECT name, body->>'collector' AS who FROM policies")

            assert [(row["name"], row["who"]) for row in rows] == [("default/1", "recoup")]

    def test_the_same_file_goes_on_when_retries_are_switched(self, opened, database_url, home):
        with opened() as scene:
            failing(scene)
            scene.live(days=1)
            scene.fake.smart_retries()

        with Scene.open(database_url, home) as scene:
            known = scene.recoup.engine.policies

            assert case(scene)["policy"] == "default/1"
            assert known.named("default/1").ours
            assert not known.choose().ours

    def test_a_version_with_another_text_is_refused(self, opened):
        with opened() as scene:
            other = Policies((Choice(replace(DEFAULT, max_stretch=3, collector="recoup")),))
            engine = replace(scene.recoup.engine, policies=other)

            with pytest.raises(InvalidPolicy, match="default/1 is not what it was"):
                wiring.begin(scene.recoup.database, engine, (), Config(), now=scene.now)


class TestBoth:
    @pytest.mark.parametrize(
        ("ends", "collector", "told"),
        [("cancel", "recoup", True), ("cancel", None, False), (None, "recoup", False)],
    )
    def test_are_said_to_try_at_the_start(self, home, caplog, ends, collector, told):
        home.mkdir(parents=True, exist_ok=True)
        chosen = Policies((Choice(replace(DEFAULT, collector=collector)),))
        with FakeProcessor(home / "books.sqlite3") as fake:
            if ends is not None:
                fake.smart_retries(ends)
            wiring.policies(chosen, {}, fake)

        words = "the processor retries by itself, and so do the policies default/1"
        assert (words in caplog.text) is told


class TestTheProcessor:
    def test_tells_its_next_try_and_we_make_none(self, opened):
        with opened(ends="cancel") as scene:
            ada = failing(scene)
            scene.live(hours=2)
            (plan,) = decided(scene, ada).plans

            assert plan.at is None
            assert "The processor collects and tries again by itself, next on " in plan.reasons[-1]

    def test_is_not_helped_with_a_new_way_to_pay(self, opened):
        with opened(ends="past_due") as scene:
            ada = failing(scene)
            scene.live(days=1)
            scene.fake.attach_method(ada.customer, default=True)
            scene.live(days=1)

            assert origins(scene) <= {"processor"}

    @pytest.mark.parametrize(
        ("ends", "status"),
        [("cancel", "canceled"), ("unpaid", "unpaid"), ("past_due", "past_due")],
    )
    def test_ends_the_case_when_it_gives_up(self, opened, ends, status):
        with opened(ends=ends) as scene:
            failing(scene)
            scene.live(days=7)
            (bought,) = scene.rows("SELECT status FROM subscriptions")
            ended = case(scene)

            assert bought["status"] == status
            assert ended["ending"] == "exhausted"
            assert (ended["ended_at"] - ended["anchor"]).days <= 6

    def test_ends_with_the_ladder_where_that_comes_first(self, opened):
        short = replace(
            DEFAULT,
            key="short",
            ladder=(DEFAULT.ladder[0], Rung("over", 4 * DAY, ("cancel",))),
            steps=(Step("final", 0 * DAY, "dunning_final_notice", announces="over"),),
        )
        with opened(short, ends="past_due") as scene:
            failing(scene)
            scene.live(days=5)
            ended = case(scene)

            assert ended["ending"] == "exhausted"
            assert (ended["ended_at"] - ended["anchor"]).days == 4

    @pytest.mark.parametrize(("ends", "who"), [(None, {"retry"}), ("past_due", {"processor"})])
    def test_is_left_to_it_where_settings_and_policy_disagree(self, opened, ends, who):
        eager = replace(
            DEFAULT, key="eager", collector="recoup", timer="fixed", schedule=(DAY / 2, DAY)
        )
        with opened(eager, ends=ends) as scene:
            failing(scene)
            scene.live(days=4)

            assert origins(scene) == who

    def test_is_believed_when_it_gets_the_money(self, opened):
        with opened(ends="cancel") as scene:
            ada = failing(scene)
            scene.live(days=1)
            scene.fake.update_method(ada.method, payer=Pays())
            scene.live(days=6)

            assert case(scene)["ending"] == "recovered"
            assert scene.standing(ada) == "current"
