from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from click.testing import CliRunner
from everywhere import everything_stored
from sqlalchemy import text

from recoup.cli import main
from recoup.core.money import Money
from recoup.errors import InvalidMetadata, NotPossible, Rejected, Unreachable
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.processors.fake.idempotency import Fault
from recoup.store import tables
from recoup.store.records.erasure import MARKER
from recoup.store.writer import Writer
from recoup.testing.scene import Scene

#: What is planted, each a word that stands nowhere else.
CANARIES = {
    name: f"canary{number:02}"
    for number, name in enumerate(
        (
            "owner", "email", "older email", "name", "older name", "metadata key",
            "metadata value", "data", "command key", "command error", "command result",
            "mail args", "mail reason", "effect args", "effect reason", "effect result",
            "task", "hold", "preview", "attempt", "invoice", "decision", "run error",
            "subscription metadata", "parked letter", "consent", "promotion code",
        )
    )
}  # fmt: skip
MONEY = """SELECT id, status, amount_due, amount_paid, amount_remaining, currency
    FROM invoices ORDER BY id"""
LEDGER = "SELECT * FROM ledger_entries ORDER BY customer_id, seq"

PLANTED_JSON = (
    "UPDATE customers SET data = :data",
    "UPDATE commands SET error = :command_error WHERE state = 'refused'",
    "UPDATE commands SET result = :command_result WHERE state = 'done'",
    "UPDATE mails SET args = args || CAST(:mail_args AS jsonb)",
    """UPDATE effects SET args = args || CAST(:effect_args AS jsonb), result = :effect_result
    WHERE customer_id = :id""",
    """INSERT INTO previews
    (id, customer_id, subscription_id, change, quote, seen_event, made_at, expires_at)
    SELECT 'p', :id, id, :preview, '{}', 'e', now(), now() + interval '1 h' FROM subscriptions""",
    "UPDATE subscriptions SET metadata = :subscription_metadata",
)
PLANTED = (
    "UPDATE mails SET reason = :mail_reason",
    "UPDATE effects SET reason = :effect_reason WHERE customer_id = :id",
    """INSERT INTO tasks (customer_id, key, kind, detail, opened_at, closed_at)
    VALUES (:id, 'k', 'k', :task, now(), now())""",
    "UPDATE attempts SET note = :attempt",
    "UPDATE invoices SET description = :invoice",
    "UPDATE decisions SET reasons = ARRAY[:decision], changes = ARRAY[:decision]",
    "UPDATE standings SET run_state = 'failed', failures = 1, run_error = :run_error",
    """INSERT INTO coupons (processor, processor_id, percent_off, duration, seen_at, seen_event)
    VALUES ('fake', 'co_1', '10', 'once', now(), 'evt')""",
    """INSERT INTO promotion_codes
    (coupon_id, processor, processor_id, code, active, customer_id, seen_at, seen_event)
    SELECT id, 'fake', 'promo_1', :promotion_code, true, :id, now(), 'evt' FROM coupons""",
)


@pytest.fixture
def log(caplog):
    """Everything that anybody logs, from before the first connection is made."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="sqlalchemy")
    return caplog


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as opened:
        yield opened
        opened.pace.settle()
        assert opened.violations() == ()


@pytest.fixture
def customers(scene):
    return scene.recoup.customers


@pytest.fixture
def ada(customers):
    return customers.get_or_create("user", "1", email="ada@example.com", name="Ada")


def change(scene, sql, **given):
    with scene.recoup.database.begin() as connection:
        connection.execute(text(sql), given)


def live_through_it(scene, word):
    """A customer who subscribed, could not pay, paid, and left; each canary but the texts."""
    customers = scene.recoup.customers
    who = customers.get_or_create(
        "mail", f"{word['owner']}@example.com",
        email=f"{word['older email']}@example.com", name=word["older name"],
        metadata={word["metadata key"]: word["metadata value"]},
    )  # fmt: skip
    customers.update(who.id, email=f"{word['email']}@example.com", key=word["command key"])
    customers.update(who.id, name=word["name"])
    with pytest.raises(Rejected):
        customers.update(who.id, email=word["email"])
    with pytest.raises(InvalidMetadata):
        customers.update(who.id, metadata={word["metadata key"]: 3})
    name = who.processor_id
    method = scene.fake.attach_method(name, country="DE")
    scene.fake.subscribe(name, scene.fake.create_price(Money(4900, "EUR")))
    scene.fake.update_method(method, payer=Declines(NO_FUNDS))
    scene.live(days=45)
    scene.fake.update_method(method, payer=Pays())
    scene.live(days=10)
    customers.delete(who.id, reason="left")
    scene.pace.settle()
    return customers.get(who.id)


def plant(scene, who, word):
    """Write the rest where people, companies or a failing part of ours may have written it."""
    with scene.recoup.database.begin() as connection:
        writer = Writer(connection, now=scene.now, actor="cli", cause="test")
        hold = {"customer_id": who.id, "kind": "hold", "reason": word["hold"], "actor": "cli"}
        past = {"since": scene.now - timedelta(days=2), "until": scene.now - timedelta(days=1)}
        writer.insert(tables.holds, hold | past)
        writer.flush()
        (method,) = connection.execute(text("SELECT id FROM payment_methods")).scalars()
        row = {"id": method, "customer_id": who.id, "consented_at": None, "consented_by": None}
        agreed = {"consented_at": scene.now, "consented_by": word["consent"]}
        writer.update(tables.payment_methods, row, agreed)
        writer.flush()
    as_json = {name: json.dumps({"a": w}) for name, w in word.items()}
    for sqls, words in ((PLANTED_JSON, as_json), (PLANTED, word)):
        for sql in sqls:
            change(scene, sql, id=who.id, **{n.replace(" ", "_"): w for n, w in words.items()})
    letter = {"customer": who.processor_id, "odd": word["parked letter"]}
    scene.recoup.ingest([json.dumps(letter).encode()])


class TestErasing:
    def test_leaves_none_of_the_canaries_anywhere(self, log, scene, customers, database_url, home):
        who = live_through_it(scene, CANARIES)
        assert "SELECT" in log.text
        assert [line for line in log.text.splitlines() if "canary" in line] == []
        plant(scene, who, CANARIES)
        log.clear()
        stored = everything_stored(scene)
        assert [name for name, word in CANARIES.items() if word not in stored] == []
        money, ledger = scene.rows(MONEY), scene.rows(LEDGER)

        gone = customers.erase(who.id, reason="asked for")

        stored = everything_stored(scene)
        assert [line for line in stored.splitlines() if "canary" in line] == []
        assert scene.rows("SELECT last4 FROM payment_methods") == [{"last4": None}]
        assert scene.rows(MONEY) == money
        assert money[0]["amount_paid"] == 4900
        assert scene.rows(LEDGER)[: len(ledger)] == ledger
        assert scene.violations() == ()
        assert (gone.email, gone.name, gone.metadata, gone.data) == (None, None, {}, {})
        assert gone.owner_id == f"erased-{who.id}"
        views = (
            gone,
            customers.list(),
            scene.recoup.methods.list(who.id, detached=True),
            scene.recoup.invoices.list(customer=who.id),
        )
        assert "canary" not in repr(views)
        for words in (
            ("customers", "show", str(who.id), "--json"),
            ("customers", "list", "--json"),
            ("explain", str(who.id), "--json"),
            ("effects", "list", "--json"),
            ("webhooks", "list", "--json"),
            ("tasks", "list", "--json"),
        ):
            env = {"RECOUP_DATABASE_URL": database_url, "RECOUP_HOME": str(home)}
            told = CliRunner().invoke(main, words, env=env)
            assert told.exit_code == 0, told.output
            assert "canary" not in told.output, words
        assert "canary" not in log.text

    def test_takes_nothing_from_anybody_else(self, scene, customers, ada):
        other = scene.subscriber(email="other@example.com")
        scene.recoup.customers.update(other.customer, name="Other", key="theirs")
        customers.delete(ada.id, reason="left")
        scene.pace.settle()
        mine = [body for _, body in scene.fake.events() if other.customer.encode() in body]
        rows = (
            "SELECT * FROM commands WHERE key = 'theirs'",
            "SELECT * FROM customers WHERE email = 'other@example.com'",
            "SELECT * FROM payment_methods",
            "SELECT * FROM subscriptions",
        )
        before = [scene.rows(sql) for sql in rows]
        customers.erase(ada.id, reason="asked for")
        assert [scene.rows(sql) for sql in rows] == before
        assert all(len(found) == 1 for found in before)
        kept = {bytes(row["raw"]) for row in scene.rows("SELECT raw FROM inbox")}
        assert {body for body in mine if other.customer.encode() in body} <= kept
        assert MARKER in kept

    def test_is_not_undone_by_later_news(self, scene, customers):
        who = scene.subscriber(email="old@example.com")
        id = scene.customer_id(who)
        customers.erase(id, reason="asked for", keep_at_processor=True, force=True)
        scene.fake.change_customer(who.customer, email="canary@example.com", name="Canary")
        scene.fake.update_method(who.method, expires=(2040, 1))
        scene.live(days=40)
        found = customers.get(id)
        assert (found.email, found.name, found.data, found.owner_id) == (None, None, {}, None)
        stored = everything_stored(scene)
        assert [line for line in stored.splitlines() if "anary" in line] == []
        assert "old@example.com" not in stored
        assert len(scene.rows("SELECT id FROM invoices")) == 2

    def test_is_not_undone_by_news_that_says_nothing_to_us(self, scene, customers, ada):
        customers.erase(ada.id, reason="asked for", keep_at_processor=True)
        event = {
            "id": "evt_x", "type": "customer.source.created", "object": "event",
            "created": int(scene.now.timestamp()), "api_version": "2024-06-20", "livemode": False,
            "data": {"object": {"customer": ada.processor_id, "name": "canary"}},
        }  # fmt: skip
        scene.recoup.ingest([json.dumps(event).encode()])
        (row,) = scene.rows("SELECT state, raw FROM inbox WHERE key = 'evt_x'")
        assert (row["state"], bytes(row["raw"])) == ("ignored", MARKER)

    def test_frees_the_owner_for_a_new_customer(self, scene, customers, ada):
        customers.delete(ada.id, reason="left")
        customers.erase(ada.id, reason="asked for")
        again = customers.get_or_create("user", "1", email="ada@example.com")
        assert (again.id, again.processor_id) != (ada.id, ada.processor_id)
        assert again.email == "ada@example.com"
        same = customers.get_or_create("user", "1")
        assert same == again

    def test_is_done_once(self, scene, customers, ada):
        customers.delete(ada.id, reason="left")
        first = customers.erase(ada.id, reason="asked for", key="e")
        assert customers.erase(ada.id, reason="asked for", key="e") == first
        assert customers.erase(ada.id, reason="asked again") == first

    def test_leaves_a_customer_whom_nothing_can_change(self, customers, ada):
        customers.erase(ada.id, reason="asked for", keep_at_processor=True)
        with pytest.raises(NotPossible, match="has been erased"):
            customers.update(ada.id, email="back@example.com")
        with pytest.raises(NotPossible, match="has been erased"):
            customers.put_data(ada.id, {"a": 1})


class TestErasingIsRefused:
    def test_while_the_processor_has_the_customer(self, customers, ada):
        with pytest.raises(NotPossible, match=r"still has it.* --keep-at-processor"):
            customers.erase(ada.id, reason="asked for", force=True)
        assert customers.get(ada.id).email == "ada@example.com"

    def test_while_a_subscription_lives_unless_forced(self, scene, customers):
        who = scene.subscriber()
        with pytest.raises(NotPossible, match=f"subscription {who.subscription} has not ended"):
            customers.erase(who.customer, reason="asked for", keep_at_processor=True)
        customers.erase(who.customer, reason="asked for", keep_at_processor=True, force=True)

    def test_while_money_is_owed_unless_forced(self, scene, customers):
        who = scene.subscriber(Declines(NO_FUNDS))
        scene.until_failed(who)
        customers.delete(who.customer, reason="left")
        scene.pace.settle()
        with pytest.raises(NotPossible, match="is owed"):
            customers.erase(who.customer, reason="asked for")
        customers.erase(who.customer, reason="asked for", force=True)

    @pytest.mark.parametrize(("ends_in", "refused"), [(None, True), (1, True), (0, False)])
    def test_while_a_hold_keeps_it(self, scene, customers, ada, ends_in, refused):
        with scene.recoup.database.begin() as connection:
            writer = Writer(connection, now=scene.now, actor="cli", cause="test")
            until = None if ends_in is None else scene.now + timedelta(days=ends_in)
            hold = {"customer_id": ada.id, "kind": "hold", "reason": "tax audit", "actor": "cli"}
            writer.insert(tables.holds, hold | {"since": scene.now, "until": until})
            writer.flush()
        if refused:
            with pytest.raises(NotPossible, match="hold 1 keeps it"):
                customers.erase(ada.id, reason="asked for", keep_at_processor=True)
        customers.erase(ada.id, reason="asked for", keep_at_processor=True, force=refused)

    def test_while_news_is_not_absorbed_unless_forced(self, scene, customers, ada):
        letter = json.dumps({"customer": ada.processor_id, "email": "canary"}).encode()
        change(
            scene,
            "INSERT INTO inbox (processor, key, raw, state, received_at) "
            "VALUES ('fake', 'evt_y', :raw, 'received', now())",
            raw=letter,
        )
        with pytest.raises(NotPossible, match="1 of its events are stored and not absorbed"):
            customers.erase(ada.id, reason="asked for", keep_at_processor=True)
        customers.erase(ada.id, reason="asked for", keep_at_processor=True, force=True)
        (row,) = scene.rows("SELECT state, reason, raw FROM inbox WHERE key = 'evt_y'")
        assert (row["state"], row["reason"]) == ("ignored", "its customer is erased")
        assert bytes(row["raw"]) == MARKER

    def test_while_a_command_is_under_way_forced_or_not(self, scene, customers, ada):
        scene.fake.add_fault(Fault("outage", times=1))
        with pytest.raises(Unreachable):
            customers.update(ada.id, name="B")
        for force in (False, True):
            with pytest.raises(NotPossible, match=r"customers\.update is under way"):
                customers.erase(ada.id, reason="x", keep_at_processor=True, force=force)
        scene.live(hours=1)
        customers.erase(ada.id, reason="x", keep_at_processor=True)
