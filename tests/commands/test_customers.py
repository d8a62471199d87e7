from __future__ import annotations

import logging

import pytest
from everywhere import everything_stored
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recoup.errors import (
    CustomerTaxLocationInvalid,
    InvalidMetadata,
    InvalidValue,
    KeyConflict,
    NotFound,
    NotPossible,
    Rejected,
    StaleRecord,
    UnknownOption,
    Unreachable,
)
from recoup.processors.fake.idempotency import Fault
from recoup.testing.scene import Scene

BERLIN = {"country": "DE", "postal_code": "10117", "line1": "Canary Street 7", "city": "Berlin"}


@pytest.fixture
def log(caplog):
    """Everything that anybody logs, from before the first connection is made."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="sqlalchemy")
    return caplog


@pytest.fixture
def scene(database_url, home):
    """An empty business; whatever the story, every invariant must hold when it ends."""
    with Scene.open(database_url, home) as opened:
        yield opened
        opened.pace.settle()
        assert opened.violations() == ()


@pytest.fixture
def customers(scene):
    return scene.recoup.customers


@pytest.fixture
def ada(customers):
    return customers.get_or_create("user", "1", email="ada@example.com", name="Ada", locale="de")


def count(scene, table, where="true"):
    return scene.rows(f"SELECT count(*) AS n FROM {table} WHERE {where}")[0]["n"]


class TestGetOrCreate:
    def test_makes_the_customer_here_and_at_the_processor(self, scene, customers):
        made = customers.get_or_create(
            "user", 42, email="a@b.c", name="A", locale="de-AT", time_zone="Europe/Vienna",
            metadata={"plan": "pro", "none": ""},
        )  # fmt: skip
        assert (made.owner_type, made.owner_id, made.processor) == ("user", "42", "fake")
        assert (made.email, made.name, made.locale) == ("a@b.c", "A", "de-AT")
        assert (made.time_zone, made.metadata) == ("Europe/Vienna", {"plan": "pro"})
        assert made.processor_id.startswith("cus_")
        assert made.data["id"] == made.processor_id

    def test_writes_the_intent_its_standing_and_the_ledger_before_it_asks(self, scene, customers):
        scene.fake.add_fault(Fault("outage", times=None))
        with pytest.raises(Unreachable):
            customers.get_or_create("user", "1")
        (row,) = scene.rows("SELECT c.*, s.standing FROM customers c JOIN standings s ON true")
        assert (row["processor_id"], row["standing"]) == (None, "current")
        told = scene.rows("SELECT type FROM ledger_entries ORDER BY seq")
        assert [each["type"] for each in told][:3] == [
            "customer.intended",
            "standing.created",
            "customers.create.requested",
        ]

    @pytest.mark.parametrize("kind", ["lost_reply", "outage", "error_after"])
    def test_goes_on_when_no_answer_came(self, scene, customers, kind):
        scene.fake.add_fault(Fault(kind, times=1))
        with pytest.raises(Unreachable):
            customers.get_or_create("user", "1", email="a@b.c")
        scene.live(hours=1)
        found = customers.get_or_create("user", "1")
        assert found.email == "a@b.c"
        assert count(scene, "customers") == 1

    def test_returns_who_is_there_without_a_command(self, scene, customers, ada):
        again = customers.get_or_create("user", "1", email="other@example.com")
        assert again == ada
        assert count(scene, "commands") == 1

    def test_is_adopted_by_an_event_that_comes_before_our_answer(self, scene, customers):
        scene.fake.add_fault(Fault("lost_reply", times=1))
        with pytest.raises(Unreachable):
            customers.get_or_create("user", "1", email="a@b.c")
        scene.recoup.ingest(body for _, body in scene.fake.events())
        (row,) = scene.rows("SELECT owner_id, processor_id FROM customers")
        assert row["owner_id"] == "1"
        assert row["processor_id"] is not None
        assert customers.get_or_create("user", "1").processor_id == row["processor_id"]

    def test_takes_over_a_row_that_other_news_made(self, scene, customers):
        scene.fake.add_fault(Fault("lost_reply", times=1))
        with pytest.raises(Unreachable):
            customers.get_or_create("user", "1", email="a@b.c")
        (event,) = [body for _, body in scene.fake.events()]
        # Somebody changed it at the processor, and of its creation we were never told.
        key = scene.rows("SELECT processor_key FROM commands")[0]["processor_key"]
        news = event.replace(key.encode(), b"other").replace(
            b"customer.created", b"customer.updated"
        )
        assert news != event
        scene.recoup.ingest([news.replace(b'"evt_', b'"evt_other_')])
        assert count(scene, "customers") == 2
        scene.live(hours=1)
        found = customers.get_or_create("user", "1")
        (row,) = scene.rows("SELECT id, owner_id FROM customers WHERE processor_id IS NOT NULL")
        assert (row["id"], row["owner_id"]) == (found.id, "1")
        assert count(scene, "customers", "owner_id IS NULL AND deleted") == 1

    def test_asks_again_after_a_refusal_with_what_is_given_then(self, scene, customers):
        with pytest.raises(Rejected):
            customers.get_or_create("user", "1", email="nonsense")
        made = customers.get_or_create("user", "1", email="sense@example.com")
        assert made.email == "sense@example.com"
        assert count(scene, "customers") == 1

    def test_tells_two_owners_apart(self, customers, ada):
        assert customers.get_or_create("team", "1").id != ada.id
        assert customers.find("team", "2") is None

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"time_zone": "Europe/Nowhere"}, "time_zone: expected a name of the IANA"),
            ({"time_zone": "../etc/passwd"}, "time_zone: expected"),
            ({"time_zone": "Europe"}, "time_zone: expected"),
            ({"locale": "de_DE"}, "locale: expected a language tag"),
            ({"locale": "german language"}, "locale: expected"),
            ({"email": "a@b.c\nBcc: all"}, "email: a line break"),
            ({"email": "a" * 513}, "email: up to 512 characters, got 513"),
            ({"name": "a" * 257}, "name: up to 256 characters"),
        ],
    )
    def test_refuses_values_that_can_not_be_and_leaves_nothing(
        self, scene, customers, options, text
    ):
        with pytest.raises(InvalidValue, match=text):
            customers.get_or_create("user", "1", **options)
        assert count(scene, "customers") == 0

    @pytest.mark.parametrize("owner", [("", "1"), ("user", " "), ("u" * 101, "1")])
    def test_refuses_an_owner_without_a_name(self, customers, owner):
        with pytest.raises(InvalidValue, match="owner_"):
            customers.get_or_create(*owner)

    def test_knows_its_options(self, customers):
        with pytest.raises(UnknownOption, match="did you mean 'email'"):
            customers.get_or_create("user", "1", emial="a@b.c")


class TestCreate:
    def test_makes_a_customer_of_an_owner_who_has_none(self, customers):
        assert customers.create("user", "1", email="a@b.c").email == "a@b.c"

    def test_goes_on_with_an_intent_that_has_no_answer(self, scene, customers):
        scene.fake.add_fault(Fault("lost_reply", times=1))
        with pytest.raises(Unreachable):
            customers.create("user", "1")
        scene.live(hours=1)
        assert count(scene, "customers") == 1

    def test_is_refused_for_an_owner_who_has_one(self, customers, ada):
        with pytest.raises(NotPossible, match=f"customer {ada.id} already"):
            customers.create("user", "1")


class TestReading:
    def test_finds_by_either_id_and_by_owner(self, customers, ada):
        assert customers.get(ada.id) == customers.get(str(ada.id)) == ada
        assert customers.get(ada.processor_id) == customers.find("user", 1) == ada

    def test_says_what_is_not_there(self, customers):
        with pytest.raises(NotFound, match="77"):
            customers.get(77)

    def test_lists_by_id_page_by_page(self, customers):
        ids = [customers.get_or_create("user", n).id for n in range(3)]
        assert [one.id for one in customers.list(limit=2)] == ids[:2]
        assert [one.id for one in customers.list(after=ids[1])] == ids[2:]

    @pytest.mark.parametrize("limit", [0, 1001])
    def test_refuses_pages_that_can_not_be(self, customers, limit):
        with pytest.raises(InvalidValue, match="limit"):
            customers.list(limit=limit)


class TestUpdate:
    def test_changes_what_is_given_and_leaves_the_rest(self, scene, customers, ada):
        changed = customers.update(ada.processor_id, name="Lovelace", time_zone="Europe/London")
        assert (changed.name, changed.email, changed.locale) == ("Lovelace", ada.email, "de")
        assert changed.time_zone == "Europe/London"
        scene.pace.settle()
        assert customers.get(ada.id) == changed

    def test_clears_a_field_with_an_empty_text(self, customers, ada):
        customers.update(ada.id, time_zone="Europe/London")
        cleared = customers.update(ada.id, name="", time_zone="")
        assert (cleared.name, cleared.time_zone) == (None, None)

    def test_merges_metadata_and_deletes_keys_with_empty_values(self, customers, ada):
        customers.update(ada.id, metadata={"a": "1", "b": "2"})
        assert customers.update(ada.id, metadata={"a": "", "c": "3"}).metadata == {
            "b": "2",
            "c": "3",
        }

    def test_counts_the_keys_that_are_there(self, customers, ada):
        customers.update(ada.id, metadata={str(n): "x" for n in range(50)})
        with pytest.raises(InvalidMetadata, match="there would be 51"):
            customers.update(ada.id, metadata={"one": "more"})

    def test_names_the_key_that_is_wrong(self, customers, ada):
        with pytest.raises(InvalidMetadata, match=r"metadata\['plan'\]"):
            customers.update(ada.id, metadata={"plan": {"name": "pro"}})

    def test_keeps_a_time_zone_without_asking_anybody(self, scene, customers, ada):
        scene.fake.add_fault(Fault("outage", times=None))
        assert customers.update(ada.id, time_zone="Asia/Tokyo").time_zone == "Asia/Tokyo"

    def test_keeps_the_time_zone_of_a_change_that_is_refused(self, customers, ada):
        with pytest.raises(Rejected):
            customers.update(ada.id, email="nonsense", time_zone="Asia/Tokyo")
        assert customers.get(ada.id).time_zone is None

    def test_refuses_an_older_version(self, customers, ada):
        newer = customers.update(ada.id, name="B", version=ada.version)
        with pytest.raises(StaleRecord, match=f"at version {newer.version}, not {ada.version}"):
            customers.update(ada.id, name="C", version=ada.version)
        assert customers.update(ada.id, name="C", version=newer.version).name == "C"

    def test_makes_the_version_old_as_soon_as_it_is_asked(self, scene, customers, ada):
        scene.fake.add_fault(Fault("outage", times=1))
        with pytest.raises(Unreachable):
            customers.update(ada.id, name="B", version=ada.version)
        with pytest.raises(StaleRecord):
            customers.update(ada.id, name="C", version=ada.version)
        scene.live(hours=1)
        assert customers.get(ada.id).name == "B"

    def test_does_the_same_key_once(self, customers, ada):
        first = customers.update(ada.id, name="B", key="k")
        customers.update(ada.id, name="C")
        assert customers.update(ada.id, name="B", key="k").name == "C"
        assert first.name == "B"

    def test_refuses_a_key_that_was_used_for_something_else(self, customers, ada):
        customers.update(ada.id, name="B", key="k")
        with pytest.raises(KeyConflict):
            customers.update(ada.id, name="C", key="k")

    def test_refuses_who_is_deleted(self, customers, ada):
        customers.delete(ada.id, reason="asked for")
        with pytest.raises(NotPossible, match="deleted"):
            customers.update(ada.id, name="B")

    def test_keeps_nothing_personal_of_the_command(self, scene, customers, ada):
        customers.update(ada.id, name="Canary Name", metadata={"key": "canary"})
        kept = str(scene.rows("SELECT * FROM commands")) + str(
            scene.rows("SELECT body FROM ledger_entries")
        )
        assert "anary" not in kept


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text("abc", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner),
    max_leaves=4,
)
STEPS = st.lists(
    st.tuples(st.booleans(), st.dictionaries(st.sampled_from(["a", "b", "email"]), JSON)),
    max_size=4,
)


class TestData:
    @given(steps=STEPS)
    @settings(
        max_examples=15,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    def test_is_put_whole_and_patched_one_level_deep(self, customers, steps):
        ada = customers.get_or_create("user", "1")
        model = dict(customers.put_data(ada.id, {}).data)
        for put, data in steps:
            verb = customers.put_data if put else customers.patch_data
            found = verb(ada.id, data, version=customers.get(ada.id).version)
            kept = {key: value for key, value in data.items() if key != "email"}
            model = kept if put else {**model, **kept}
            assert found.data == model

    def test_loses_its_sensitive_parts(self, customers, ada):
        data = {"tier": 1, "phone": "1", "nested": {"address": {}, "tax_ids": [], "n": 2}}
        assert customers.put_data(ada.id, data).data == {"tier": 1, "nested": {"n": 2}}

    def test_is_replaced_by_the_next_news(self, customers, ada):
        customers.put_data(ada.id, {"tier": 1})
        assert customers.update(ada.id, name="B").data["id"] == ada.processor_id

    def test_refuses_an_older_version_even_where_nothing_would_differ(self, customers, ada):
        customers.put_data(ada.id, {"a": 1}, version=ada.version)
        with pytest.raises(StaleRecord):
            customers.put_data(ada.id, {"a": 1}, version=ada.version)
        with pytest.raises(StaleRecord):
            customers.patch_data(ada.id, {"a": 1}, version=ada.version)

    def test_refuses_what_is_no_json(self, customers, ada):
        with pytest.raises(InvalidValue, match=r"data\.a: expected JSON, got object"):
            customers.put_data(ada.id, {"a": object()})


class TestUpdateTaxLocation:
    def test_tells_the_processor_and_keeps_only_names(self, log, scene, customers, ada):
        customers.update_tax_location(
            ada.id, BERLIN, shipping={**BERLIN, "city": "Canary City"}, phone="+49 555 canary"
        )
        (kept,) = scene.rows("SELECT args FROM commands WHERE kind ~ 'tax_location'")
        assert kept["args"]["fields"] == (
            "address.city,address.country,address.line1,address.postal_code,phone,"
            "shipping.city,shipping.country,shipping.line1,shipping.postal_code"
        )
        stored = everything_stored(scene) + log.text
        assert [word for word in ("anary", "10117 ", "Berlin", "49 555") if word in stored] == []

    def test_passes_the_refusal_on_and_says_it_again_for_the_same_key(
        self, log, scene, customers, ada
    ):
        wrong = {"country": "ZZ", "line1": "Canary Street 7"}
        for _ in range(2):
            with pytest.raises(CustomerTaxLocationInvalid) as caught:
                customers.update_tax_location(ada.id, wrong, key="k")
            assert caught.value.code == "customer_tax_location_invalid"
        assert "anary" not in everything_stored(scene) + log.text + str(caught.value)
        assert customers.get(ada.id).country is None
        assert count(scene, "commands", "kind ~ 'tax_location'") == 1

    def test_refuses_a_key_that_was_used_for_another_place(self, customers, ada):
        customers.update_tax_location(ada.id, BERLIN, key="k")
        with pytest.raises(KeyConflict):
            customers.update_tax_location(ada.id, {**BERLIN, "line1": "Other"}, key="k")

    def test_refuses_a_place_that_is_no_text(self, customers, ada):
        with pytest.raises(UnknownOption, match=r"address: \['country'\]: expected text, got 3"):
            customers.update_tax_location(ada.id, {"country": 3})


class TestDelete:
    def test_deletes_at_the_processor_and_keeps_what_happened(self, scene, customers, ada):
        gone = customers.delete(ada.id, reason="asked for")
        assert gone.deleted
        scene.pace.settle()
        assert customers.get(ada.id) == gone
        assert customers.get_or_create("user", "1") == gone

    def test_is_a_success_when_it_is_done_already(self, scene, customers, ada):
        customers.delete(ada.id, reason="asked for")
        assert customers.delete(ada.id, reason="again").deleted

    def test_ends_subscriptions(self, scene, customers):
        who = scene.subscriber()
        customers.delete(who.customer, reason="asked for")
        (row,) = scene.rows("SELECT status FROM subscriptions")
        assert row["status"] == "canceled"

    def test_wants_a_reason(self, customers, ada):
        with pytest.raises(InvalidValue, match="reason: expected text"):
            customers.delete(ada.id, reason=" ")
