"""What an event concerns is looked at first: the look wins, and nothing ever goes back."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest

from recoup.errors import Busy, Unreachable
from recoup.processors.fake import NO_FUNDS, START, Declines, Pays
from recoup.processors.fake.idempotency import Fault
from recoup.store import inbox
from recoup.testing.scene import Scene

HOUR = timedelta(hours=1)
RENEWED = START + timedelta(days=31) + HOUR


@pytest.fixture(params=["fetch"])
def scene(request, database_url, home):
    with Scene.open(database_url, home, webhook_mode=request.param) as made:
        yield made


def heard(scene):
    return scene.fake.events(limit=10_000)[-1][0]


def told(scene, after):
    """Return what the fake told since, as (type, line)."""
    return [(json.loads(body)["type"], body) for _, body in scene.fake.events(after=after)]


def letters(scene, after, *types):
    return [line for type, line in told(scene, after) if not types or type in types]


def keep(scene, lines):
    with scene.recoup.database.begin() as connection:
        inbox.store(connection, "fake", lines, now=scene.now)


def post(scene, lines):
    """Have lines arrive as by webhook, and absorb them."""
    keep(scene, lines)
    return scene.recoup.absorb_stored()


def renewal(scene, payer=None):
    """Return a subscriber whose renewal nobody has told of, and where its news begins."""
    who = scene.subscriber(payer=payer)
    after = heard(scene)
    scene.fake.advance(RENEWED)
    scene.clock.set(RENEWED)
    return who, after


def asked(scene):
    """Have the processor's `look_up` note what it is asked."""
    calls, look_up = [], scene.recoup.processor.look_up

    def noting(kind, id):
        calls.append((kind, id))
        return look_up(kind, id)

    scene.recoup.processor.look_up = noting
    return calls


def states(scene):
    sql = "SELECT state, count(*) AS n FROM inbox GROUP BY 1"
    return {row["state"]: row["n"] for row in scene.rows(sql)}


class TestALook:
    def test_tells_what_the_event_did_not(self, scene):
        _, after = renewal(scene, Declines(NO_FUNDS))
        created = letters(scene, after, "invoice.created")

        post(scene, created)

        (row,) = scene.rows("SELECT status, tries FROM invoices ORDER BY id DESC LIMIT 1")
        assert (row["status"], row["tries"]) == ("open", 1)

    def test_is_made_once_for_all_letters_of_a_batch(self, scene):
        _, after = renewal(scene)
        calls = asked(scene)

        post(scene, letters(scene, after))

        assert len(calls) == len(set(calls))
        assert {kind for kind, _ in calls} == {"charge", "invoice", "subscription"}

    def test_finds_what_paid_an_invoice_that_nobody_told_of(self, scene):
        _, after = renewal(scene)

        post(scene, letters(scene, after, "invoice.paid"))

        found = scene.rows("SELECT state, amount FROM attempts ORDER BY id DESC LIMIT 1")
        assert [tuple(row.values()) for row in found] == [("succeeded", 4900)]
        assert scene.violations() == ()

    def test_that_tells_nothing_new_leaves_no_row(self, scene):
        _, after = renewal(scene)
        lines = letters(scene, after)
        post(scene, lines)

        keep(scene, [lines[-1].replace(b'"id":"evt_', b'"id":"evt_again_')])
        scene.recoup.absorb_stored()

        kept = scene.rows("SELECT key FROM inbox WHERE key LIKE 'fetched%'")
        assert kept == []

    def test_is_kept_as_it_was_when_it_told_something(self, scene):
        _, after = renewal(scene)

        post(scene, letters(scene, after, "invoice.created"))

        (row,) = scene.rows("SELECT raw, state FROM inbox WHERE key LIKE '%fetched_in%'")
        assert json.loads(bytes(row["raw"]))["type"] == "invoice.fetched"
        assert row["state"] == "applied"

    def test_is_not_made_where_the_events_own_copy_is_enough(self, database_url, home):
        with Scene.open(database_url, home, webhook_mode="payload") as scene:
            _, after = renewal(scene)
            calls = asked(scene)

            post(scene, letters(scene, after))

            assert calls == []

    def test_is_not_made_for_what_is_no_matter_of_money(self, scene):
        who, _ = renewal(scene)
        after = heard(scene)
        scene.fake.attach_method(who.customer, default=False)
        calls = asked(scene)

        post(scene, letters(scene, after))

        assert calls == []

    def test_finds_nothing_any_more_and_the_event_stands_alone(self, scene):
        _, after = renewal(scene)
        scene.recoup.processor.look_up = lambda _kind, _id: None

        post(scene, letters(scene, after))

        (row,) = scene.rows("SELECT status FROM invoices ORDER BY id DESC LIMIT 1")
        assert row["status"] == "paid"


class TestAProcessorThatDoesNotAnswer:
    @pytest.mark.parametrize("problem", [Busy("429"), Unreachable("no connection")])
    def test_keeps_letters_for_later_and_counts_nothing(self, scene, problem):
        _, after = renewal(scene)
        lines = letters(scene, after)
        look_up = scene.recoup.processor.look_up

        def silent(_kind, _id):
            raise problem

        scene.recoup.processor.look_up = silent
        for _ in range(10):
            post(scene, lines)
            scene.clock.advance(timedelta(minutes=5))
        failed = scene.rows(
            "SELECT DISTINCT state, failures FROM inbox WHERE state NOT IN ('applied', 'ignored')"
        )
        scene.recoup.processor.look_up = look_up
        scene.recoup.absorb_stored()

        assert [tuple(row.values()) for row in failed] == [("failed", 0)]
        assert set(states(scene)) == {"applied", "ignored"}

    def test_is_asked_no_more_in_that_run(self, scene):
        _, after = renewal(scene)
        calls = []

        def silent(kind, id):
            calls.append((kind, id))
            raise Unreachable("no connection")

        scene.recoup.processor.look_up = silent
        post(scene, letters(scene, after) * 1)

        assert len(calls) <= 4

    def test_delays_nothing_that_needs_no_look(self, scene):
        who, after = renewal(scene)
        scene.fake.attach_method(who.customer, default=False)
        scene.fake.add_fault(Fault("outage", call="look_up", times=None))

        post(scene, letters(scene, after))

        types = scene.rows(
            "SELECT DISTINCT type FROM inbox WHERE state = 'applied' AND received_at = :now",
            now=scene.now,
        )
        assert [row["type"] for row in types] == ["payment_method.attached"]

    def test_that_dies_leaves_letters_to_the_next_after_two_minutes(self, scene):
        _, after = renewal(scene)

        def dying(_kind, _id):
            raise KeyboardInterrupt

        look_up, scene.recoup.processor.look_up = scene.recoup.processor.look_up, dying
        with pytest.raises(KeyboardInterrupt):
            post(scene, letters(scene, after, "invoice.paid"))
        scene.recoup.processor.look_up = look_up

        assert scene.recoup.absorb_stored().applied == 0
        scene.clock.advance(timedelta(minutes=2))
        assert scene.recoup.absorb_stored().applied == 1


class TestWhatAnEventClaims:
    def test_is_not_believed_where_the_processor_shows_otherwise(self, scene):
        who, after = renewal(scene, Declines(NO_FUNDS))
        invoice = scene.fake.invoices_of(who.subscription)[-1]
        post(scene, letters(scene, after))
        forged = [
            line.replace(b'"status":"open"', b'"status":"paid"')
            .replace(b'"id":"evt_', b'"id":"evt_forged_')
            .replace(b'"amount_paid":0', b'"amount_paid":4900')
            for line in letters(scene, after, "invoice.payment_failed")
        ]

        summary = post(scene, forged)
        for _ in range(9):
            scene.clock.advance(timedelta(days=1))
            summary += scene.recoup.absorb_stored()

        (row,) = scene.rows("SELECT status FROM invoices WHERE processor_id = :id", id=invoice.id)
        assert row["status"] == "open"
        (why,) = summary.parked
        assert "said to be paid, and the processor shows open" in why

    def test_is_not_believed_about_another_sum(self, scene):
        _, after = renewal(scene)
        (charge,) = letters(scene, after, "charge.succeeded")

        summary = post(scene, [charge.replace(b'"amount":4900', b'"amount":490')])

        assert summary.failed == 1
        assert len(scene.rows("SELECT 1 FROM attempts")) == 1


class TestALookThatLagsBehind:
    def lagging(self, scene, body):
        """Have every look show `body`, as of now."""
        shown = json.loads(body)
        shown["id"] = f"fetched_{shown['data']['object']['id']}_{int(scene.now.timestamp())}_9"
        shown["type"] = "customer.subscription.fetched"
        shown["created"] = int(scene.now.timestamp())
        shown["data"].pop("previous_attributes", None)
        scene.recoup.processor.look_up = lambda *_: json.dumps(shown).encode()

    @pytest.mark.parametrize(
        ("seconds", "status"),
        [pytest.param(0, "past_due", id="at once"), pytest.param(59, "past_due", id="just in"),
         pytest.param(60, "active", id="just out")],
    )  # fmt: skip
    def test_shows_what_was_left_and_counts_for_nothing_for_a_minute(self, scene, seconds, status):
        _, after = renewal(scene, Declines(NO_FUNDS))
        updates = letters(scene, after, "customer.subscription.updated")
        before, failed = updates[0], updates[-1]
        at = json.loads(failed)["created"]
        scene.clock.set(START + timedelta(seconds=at - START.timestamp() + seconds))
        self.lagging(scene, before)

        post(scene, [failed])

        assert scene.rows("SELECT status FROM subscriptions") == [{"status": status}]

    def test_does_not_go_back_when_another_letter_asks_for_it(self, scene):
        _, after = renewal(scene, Declines(NO_FUNDS))
        updates = letters(scene, after, "customer.subscription.updated")
        post(scene, [updates[-1]])
        self.lagging(scene, updates[0])

        post(scene, [updates[0]])

        assert scene.rows("SELECT status FROM subscriptions") == [{"status": "past_due"}]


class TestEventsAndLooksInAnyMixture:
    @pytest.mark.parametrize(
        "seed",
        [*range(6), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(6, 200))],
    )
    def test_never_go_back_and_end_in_the_processors_truth(self, scene, seed):
        """Every look shows any moment since the event, or nothing, or nobody answers."""
        dice = random.Random(seed)
        who, after = renewal(scene, Declines(NO_FUNDS))
        fake = scene.fake
        invoice = fake.invoices_of(who.subscription)[-1].id
        fake.advance(fake.now + timedelta(minutes=7))
        fake.update_method(who.method, payer=Pays())
        fake.customer_pays(invoice)
        scene.clock.set(fake.now)
        lines = letters(scene, after) * 2
        dice.shuffle(lines)
        look_up = fake.look_up
        seen_paid = False

        def moody(kind, id):
            mood = dice.random()
            if mood < 0.2:
                raise Unreachable("no connection")
            return None if mood < 0.4 else look_up(kind, id)

        scene.recoup.processor.look_up = moody
        while lines:
            post(scene, [lines.pop() for _ in range(min(len(lines), dice.randint(1, 5)))])
            scene.clock.advance(timedelta(minutes=dice.choice((0, 1, 5))))
            rows = scene.rows("SELECT status FROM invoices WHERE processor_id = :id", id=invoice)
            paid = [row["status"] for row in rows] == ["paid"]
            assert paid or not seen_paid
            seen_paid = paid
        scene.recoup.processor.look_up = look_up
        scene.clock.advance(timedelta(minutes=10))
        scene.recoup.absorb_stored()

        assert set(states(scene)) <= {"applied", "ignored"}
        assert scene.rows("SELECT status FROM subscriptions") == [{"status": "active"}]
        assert scene.rows("SELECT status FROM invoices ORDER BY id") == [{"status": "paid"}] * 2
