"""An answer that nobody understands: kept, told, given to a person, and good after the repair."""

from __future__ import annotations

from dataclasses import replace

import pytest
from probes import KINDS, make

from recoup.billing import Recoup
from recoup.config import Config
from recoup.errors import Busy, InvalidMoney, Unreadable
from recoup.jobs import listing, queue
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import START, FakeProcessor
from recoup.store.queries import commands as queries
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene

RAW = b'{"id": "cus_1", "email": 7, "address": {"line1": "Elm"}, "secret": "pi_1_secret_x"}'


class Mumbling(FakeProcessor):
    """Does what it is asked, and answers as nobody expects while `mumbles`."""

    mumbles = None

    def ask(self, request, *, key):
        return self._said(super().ask(request, key=key))

    def find(self, request, *, key, since):
        return self._said(super().find(request, key=key, since=since))

    def _said(self, answer):
        if self.mumbles == "shape":
            raise Unreadable("customer: email is no text", raw=RAW)
        if self.mumbles == "money":
            raise InvalidMoney("12.5 EUR: half a cent")
        if self.mumbles == "nothing":
            return replace(answer, object="sub_nobody", facts=())
        return answer


@pytest.fixture
def scene(database_url, home):
    home.mkdir(parents=True, exist_ok=True)
    clock, outbox = TestClock(START), Outbox()
    config = Config.load(database_url=database_url, home=home)
    with (
        Mumbling(home / "books.sqlite3", start=START) as fake,
        Recoup(config, processor=fake, sender=outbox, clock=clock, kinds=KINDS) as recoup,
    ):
        scene = Scene(recoup, fake, clock, outbox)
        yield scene
        assert scene.violations() == ()


@pytest.fixture
def ada(scene):
    return scene.customer_id(scene.subscriber())


def mumbled(scene, ada, shape="shape", key="k"):
    """Pause Ada's subscription, and understand nothing."""
    scene.fake.mumbles = shape
    (only,) = scene.recoup.subscriptions.list(ada)
    with pytest.raises(Unreadable) as told:
        scene.recoup.subscriptions.pause(only.id, key=key)
    return only.id, str(told.value)


def shown(scene, key="k"):
    with scene.recoup.database.connect() as connection:
        return queries.show(connection, key)


def mend(scene):
    """Understand it, and retry what is parked."""
    scene.fake.mumbles = None
    with scene.recoup.database.begin() as connection:
        parked = listing.listing(connection, state="parked")
        queue.retry(connection, [one.id for one in parked], now=scene.now)
    scene.pace.settle()


class TestAnUnreadableAnswer:
    @pytest.mark.parametrize(
        ("shape", "why"),
        [("shape", "email is no text"), ("money", "half a cent"), ("nothing", "sub_nobody")],
    )
    def test_is_one_state_that_everybody_tells_alike(self, scene, ada, shape, why):
        _, told = mumbled(scene, ada, shape)

        (task,) = scene.rows("SELECT kind, detail FROM tasks WHERE closed_at IS NULL")
        (effect,) = scene.rows("SELECT id, state, reason FROM effects WHERE state = 'parked'")
        command = shown(scene)
        assert why in told
        assert f"recoup effects retry {effect['id']}" in told
        assert "pursued" not in told
        assert task["kind"] == "answer_unreadable"
        assert why in task["detail"]
        assert (command.state, command.lookups) == ("unknown", 1)
        assert why in command.waits_for

    def test_is_kept_without_what_must_not_be(self, scene, ada):
        mumbled(scene, ada)

        kept = shown(scene).unread
        assert '"email":7' in kept.replace(" ", "")
        assert "Elm" not in kept
        assert "pi_1_secret_x" not in kept

    def test_is_told_again_by_the_same_key_and_by_nobody_tried(self, scene, ada):
        only, told = mumbled(scene, ada)
        scene.live(hours=30)

        with pytest.raises(Unreadable) as again:
            scene.recoup.subscriptions.pause(only, key="k")
        assert str(again.value) == told
        assert len(scene.rows("SELECT 1 FROM tasks")) == 1

    def test_is_understood_after_the_repair(self, scene, ada):
        only, _ = mumbled(scene, ada)

        mend(scene)

        assert scene.recoup.result("k").paused == "void"
        assert scene.recoup.subscriptions.get(only).paused == "void"
        assert scene.rows("SELECT 1 FROM tasks WHERE closed_at IS NULL") == []
        assert (shown(scene).state, shown(scene).unread) == ("done", None)

    def test_that_is_not_mended_parks_again_with_the_one_task(self, scene, ada):
        mumbled(scene, ada)
        with scene.recoup.database.begin() as connection:
            (parked,) = listing.listing(connection, state="parked")
            queue.retry(connection, [parked.id], now=scene.now)
        scene.pace.settle()

        assert len(scene.rows("SELECT 1 FROM effects WHERE state = 'parked'")) == 1
        assert len(scene.rows("SELECT 1 FROM tasks")) == 1

    def test_of_a_place_is_not_kept(self, scene, ada):
        scene.fake.mumbles = "shape"
        with pytest.raises(Unreadable):
            scene.recoup.customers.update_tax_location(ada, {"country": "DE"}, key="k")

        command = shown(scene)
        assert command.unread is None
        assert "email" not in command.waits_for


class TestWhatComesAfterIt:
    @pytest.fixture
    def only(self, scene, ada):
        only, _ = mumbled(scene, ada)
        scene.fake.mumbles = None
        with pytest.raises(Busy, match=r"'k'.*needs a person.*email is no text"):
            scene.recoup.subscriptions.unpause(only, key="young")
        scene.live(hours=3)
        assert shown(scene, "young").after == "k"
        return only

    def test_waits_until_it_is_retried(self, scene, only):
        mend(scene)

        assert scene.recoup.result("young").paused is None
        assert scene.recoup.result("k").paused == "void"

    def test_goes_on_when_it_is_called_off(self, scene, only):
        scene.recoup.call_off("k", reason="seen at the processor")
        scene.pace.settle()

        assert scene.recoup.result("young").paused is None
        assert scene.rows("SELECT 1 FROM tasks WHERE closed_at IS NULL") == []

    def test_about_another_subject_is_not_stopped(self, scene, ada, only):
        assert make(scene.recoup.office, customer=ada).startswith("cus_")
