"""No request makes a 5xx: shaped like what the document says, or like nothing at all."""

from __future__ import annotations

import json
from typing import get_args
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recoup.core.money import Money
from recoup.web.api.nouns import ENDPOINTS

#: What is likely to be taken for something, or to lie just beyond what can be.
ODD = [
    "", "0", "1", "now", "period_end", "void", "none", "create", "invoice_now", "EUR", "user:1",
    "requested", "duplicate", "customer", "2026-06-01T00:00:00Z", "2199-12-31T23:59:59Z",
    "1970-01-02T00:00:00+14:00", "Europe/Berlin", "de", "a@example.com", "\0", "ß" * 600,
    0, 1, -1, 730, 2**31, 2**63 - 1, 2**63, 10**30, 1.5, True, False, None,
]  # fmt: skip
anything = st.recursive(
    st.one_of(st.sampled_from(ODD), st.text(max_size=8), st.integers(), st.floats()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def like(type, things, odds=8):
    """Objects with fields of `type`: most with what they may hold, one in `odds` with anything."""
    made = {}
    for field in msgspec.structs.fields(type):
        fitting = [thing for thing in things if fits(thing, field.type)]
        right = [nested(one, things) for one in structs_in(field.type)]
        if "metadata" in field.name:
            right.append(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
        if fitting:
            right.append(st.sampled_from(fitting))
        made[field.encode_name, field.required] = weighted(st.one_of(right), odds)
    needed = {name: one for (name, required), one in made.items() if required}
    return st.fixed_dictionaries(needed, optional={n: o for (n, r), o in made.items() if not r})


def weighted(right, odds):
    return st.integers(1, odds).flatmap(lambda n: anything if n == odds else right)


def fits(thing, type):
    try:
        msgspec.convert(thing, type)
    except msgspec.ValidationError:
        return False
    return True


def structs_in(hint):
    """The structs that a type is, or is a tuple of, and whether it is a tuple."""
    inner = [hint, *get_args(hint)]
    deeper = [each for one in inner for each in get_args(one)]
    for one in {*inner, *deeper, *[each for d in deeper for each in get_args(d)]}:
        if isinstance(one, type(msgspec.Struct)):
            yield one, "tuple" in repr(hint)


def nested(found, things):
    struct, several = found
    one = like(struct, things, odds=30)
    return st.lists(one, min_size=1, max_size=2) if several else one


@pytest.fixture(scope="module")
def things(still):
    """What there is in the shop, by its names, with everything else that may stand in a field."""
    fake = still.scene.fake
    price = fake.create_price(Money(4900, "EUR"))
    who = still.scene.subscriber()
    bill = still.scene.recoup.invoices.create(who.customer, [("Work", Money(900, "EUR"))])
    names = [price, who.customer, who.method, who.subscription, str(bill.id), "1", "2", "user:1"]
    (paid,) = still.rows("SELECT id FROM attempts LIMIT 1")[0]
    return [*names, str(paid), *ODD]


@st.composite
def request_of(draw, things):
    one = draw(st.sampled_from(ENDPOINTS))
    values = st.sampled_from(things)
    noun = {"customers": [1, 2, 3], "subscriptions": [1, 2], "payments": [2, 1, 3]}
    likely = st.sampled_from(noun.get(one.path.split("/")[1], [1, 2]))
    id = draw(st.one_of(likely.map(str), values.map(str), st.text(max_size=12)))
    path = one.path.replace("{id}", quote(id, safe="") or "0")
    query = draw(st.one_of(st.just({}), like(one.query, things, odds=30)))
    body = draw(weighted(like(one.takes, things, odds=30), 20)) if one.changes else None
    texts = st.text(alphabet="ab ~é", max_size=3)
    key = draw(st.one_of(st.uuids().map(str), st.uuids().map(str), texts))
    return one, path, query, body, key.encode()


class TestARequest:
    @pytest.mark.parametrize("examples", [400, pytest.param(8000, marks=pytest.mark.long)])
    def test_never_makes_a_5xx_nor_breaks_anything(self, still, things, examples):
        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(request_of(things))
        def run(drawn):
            one, path, query, body, key = drawn
            headers = {
                "authorization": f"Bearer {still.key}",
                "idempotency-key": key,
                "content-type": "application/json",
            }
            answer = still.client.request(
                one.method,
                f"/api/v1{path}",
                headers=headers,
                params={name: str(value) for name, value in query.items()} or None,
                content=None if body is None else json.dumps(body).encode(),
            )
            assert answer.status_code < 500, (answer.text, drawn)
            is_file = one.file and answer.status_code == 200
            wanted = "application/pdf" if is_file else "application/json"
            assert answer.headers["content-type"] == wanted

        run()

        assert still.scene.violations() == ()
