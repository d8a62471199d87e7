"""Where somebody lives is not kept, whoever tells it; everything else is, byte for byte."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.billing.requests import UpdateTaxLocation
from recoup.processors.stripe.reader import read
from recoup.store.inbox import redaction
from recoup.testing import events
from recoup.testing.scene import Scene

BERLIN = {"country": "DE", "line1": "Canary Allee 7", "postal_code": "10999", "city": "Canaria"}

ADDRESSES = ("address", "customer_address", "account_address")
NOTHING = {"phone", "customer_phone", "shipping", "customer_shipping", "client_secret"}
EMPTY = {"tax_ids", "customer_tax_ids", "account_tax_ids"}
NAMES = [*ADDRESSES, *NOTHING, *EMPTY, "country", "line1", "city", "state", "metadata", "id", "ü"]

LEAVES = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", 'phone":"', "é"])
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=25,
)
EVENTS = st.dictionaries(st.sampled_from(NAMES), TREES, max_size=5)


def redacted(raw: bytes) -> bytes:
    return redaction.redacted(raw, msgspec.json.decode(raw))


def plainly(value: Any) -> Any:
    """What is to be left of a value, said as plainly as can be."""
    if isinstance(value, list):
        return [plainly(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: plainly(left(name, each)) for name, each in value.items()}


def left(name: str, value: Any) -> Any:
    if not value:
        return value
    if name in NOTHING | EMPTY:
        return [] if name in EMPTY else None
    if isinstance(value, dict) and name in ADDRESSES:
        return {part: each if part == "country" else None for part, each in value.items()}
    if isinstance(value, dict) and name == "metadata":
        return {key: each for key, each in value.items() if key not in NOTHING | EMPTY}
    return value


def event(object_: dict[str, object], **data: object) -> bytes:
    return msgspec.json.encode({"id": "evt_1", "data": {"object": object_, **data}})


def kept(object_: dict[str, object]) -> dict[str, object]:
    return msgspec.json.decode(redacted(event(object_)))["data"]["object"]


class TestWhatIsKept:
    def test_is_every_byte_of_an_event_that_tells_no_place(self):
        raw = b'{ "id" : "evt_1", "data": {"object": {"address": {"country": "DE", "city":null}}}}'

        assert redacted(raw) is raw

    @pytest.mark.parametrize("name", ["address", "customer_address", "account_address"])
    def test_of_an_address_is_its_country(self, name):
        assert kept({name: BERLIN})[name] == {
            "country": "DE", "line1": None, "postal_code": None, "city": None,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("name", "value", "left"),
        [
            ("phone", "+49 30 1", None),
            ("customer_phone", "+49 30 1", None),
            ("client_secret", "pi_1_secret_2", None),
            ("shipping", {"name": "Ada", "address": BERLIN}, None),
            ("customer_shipping", {"name": "Ada"}, None),
            ("customer_tax_ids", [{"type": "eu_vat", "value": "DE1"}], []),
            ("tax_ids", {"data": [{"value": "DE1"}]}, []),
        ],
    )
    def test_is_nothing_of_other_ways_to_find_somebody(self, name, value, left):
        assert kept({name: value, "id": "cus_1"}) == {name: left, "id": "cus_1"}

    def test_is_no_place_inside_of_other_things_either(self):
        deep = {"billing_details": {"address": BERLIN, "phone": "1"}, "lines": [{"shipping": {}}]}

        assert b"Canar" not in redacted(event(deep, previous_attributes={"address": BERLIN}))
        assert kept(deep)["billing_details"]["address"]["country"] == "DE"

    @pytest.mark.parametrize(
        "raw",
        [
            pytest.param(b'{"address": {"city" : "Canaria"}}', id="with spaces"),
            pytest.param(b'{"\\u0070hone": "Canary"}', id="behind a code"),
            pytest.param(b'{"client_secret": "Canary", "client_secret": 0}', id="a secret, twice"),
            pytest.param(b'{"phone": "Canary", "phone": null}', id="where a name is there twice"),
            pytest.param(b'{"customer_address": {"line3": "Canary"}}', id="in an unknown part"),
        ],
    )
    def test_is_no_place_however_it_is_written(self, raw):
        assert b"anar" not in redacted(raw)

    def test_of_metadata_is_still_a_map_of_texts_that_can_be_read(self):
        metadata = {"phone": "+49 30 1", "shipping": "express", "tier": "gold"}
        told = events.event(
            "customer.updated", events.customer("cus_1", metadata=metadata), id="evt_1"
        )

        (fact,) = read(msgspec.json.decode(redacted(events.line(told)))).facts

        assert fact.metadata == {"tier": "gold"}

    @given(EVENTS)
    def test_is_what_a_plain_look_at_everything_leaves(self, told):
        raw, expected = msgspec.json.encode(told), plainly(told)

        after = redaction.redacted(raw, told)

        assert after == msgspec.json.encode(expected)
        assert told == expected

    @given(EVENTS)
    def test_of_what_is_kept_is_all(self, told):
        once = redacted(msgspec.json.encode(told))

        assert redacted(once) == once


class TestATaxLocation:
    def test_reaches_the_processor_and_no_table(self, database_url, tmp_path):
        with Scene.open(database_url, tmp_path) as scene:
            ada = scene.subscriber()
            scene.fake.ask(UpdateTaxLocation(ada.customer, BERLIN, phone="+49 Canary"), key="k")
            scene.pace.settle()
            bodies = [body for _, body in scene.fake.events(limit=10_000)]
            stored = scene.rows("SELECT raw FROM inbox")

            assert any(b"Canary" in body for body in bodies)
            assert len(stored) == len(bodies)
            assert not any(b"anar" in bytes(row["raw"]) for row in stored)
