"""Consequences that the processor carries out: asked for once, after the commit, and undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from recoup.core.money import Money
from recoup.core.policy import DAY, DEFAULT, Choice, Policies, Policy, Rung, Step
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.testing.scene import Scene

SMALL = Money(900, "EUR")


def ladder(*middle: str, end: tuple[str, ...] = ("cancel",), key: str = "asking") -> Policy:
    """A short ladder: `middle` holds from day 8, `end` from day 12."""
    return replace(
        DEFAULT,
        key=key,
        ladder=(
            Rung("reminded", 0 * DAY, ("notify",)),
            Rung("middle", 8 * DAY, middle),
            Rung("over", 12 * DAY, end),
        ),
        steps=(
            Step("reminder", 0 * DAY, "dunning_reminder"),
            Step("final", 4 * DAY, "dunning_final_notice", announces="over"),
        ),
    )


Opened = Callable[[Policy], AbstractContextManager[Scene]]


@pytest.fixture
def opened(database_url: str, home: Path) -> Opened:
    @contextmanager
    def opening(policy: Policy) -> Iterator[Scene]:
        policies = Policies((Choice(policy),))
        with Scene.open(database_url, home, policies=policies) as scene:
            yield scene
            assert scene.violations() == ()

    return opening


def bought(scene: Scene, who) -> dict:
    return dict(
        scene.rows(
            "SELECT status, pause_behavior, prices, end_requested_at FROM subscriptions "
            "WHERE processor_id = :id",
            id=who.subscription,
        )[0]
    )


def asked(scene: Scene) -> list[tuple[str, str]]:
    """What the engine has asked the processor for, with what came of it, oldest first."""
    rows = scene.rows("SELECT kind, state FROM commands WHERE actor = 'engine' ORDER BY id")
    return [(row["kind"], row["state"]) for row in rows]


def pay(scene: Scene, who) -> None:
    scene.fake.update_method(who.method, payer=Pays())
    rows = scene.rows("SELECT processor_id FROM invoices WHERE status = 'open'")
    for row in rows:
        scene.fake.customer_pays(row["processor_id"], who.method)
    scene.live(hours=1)


class TestPausingCollection:
    def test_pauses_at_the_rung_and_goes_on_once_paid(self, opened):
        with opened(ladder("pause_collection")) as scene:
            ada = scene.subscriber(Declines(NO_FUNDS))
            scene.until_failed(ada)
            scene.live(days=9)

            paused = bought(scene, ada)["pause_behavior"]
            pay(scene, ada)

            assert paused == "void"
            assert bought(scene, ada)["pause_behavior"] is None
            assert asked(scene) == [
                ("subscriptions.pause", "done"),
                ("subscriptions.unpause", "done"),
            ]
            assert scene.standing(ada) == "current"

    def test_at_the_ladders_end_lasts_until_the_bad_debt_is_paid(self, opened):
        with opened(ladder("read_only", end=("pause_collection",))) as scene:
            ada = scene.subscriber(Declines(NO_FUNDS))
            scene.until_failed(ada)
            scene.live(days=50)

            rested = bought(scene, ada)
            standing = scene.standing(ada)
            pay(scene, ada)

            assert (rested["pause_behavior"], rested["end_requested_at"]) == ("void", None)
            assert standing == "bad_debt"
            assert bought(scene, ada)["pause_behavior"] is None
            assert scene.standing(ada) == "current"

    def test_leaves_a_pause_that_somebody_else_began(self, opened):
        with opened(ladder("pause_collection")) as scene:
            ada = scene.subscriber(Declines(NO_FUNDS))
            scene.until_failed(ada)
            scene.recoup.subscriptions.pause(ada.subscription, behavior="keep_as_draft")
            scene.live(days=9)
            pay(scene, ada)

            assert asked(scene) == []
            assert bought(scene, ada)["pause_behavior"] == "keep_as_draft"


class TestDowngrading:
    def test_moves_to_the_named_price_and_back_once_paid(self, opened, database_url, home):
        with opened(ladder("notify")) as scene:
            small = scene.fake.create_price(SMALL)
        policies = Policies((Choice(ladder(f"downgrade:{small}", key="smaller")),))
        with Scene.open(database_url, home, policies=policies) as scene:
            ada = scene.subscriber(Declines(NO_FUNDS))
            (full,) = bought(scene, ada)["prices"]
            scene.until_failed(ada)
            scene.live(days=9)

            during = bought(scene, ada)["prices"]
            pay(scene, ada)

            assert (during, bought(scene, ada)["prices"]) == ([small], [full])
            assert asked(scene) == [("subscriptions.change", "done")] * 2
            assert scene.violations() == ()

    def test_is_not_undone_for_who_is_leaving(self, opened, database_url, home):
        with opened(ladder("notify")) as scene:
            small = scene.fake.create_price(SMALL)
        policies = Policies((Choice(ladder(f"downgrade:{small}", key="smaller")),))
        with Scene.open(database_url, home, policies=policies) as scene:
            ada = scene.subscriber(Declines(NO_FUNDS))
            scene.until_failed(ada)
            scene.live(days=20)

            assert bought(scene, ada)["status"] == "canceled"
            assert asked(scene) == [("subscriptions.change", "done")]
            assert scene.violations() == ()


class TestWritingOff:
    def test_gives_up_what_is_owed_when_the_ladder_ends(self, opened):
        with opened(ladder("read_only", end=("cancel", "write_off"))) as scene:
            ada = scene.subscriber(Declines(NO_FUNDS))
            scene.until_failed(ada)
            scene.live(days=20)

            (debt,) = scene.rows("SELECT status, resolved_as FROM invoices WHERE tries > 0 AND "
                                 "first_failed_at IS NOT NULL")  # fmt: skip
            assert (debt["status"], debt["resolved_as"]) == ("uncollectible", "written_off")
            assert asked(scene) == [("invoices.mark_uncollectible", "done")]
            assert scene.standing(ada) == "current"

    def test_leaves_it_open_where_the_policy_does_not_say_so(self, opened):
        with opened(ladder("read_only", end=("suspend",))) as scene:
            ada = scene.subscriber(Declines(NO_FUNDS))
            scene.until_failed(ada)
            scene.live(days=14)

            assert asked(scene) == []
            assert bought(scene, ada)["status"] == "past_due"
            assert scene.standing(ada) == "bad_debt"

            pay(scene, ada)

            assert scene.standing(ada) == "current"
            assert bought(scene, ada)["end_requested_at"] is None
