"""Where somebody lives is not kept, whoever tells it; everything else is, byte for byte."""

from __future__ import annotations

import msgspec
import pytest

from recoup.core.billing.requests import UpdateTaxLocation
from recoup.store.inbox.redaction import redacted
from recoup.testing.scene import Scene

BERLIN = {"country": "DE", "line1": "Canary Allee 7", "postal_code": "10999", "city": "Canaria"}


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
