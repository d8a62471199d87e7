"""Who opens a case is elected by the write itself: one campaign, one first notice, never lost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from recoup.errors import NotPossible
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
#: When the renewal of who signs up at the start has failed.
FAILS = 31 * DAY + HOUR


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as opened:
        yield opened
        assert opened.violations() == ()


def told(scene, after):
    """Return what the fake has said since, as it said it."""
    return [body for _, body in scene.fake.events(after=after, limit=10_000)]


def of(bodies, type):
    return [body for body in bodies if json.loads(body)["type"] == type]


def fail(scene, who=None):
    """Let the renewal fail at the processor, unheard; return what it has said of it."""
    who = who or scene.subscriber(Declines(NO_FUNDS))
    heard = scene.pace.heard
    now = scene.now + FAILS
    scene.fake.advance(now)
    scene.clock.set(now)
    found = told(scene, heard)
    scene.pace.heard += len(found)
    return found


def first_notices(scene):
    (cases,) = scene.rows("SELECT count(*) n FROM cases")
    (notices,) = scene.rows("SELECT count(*) n FROM notices WHERE step = 'reminder'")
    (steps,) = scene.rows(
        "SELECT count(*) n FROM effects WHERE kind = 'step' AND args ->> 'step' = 'reminder'"
    )
    return cases["n"], notices["n"], steps["n"], len(scene.outbox.messages)


class TestManyWhoTellOfOneFailure:
    @pytest.mark.parametrize(
        "times", [pytest.param(8, id="8"), pytest.param(64, marks=pytest.mark.long, id="64")]
    )
    def test_at_once_begin_one_campaign(self, scene, times):
        bodies = fail(scene)
        (failed,) = of(bodies, "invoice.payment_failed")
        others = [body for body in bodies if body != failed]
        scene.recoup.ingest(others)
        copies = [failed.replace(b'"evt_', b'"evt_%d_' % n, 1) for n in range(times)]
        ready = Barrier(times)

        def tell(body):
            ready.wait()
            scene.recoup.ingest([body])

        with ThreadPoolExecutor(times) as threads:
            list(threads.map(tell, copies))
        scene.pace.until(scene.now + 12 * HOUR)

        assert first_notices(scene) == (1, 1, 1, 1)

    def test_tell_the_host_once_that_it_began(self, scene):
        heard = []
        scene.recoup.on("dunning.started", "dunning.ended", name="dunning")(heard.append)
        bodies = fail(scene)
        scene.recoup.ingest(bodies)
        scene.recoup.ingest(bodies)
        scene.pace.settle()
        assert [event.type for event in heard] == ["dunning.started"]

        (who,) = scene.rows("SELECT processor_id FROM payment_methods")
        scene.fake.update_method(who["processor_id"], payer=Pays())
        (owed,) = scene.rows("SELECT processor_id FROM invoices WHERE status = 'open'")
        scene.fake.customer_pays(owed["processor_id"])
        scene.pace.settle()

        assert [event.type for event in heard] == ["dunning.started", "dunning.ended"]
        assert heard[-1].data["ending"] == "recovered"


class TestAFailureBeforeItsSubscriptionIsPastDue:
    @pytest.mark.parametrize("apart", [timedelta(0), HOUR], ids=["at once", "an hour apart"])
    @pytest.mark.parametrize("first", ["invoice.payment_failed", "customer.subscription.updated"])
    def test_is_not_lost_whichever_comes_first(self, scene, apart, first):
        bodies = fail(scene)
        early = of(bodies, first)
        assert early
        scene.recoup.ingest([body for body in bodies if body in early])
        scene.pace.until(scene.now + apart) if apart else scene.pace.settle()
        scene.recoup.ingest([body for body in bodies if body not in early])
        scene.pace.until(scene.now + 12 * HOUR)

        assert first_notices(scene) == (1, 1, 1, 1)


class TestAStepOfAFinishedCampaign:
    def test_is_refused_inside_a_new_one(self, scene):
        """The first debt is paid; the next renewal fails too, and has a campaign of its own."""
        ada = scene.subscriber(Declines(NO_FUNDS))
        scene.live(days=31, hours=10)
        (first,) = scene.rows("SELECT id, anchor FROM cases")
        scene.fake.update_method(ada.method, payer=Pays())
        (owed,) = scene.rows("SELECT processor_id FROM invoices WHERE status = 'open'")
        scene.fake.customer_pays(owed["processor_id"])
        scene.pace.settle()
        scene.fake.update_method(ada.method, payer=Declines(NO_FUNDS))
        scene.live(days=29)
        _, second = scene.rows("SELECT id, anchor FROM cases ORDER BY id")
        mails = len(scene.outbox.messages)

        for case in (first, second):
            with pytest.raises(NotPossible, match="is over"):
                scene.recoup.dunning.send_step(
                    case["id"], "action_required", anchor=first["anchor"]
                )
        scene.pace.settle()

        assert len(scene.outbox.messages) == mails
        sql = "SELECT step FROM notices WHERE case_id = :id"
        assert {n["step"] for n in scene.rows(sql, id=second["id"])} <= {"reminder"}


class Racing(Outbox):
    """Somebody pays while the mail is on its way, or a moment before."""

    meanwhile = None

    def send(self, message):
        if self.meanwhile is not None:
            self.meanwhile()
        super().send(message)

    @property
    def reminders(self):
        return [m for m in self.messages if "did not go through" in m["Subject"]]


class TestARecoveryRightBeforeAMail:
    @pytest.mark.parametrize(
        "rounds", [pytest.param(6, id="6"), pytest.param(200, marks=pytest.mark.long, id="200")]
    )
    def test_leaves_at_most_the_one_that_is_on_its_way(self, database_url, home, rounds):
        """Payers and a worker race for the customer; whoever loses sees what the winner did."""
        outbox = Racing()
        with Scene.open(database_url, home, outbox=outbox) as scene:
            people = [
                scene.subscriber(Declines(NO_FUNDS), email=f"{n}@example.com")
                for n in range(rounds)
            ]
            scene.live(days=31, hours=2)
            for who in people:
                scene.fake.update_method(who.method, payer=Pays())
            heard = scene.pace.heard
            for who in people:
                scene.fake.customer_pays(scene.fake.invoices_of(who.subscription)[-1].id)
            bodies = told(scene, heard)
            scene.pace.heard += len(bodies)
            scene.clock.set(scene.now + 7 * HOUR)
            scene.fake.advance(scene.now)
            ready = Barrier(2)

            def absorb():
                ready.wait()
                for body in bodies:
                    scene.recoup.ingest([body])

            def mail():
                ready.wait()
                scene.recoup.worker().drain()

            with ThreadPoolExecutor(2) as threads:
                for done in [threads.submit(absorb), threads.submit(mail)]:
                    done.result()
            out = len(outbox.reminders)
            scene.live(days=20)

            assert len(outbox.reminders) == out
            rows = scene.rows(
                "SELECT m.state FROM mails m JOIN notices n ON m.key = 'notice:' || n.id"
            )
            sent = sum(row["state"] == "sent" for row in rows)
            assert (len(rows), sent) == (rounds, out)
            assert scene.violations() == ()

    def test_that_is_absorbed_first_leaves_none(self, database_url, home):
        with Scene.open(database_url, home) as scene:
            ada = scene.subscriber(Declines(NO_FUNDS))
            scene.live(days=31, hours=2)
            scene.fake.update_method(ada.method, payer=Pays())
            scene.fake.customer_pays(scene.fake.invoices_of(ada.subscription)[-1].id)
            scene.pace.listen()
            scene.live(days=20)

            assert scene.outbox.messages == []
            (row,) = scene.rows("SELECT state FROM notices")
            assert row == {"state": "canceled"}
