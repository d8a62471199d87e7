"""A company's own systems are told of events by signed posts: once each, and in order."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pytest
from receiver import SECRET_KEY, SETTINGS, Answer, receiving

from recoup import Config, Money, Recoup
from recoup.errors import ConfigError, InvalidValue, NotFound, NotPossible
from recoup.processors.fake import NO_FUNDS, Declines
from recoup.store.events.catalogue import EVENTS
from recoup.testing.scene import Scene
from recoup.webhooks import signature
from recoup.webhooks.signature import Fault

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
BROKEN = Answer(500, b"no")


@pytest.fixture
def receiver():
    with receiving() as made:
        yield made


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home, **SETTINGS) as made:
        yield made
        assert made.violations() == ()


@pytest.fixture
def hooked(scene, receiver):
    """The scene's business, whose receiver is told of everything."""
    made = scene.recoup.endpoints.create(receiver.url)
    scene.endpoint, scene.secret = made.endpoint.id, made.secret
    return scene


def customer(scene, name="ada"):
    """Make one event: customer.created."""
    made = scene.recoup.customers.get_or_create("user", name, email=f"{name}@example.com")
    scene.pace.settle()
    return made.id


def stands(scene, id=None):
    found = scene.recoup.endpoints.deliveries(id or scene.endpoint)
    return [str(one.stand) for one in reversed(found)]


def at(scene, span):
    scene.pace.at(scene.now + span)


class TestAnEndpoint:
    def test_is_told_once_with_everything_that_the_event_says(self, hooked, receiver):
        ada = customer(hooked)

        (heard,) = receiver.heard
        assert (heard.method, heard.path) == ("POST", "/hooks")
        assert heard.headers["Content-Type"] == "application/json; charset=utf-8"
        (row,) = hooked.rows("SELECT * FROM host_events")
        assert {**heard.event, "data": None} == {
            "id": row["id"],
            "type": "customer.created",
            "api_version": "v1",
            "created": hooked.now.isoformat().replace("+00:00", "Z"),
            "customer_id": ada,
            "subject": f"customer:{ada}",
            "occurred_at": heard.event["occurred_at"],
            "data": None,
        }
        assert datetime.fromisoformat(heard.event["occurred_at"]) == row["occurred_at"]
        assert heard.event["data"]["processor_id"].startswith("cus_")
        assert "ada@example.com" not in heard.body.decode()
        assert stands(hooked) == ["delivered"]

    def test_is_told_of_its_types_only(self, scene, receiver):
        scene.recoup.endpoints.create(receiver.url, ["invoice.paid"])

        scene.subscriber()

        assert receiver.types == ["invoice.paid"]
        assert scene.rows("SELECT DISTINCT type FROM host_events") == [{"type": "invoice.paid"}]

    def test_costs_nobody_an_event_that_is_not_there(self, scene):
        customer(scene)

        assert scene.rows("SELECT * FROM host_events") == []

    def test_of_several_each_has_deliveries_of_its_own(self, hooked, receiver):
        with receiving() as other:
            other.usually = BROKEN
            id = hooked.recoup.endpoints.create(other.url).endpoint.id

            customer(hooked)

            assert (len(receiver.heard), len(other.heard)) == (1, 1)
            assert (stands(hooked), stands(hooked, id)) == (["delivered"], ["failing"])

    def test_that_is_deleted_is_told_of_nothing_more(self, hooked, receiver):
        receiver.usually = BROKEN
        customer(hooked)

        assert hooked.recoup.endpoints.delete(hooked.endpoint) == 1
        customer(hooked, "bob")
        at(hooked, DAY)

        assert len(receiver.heard) == 1
        with pytest.raises(NotFound):
            hooked.recoup.endpoints.get(hooked.endpoint)

    def test_can_be_told_of_other_things_at_another_place(self, hooked, receiver):
        hooked.recoup.endpoints.update(hooked.endpoint, types=["invoice.paid"], description="x")
        customer(hooked)
        url = receiver.url.replace("hooks", "elsewhere")
        changed = hooked.recoup.endpoints.update(hooked.endpoint, url=url, types=["*"])
        customer(hooked, "bob")

        assert [one.path for one in receiver.heard] == ["/elsewhere"]
        assert (changed.url, changed.types, changed.description) == (url, ("*",), "x")

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            ({"types": []}, "a list of types"),
            ({"types": "invoice.paid"}, "a list of types"),
            ({"types": ["invoice.payed"]}, "did you mean 'invoice.paid'"),
            ({"description": "x" * 501}, "up to|0 to 500"),
            ({"description": "two\nlines"}, "one line"),
        ],
    )
    def test_that_can_not_be_is_refused(self, scene, receiver, given, why):
        with pytest.raises(InvalidValue, match=why):
            scene.recoup.endpoints.create(receiver.url, **given)

        assert scene.recoup.endpoints.list() == ()

    def test_needs_a_key_to_make_its_secret_of(self, database_url, home):
        with (
            Scene.open(database_url, home, allow_private_urls=True) as scene,
            pytest.raises(ConfigError, match="RECOUP_SECRET_KEY"),
        ):
            scene.recoup.endpoints.create("https://example.com/hooks")

    def test_is_posted_a_test_when_asked(self, hooked, receiver):
        receiver.script = [BROKEN]

        bad = hooked.recoup.endpoints.send_test(hooked.endpoint)
        good = hooked.recoup.endpoints.send_test(hooked.endpoint)

        assert (bad.delivered, bad.status, bad.answer) == (False, 500, "no")
        assert (good.delivered, good.status, good.error) == (True, 200, None)
        assert receiver.types == ["endpoint.test"] * 2
        assert hooked.recoup.endpoints.tries(hooked.endpoint) == (good, bad)


class TestASecret:
    def verified(self, scene, heard, *secrets):
        header = heard.headers["Recoup-Signature"]
        return signature.fault(heard.body, header, secrets=secrets, now=scene.now)

    def test_signs_what_is_posted(self, hooked, receiver):
        customer(hooked)

        (heard,) = receiver.heard
        assert self.verified(hooked, heard, hooked.secret) is None
        assert self.verified(hooked, heard, hooked.secret + "x") is Fault.WRONG
        tampered = heard.body.replace(b"customer.created", b"customer.deleted")
        header = heard.headers["Recoup-Signature"]
        assert (
            signature.fault(tampered, header, secrets=(hooked.secret,), now=hooked.now)
            is Fault.WRONG
        )

    def test_is_rolled_in_three_phases(self, hooked, receiver):
        old = hooked.secret
        customer(hooked, "before")
        new = hooked.recoup.endpoints.roll_secret(hooked.endpoint).secret
        customer(hooked, "both")
        at(hooked, DAY - timedelta(seconds=1))
        customer(hooked, "still")
        at(hooked, timedelta(seconds=1))
        customer(hooked, "after")

        by = [
            tuple(
                signature.fault(
                    one.body, one.headers["Recoup-Signature"], secrets=(secret,), now=sent
                )
                is None
                for secret in (old, new)
            )
            for one, sent in zip(
                receiver.heard,
                [datetime.fromisoformat(event["created"]) for event in receiver.events],
                strict=True,
            )
        ]
        assert by == [(True, False), (True, True), (True, True), (False, True)]

    def test_that_was_found_out_is_replaced_at_once(self, hooked, receiver):
        new = hooked.recoup.endpoints.roll_secret(hooked.endpoint, overlap=timedelta(0)).secret

        customer(hooked)

        assert self.verified(hooked, receiver.heard[0], hooked.secret) is Fault.WRONG
        assert self.verified(hooked, receiver.heard[0], new) is None

    def test_is_rolled_up_to_seven_times_within_its_overlap(self, hooked, receiver):
        secrets = [hooked.secret]
        secrets += [hooked.recoup.endpoints.roll_secret(hooked.endpoint).secret for _ in range(7)]

        with pytest.raises(NotPossible, match="8 secrets"):
            hooked.recoup.endpoints.roll_secret(hooked.endpoint)
        customer(hooked)

        assert len(set(secrets)) == 8
        assert all(self.verified(hooked, receiver.heard[0], one) is None for one in secrets)

    @pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=7, seconds=1)])
    def test_overlaps_a_week_at_most(self, hooked, overlap):
        with pytest.raises(InvalidValue, match="overlap"):
            hooked.recoup.endpoints.roll_secret(hooked.endpoint, overlap=overlap)

    def test_is_nowhere_to_be_read(self, hooked, receiver, caplog):
        made = hooked.recoup.endpoints.roll_secret(hooked.endpoint)
        receiver.usually = Answer(500, f"you sent {made.secret}".encode())
        customer(hooked)

        tables = [row["name"] for row in hooked.rows(
            "SELECT table_name AS name FROM information_schema.tables "
            "WHERE table_schema = current_schema()"
        )]  # fmt: skip
        kept = "".join(
            str(hooked.rows(f"SELECT string_agg(t::text, ' ') AS t FROM {name} t"))
            for name in tables
        )
        for secret in (made.secret, hooked.secret, SECRET_KEY):
            for text in (kept, repr(made), str(made), caplog.text, repr(hooked.recoup.endpoints)):
                assert secret not in text
                assert secret.removeprefix("whsec_") not in text

    def test_is_another_one_in_every_installation(self, hooked, receiver, new_database, home):
        with Scene.open(new_database(), home / "other", **SETTINGS) as other:
            made = other.recoup.endpoints.create(receiver.url)

        assert made.endpoint.id == hooked.endpoint
        assert made.secret != hooked.secret

    def test_made_with_another_key_signs_nothing_and_loses_nothing(self, hooked, receiver):
        config = Config.load(
            database_url=hooked.recoup.config.database_url,
            home=hooked.recoup.config.home,
            **{**SETTINGS, "secret_key": "another" * 8},
        )
        hooked.recoup.customers.get_or_create("user", "ada")

        with Recoup(config, processor=hooked.fake, clock=hooked.clock) as other:
            other.worker().drain()
            with pytest.raises(ConfigError, match="not the one"):
                other.endpoints.send_test(hooked.endpoint)

        assert receiver.heard == []
        (waiting,) = hooked.recoup.endpoints.deliveries(hooked.endpoint)
        assert "not the one that the endpoint's secrets were made with" in waiting.reason
        at(hooked, 5 * MINUTE)
        assert stands(hooked) == ["delivered"]
        assert self.verified(hooked, receiver.heard[0], hooked.secret) is None

    def test_that_nobody_can_make_leaves_deliveries_to_who_can(self, hooked, receiver):
        config = Config.load(
            database_url=hooked.recoup.config.database_url, home=hooked.recoup.config.home
        )
        hooked.recoup.customers.get_or_create("user", "ada")

        with Recoup(config, processor=hooked.fake, clock=hooked.clock) as other:
            other.worker().drain()

        assert stands(hooked) == ["waiting"]
        hooked.pace.settle()
        assert stands(hooked) == ["delivered"]


class TestTheOrder:
    def test_is_kept_for_each_customer_though_tries_fail(self, hooked, receiver):
        failed = set()

        def every_other(heard):
            id = heard.event["id"]
            if id in failed or id % 2:
                return None
            failed.add(id)
            return BROKEN

        receiver.choose = every_other
        _ = [hooked.subscriber(Declines(NO_FUNDS), email=f"{n}@example.com") for n in range(3)]

        hooked.live(days=32)

        told = defaultdict(list)
        answered = set()
        for event in receiver.events:
            if event["id"] % 2 or event["id"] in answered:
                told[event["customer_id"]].append(event["id"])
            answered.add(event["id"])
        assert len(told) == 3
        for ids in told.values():
            assert ids == sorted(ids)
            assert len(ids) == len(set(ids)) > 6
        assert failed
        assert set(stands(hooked)) == {"delivered"}

    def test_holds_up_nobody_else(self, hooked, receiver):
        ada = customer(hooked)
        receiver.choose = lambda heard: BROKEN if heard.event["customer_id"] == ada else None
        hooked.recoup.methods.list(ada)
        card = hooked.fake.attach_method(hooked.recoup.customers.get(ada).processor_id)
        hooked.pace.settle()

        bob = customer(hooked, "bob")

        assert card
        assert [e["customer_id"] for e in receiver.events] == [ada, ada, bob]


class TestEveryEvent:
    def test_of_the_catalogue_can_be_subscribed_to(self, scene, receiver):
        made = scene.recoup.endpoints.create(receiver.url, list(EVENTS))

        assert set(made.endpoint.types) == set(EVENTS)

    def test_that_is_told_to_a_function_is_posted_once_too(self, hooked, receiver):
        heard = Counter()
        hooked.recoup.on(*EVENTS, name="everything")(lambda event: heard.update([event.id]))
        price = hooked.fake.create_price(Money(2000, "EUR"))
        ada = customer(hooked)
        card = hooked.fake.attach_method(hooked.recoup.customers.get(ada).processor_id)
        hooked.recoup.subscriptions.start(ada, price, default_method=card)
        hooked.pace.settle()

        assert Counter(event["id"] for event in receiver.events) == heard
        assert max(heard.values()) == 1
