from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from msgspec.structs import fields
from starlette.testclient import TestClient

from recoup import errors, web
from recoup.errors import RecoupError
from recoup.processors.fake.idempotency import Fault
from recoup.web.api import desk, openapi, refusals, threads
from recoup.web.api.desk import Desk
from recoup.web.api.endpoint import Endpoint
from recoup.web.api.nouns import ENDPOINTS

#: What is our own fault wherever it gets out of a request: a 500, with nothing of it told.
OURS = {"RecoupError", "ConfigError", "InvalidPolicy", "InvalidPlans", "IllegalTransition",
        "LostClaim", "StoreError", "Refused", "ProcessorError", "MailError", "MailUnreachable",
        "Undeliverable"}  # fmt: skip

DAY = timedelta(days=1)

KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = :n AND pid <> pg_backend_pid()"
)


def said(answer):
    return answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["message"]


class TestAnError:
    def test_of_ours_has_an_answer_or_is_our_own_fault(self):
        kinds = [k for k in vars(errors).values() if isinstance(k, type)]
        every = {k.__name__: k for k in kinds if issubclass(k, RecoupError)}

        unanswered = {name for name, k in every.items() if refusals.refusal(k("why")) is None}

        assert unanswered == OURS

    @pytest.mark.parametrize(
        ("error", "status", "code", "after"),
        [
            (errors.InvalidMetadata("why"), 422, "invalid_metadata", None),
            (errors.InvalidKey("why"), 400, "invalid_key", None),
            (errors.DuplicatePlan("why"), 409, "duplicate_plan", None),
            (errors.InProgress("why"), 409, "in_progress", "1"),
            (errors.Busy("why", after=2.1), 503, "busy", "3"),
            (errors.Busy("why"), 503, "busy", "5"),
            (errors.Unreachable("why"), 503, "unreachable", "10"),
            (errors.CustomerTaxLocationInvalid("why"), 422, "customer_tax_location_invalid", None),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
    )
    def test_is_answered_by_what_the_caller_can_do(self, error, status, code, after):
        found = refusals.refusal(error)

        assert (found.status, found.code, found.message) == (status, code, "why")
        assert found.headers.get("retry-after") == after

    def test_tells_no_address_and_no_secret(self):
        told = refusals.refusal(errors.Rejected("no: ada@example.com, sk_test_12345678")).message

        assert told == "no: ***@***, ***"


class TestABody:
    @pytest.mark.parametrize(
        ("body", "status", "code", "message"),
        [
            (b"{", 400, "not_json", "the body is not JSON"),
            (b"\xff", 400, "not_json", "the body is not JSON"),
            (b"[" * 60_000, 400, "wrong_field", "Expected `object`, got `array`"),
            (b"[]", 400, "wrong_field", "Expected `object`, got `array`"),
            (b'{"emial": "a"}', 400, "unknown_field", "emial: there is no such field"),
            (b'{"name": 7}', 400, "wrong_field", "name: Expected `str | null`, got `int`"),
            (b'{"name": "a\\u0000b"}', 400, "wrong_field", "name: expected text without NUL"),
            (b'{"name": "a\\nb"}', 422, "invalid_value", None),
            (b'{"time_zone": "Nowhere/Land"}', 422, "invalid_value", None),
            (b" " * (64 * 1024 + 1), 413, "oversize", "a body is at most 64 KiB"),
        ],
        ids=["cut", "bytes", "deep", "list", "unknown", "type", "nul", "line", "zone", "large"],
    )
    def test_that_can_not_be_is_refused_by_name(self, still, body, status, code, message):
        answer = said(still.post("/customers/user:1", body, content_type="application/json"))

        assert answer[:2] == (status, code)
        assert message is None or answer[2] == message

    def test_of_sixty_four_kibibytes_is_read(self, still):
        still.post("/customers", {"owner_type": "user", "owner_id": "1"})
        body = b'{"name": "Ada"}'.ljust(64 * 1024)

        assert still.post("/customers/user:1", body).status_code == 200

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            ({"content_type": "text/plain"}, "not_json"),
            ({"content_encoding": "gzip"}, "encoded"),
        ],
    )
    def test_of_another_kind_is_refused(self, still, headers, code):
        assert said(still.post("/customers", b"{}", **headers))[:2] == (415, code)

    def test_says_when_a_field_is_missing(self, still):
        answer = said(still.post("/customers", {"owner_type": "user"}))

        assert answer[:2] == (400, "wrong_field")
        assert "owner_id" in answer[2]

    @pytest.mark.parametrize("at", ["2026-01-01T00:00:00", "soon", "9999-12-31T00:00:00Z", 5])
    def test_needs_instants_with_a_zone_that_can_be(self, still, at):
        answer = still.post("/subscriptions/1/cancel", {"at": at})

        assert said(answer)[:2] == (400, "wrong_field")


class TestAQuery:
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("after=x", "wrong_parameter"),
            ("after=-1", "wrong_parameter"),
            (f"after={10**18}", "wrong_parameter"),
            ("limit=0", "wrong_parameter"),
            ("limit=101", "wrong_parameter"),
            ("before=1", "unknown_parameter"),
            ("after=1&after=2", "repeated_parameter"),
            ("standing=%00", "wrong_field"),
        ],
    )
    def test_that_can_not_be_is_refused_by_name(self, still, query, code):
        answer = still.get(f"/customers?{query}")

        assert said(answer)[:2] == (400, code)
        assert said(answer)[2].startswith(query.partition("=")[0])

    @pytest.mark.parametrize("query", ["limit=1", "limit=100", f"after={10**18 - 1}"])
    def test_at_its_bounds_is_answered(self, still, query):
        assert still.get(f"/customers?{query}").status_code == 200


class TestAPath:
    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/api/v1/nothing", 404, "not_found"),
            ("GET", "/api/v1", 404, "not_found"),
            ("GET", "/api/v1/customers/", 404, "not_found"),
            ("DELETE", "/api/v1/customers/1", 405, "method_not_allowed"),
            ("GET", "/api/v1/payments/1/refund", 405, "method_not_allowed"),
        ],
    )
    def test_that_is_none_is_refused_as_json(self, still, method, path, status, code):
        answer = still.client.request(method, path)

        assert said(answer)[:2] == (status, code)
        assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]

    @pytest.mark.parametrize(
        "id", ["0", "99", "9" * 40, "cus_none", "a%00b", "-1", "1.5", "%F0%9F"]
    )
    @pytest.mark.parametrize(
        "one", [e for e in ENDPOINTS if "{id}" in e.path], ids=lambda e: e.name
    )
    def test_to_what_is_not_there_is_not_found(self, still, one, id):
        path = one.path.replace("{id}", id)
        needed = {field.name for field in fields(one.takes) if field.required} - {"until"}
        body = dict.fromkeys(needed, "a mistake") or None
        body = {"name": "x"} if one.path == "/customers/{id}" else body
        body = {"prices": [{"price": "p"}]} if path.endswith(("preview", "change")) else body
        if path.endswith("/holds"):
            body = {"reason": "a mistake", "until": (still.scene.now + DAY).isoformat()}
        if path.endswith("/policy"):
            body = {"reason": "a mistake", "policy": "default/1"}

        answer = still.post(path, body) if one.changes else still.get(path)

        assert said(answer)[:2] == (404, "not_found")


class TestACommand:
    def test_needs_a_key_of_its_own(self, still):
        headers = {"authorization": f"Bearer {still.key}"}

        none = still.client.post("/api/v1/payments/1/refund", headers=headers)

        assert said(none)[:2] == (400, "idempotency_key_missing")

    def test_with_a_key_that_can_be_none_is_refused(self, still):
        longest = still.post("/customers/user:1", {"name": "x"}, command="x" * 200)
        longer = still.post("/customers/user:1", {"name": "x"}, command="x" * 201)

        assert longest.status_code == 200
        assert said(longer)[:2] == (400, "invalid_key")

    def test_whose_outcome_is_unknown_is_on_record_and_told_by_the_same_key(self, api):
        who = api.scene.subscriber()
        paid = api.scene.rows("SELECT id FROM attempts LIMIT 1")[0]["id"]
        api.scene.fake.add_fault(Fault("lost_reply", times=1))

        first = api.post(f"/payments/{paid}/refund", command="give back")
        api.scene.live(hours=1)
        again = api.post(f"/payments/{paid}/refund", command="give back")

        assert (first.status_code, first.json()["pending"]["key"]) == (202, "give back")
        assert first.json()["pending"]["code"] == "unreachable"
        assert first.headers["retry-after"] == "10"
        assert (again.status_code, again.json()["customer_id"]) == (
            200,
            api.scene.customer_id(who),
        )
        assert api.scene.violations() == ()


class TestTooMuchAtOnce:
    def test_is_refused_having_done_nothing_and_looking_goes_on(self, api):
        """Writers are all busy and the room before them is full; readers have their own."""
        go = threading.Event()

        def slowly(_):
            go.wait(600)
            return {}

        slow = Endpoint("POST", "/slow", "customers:write", "Wait", slowly, openapi.Problem)
        most = desk.WRITERS + threads.ROOM
        app = web.app(api.scene.recoup)
        mine = Desk(api.scene.recoup, api.scene.recoup.database, [slow])
        app.router.routes.extend(mine.routes())
        header = {"authorization": f"Bearer {api.key}"}
        with (
            TestClient(app, raise_server_exceptions=False) as client,
            ThreadPoolExecutor(most + 1) as senders,
        ):
            posts = [
                senders.submit(client.post, "/api/v1/slow", headers=header)
                for _ in range(most + 1)
            ]
            until = time.monotonic() + 60
            while not any(post.done() for post in posts) and time.monotonic() < until:
                time.sleep(0.02)
            look = client.get("/api/v1/customers", headers=header)
            go.set()
            statuses = sorted(post.result().status_code for post in posts)

        assert look.status_code == 200
        assert statuses.count(503) == 1


class TestADatabase:
    def test_that_was_restarted_is_asked_again(self, api):
        api.get("/customers")
        (name,) = api.rows("SELECT current_database()")[0]
        api.scene.recoup.database.dispose()

        api.rows(KILL, n=name)

        assert api.get("/customers").status_code == 200
