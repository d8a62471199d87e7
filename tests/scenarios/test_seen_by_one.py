"""A debt that is over ends its dunning, whichever one piece of news tells of that."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from recoup.demo.pace import Pace, news
from recoup.processors.fake import LOST, Declines, Pays
from recoup.store import inbox
from recoup.testing.scene import Scene

#: The days of the default policy on which something is sent or taken away.
STEPS = (0, 5, 8, 12, 15, 21, 24)
#: What happens -> the only news of it that arrives, and how the case is over then.
WAYS = {
    "invoice": ("invoice.paid", "recovered"),
    "charge": ("charge.succeeded", "recovered"),
    "subscription": ("customer.subscription.updated", "recovered"),
    "out of band": ("invoice.paid", "recovered"),
    "written off": ("invoice.marked_uncollectible", "written_off"),
    "void": ("invoice.voided", "superseded"),
}
#: Each way at a step in the ordinary suite; every way at every step in the longer round.
ONCE = list(zip(WAYS, (24, 5, 15, 8, 21, 12), strict=True))
EVERY = [(way, day) for way in WAYS for day in STEPS if (way, day) not in ONCE]


class DeafPace(Pace):
    """Hears by webhook, and of some kinds of news only, once told so."""

    hears: str | None = None

    def listen(self):
        heard = 0
        for number, events in news(self._fake, after=self.heard):
            self.heard = number
            kept = [one for one in events if self.hears in {None, json.loads(one)["type"]}]
            heard += len(kept)
            with self._recoup.database.begin() as connection:
                inbox.store(connection, "fake", kept, now=self._clock.now())
            self._recoup.absorb_stored()
        return heard


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home, webhook_mode="fetch") as opened:
        opened.pace = DeafPace(opened.recoup, opened.fake, opened.clock)
        yield opened


def over(scene, way, day):
    """Let a debt come to a day, and then be over in a way; return how its case ended."""
    ada = scene.subscriber(Declines(LOST))
    scene.until_failed(ada)
    scene.live(days=day)
    bill = scene.fake.invoices_of(ada.subscription)[-1].id
    assert [case["ending"] for case in scene.rows("SELECT ending FROM cases")] == [None]
    scene.pace.hears, end = WAYS[way]
    if way == "out of band":
        scene.fake.mark_paid_out_of_band(bill)
    elif way == "written off":
        scene.fake.mark_uncollectible(bill)
    elif way == "void":
        scene.fake.void(bill)
    else:
        scene.fake.update_method(ada.method, payer=Pays())
        scene.fake.customer_pays(bill)
    scene.pace.settle()
    assert [case["ending"] for case in scene.rows("SELECT ending FROM cases")] == [end]
    assert scene.standing(ada) == "current"
    assert scene.rows("SELECT id FROM restrictions WHERE lifted_at IS NULL") == []
    sent = scene.outbox.ids
    scene.live(days=5)
    assert scene.outbox.ids == sent
    if way != "charge":  # that its invoice is paid, nobody has said
        assert scene.violations() == ()


class TestADebtThatIsOver:
    @pytest.mark.parametrize(("way", "day"), ONCE)
    def test_ends_its_dunning_whatever_told_of_it(self, scene, way, day):
        over(scene, way, day)

    @pytest.mark.long
    @pytest.mark.parametrize(("way", "day"), EVERY)
    def test_does_so_at_every_step(self, scene, way, day):
        over(scene, way, day)


class TestASubscriptionThatIsWell:
    def test_makes_nobody_look_at_a_bill_that_is_paid(self, scene):
        scene.subscriber()
        asked, look_up = [], scene.recoup.processor.look_up

        def noting(kind, id):
            asked.append(kind)
            return look_up(kind, id)

        scene.recoup.processor.look_up = noting
        scene.pace.hears = "customer.subscription.updated"
        scene.live(days=31 + timedelta(hours=2) / timedelta(days=1))

        assert set(asked) == {"subscription"}
