from __future__ import annotations

from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from recoup import web
from recoup.store import keys
from recoup.store.keys import SCOPES
from recoup.web import pay
from recoup.web.api import openapi
from recoup.web.api.nouns import ENDPOINTS

ROOT = Path(__file__).parents[3]


#: What a key may open; one of it is not below /api/v1.
EVERY = (*ENDPOINTS, pay.ENDPOINT)
_numbers = count(1)


def asked(api, one, key):
    headers = {"authorization": f"Bearer {key}", "idempotency-key": f"asked-{next(_numbers)}"}
    path = one.route.replace("{id}", "1")
    if one.changes:
        return api.client.post(path, headers=headers, json={})
    return api.client.get(path, headers=headers)


def denials(api):
    return api.rows("SELECT key_id, endpoint, reason, times FROM api_denials ORDER BY 1, 2, 3")


class TestAScope:
    def test_opens_its_endpoints_and_no_other(self, api):
        """Every endpoint with every scope: the right one alone is let in, the others are 403."""
        held = {scope: api.key_for(scope) for scope in SCOPES}

        let_in = {
            (f"{one.method} {one.path}", scope)
            for one in EVERY
            for scope, key in held.items()
            if asked(api, one, key).status_code != 403
        }

        assert let_in == {(f"{one.method} {one.path}", one.scope) for one in EVERY}

    def test_is_of_some_endpoint(self):
        assert {one.scope for one in EVERY} == set(SCOPES)

    def test_to_read_is_of_what_reads_and_to_write_of_what_writes(self):
        for one in EVERY:
            assert one.scope.endswith((":write", ":pay") if one.changes else ":read"), one.name

    def test_is_in_the_documents_as_it_is(self):
        page = (ROOT / "docs/api.md").read_text()

        assert openapi.table(ENDPOINTS) in page
        for scope, words in SCOPES.items():
            assert f"| `{scope}` | {words} |" in page


class TestAKey:
    @pytest.mark.parametrize(
        "header",
        [
            {},
            {"authorization": ""},
            {"authorization": "Bearer"},
            {"authorization": "Basic cms6cms="},
            {"authorization": "Bearer rk_1_" + "a" * 32},
            {"authorization": "Bearer rk_99_" + "a" * 32},
            {"authorization": "Bearer rk_1_"},
            {"authorization": "Bearer " + "x" * 5000},
            {"authorization": "Bearer rk_0x1_" + "a" * 32},
        ],
        ids=["none", "empty", "bare", "basic", "wrong", "unknown", "short", "long", "odd"],
    )
    def test_that_is_not_valid_is_told_the_same_whatever_is_wrong_with_it(self, api, header):
        answer = api.client.get("/api/v1/customers", headers=header)

        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
        assert answer.json()["error"]["message"] == "a key that is valid is needed"
        assert answer.headers["www-authenticate"] == "Bearer"

    def test_that_is_revoked_opens_nothing_at_once_in_every_process(self, api):
        from starlette.testclient import TestClient

        key = api.key_for("customers:read", name="leaver")
        recoup = api.scene.recoup
        header = {"authorization": f"Bearer {key}"}
        with TestClient(web.app(recoup)) as other:
            before = [c.get("/api/v1/customers", headers=header) for c in (api.client, other)]
            with recoup.database.begin() as connection:
                keys.revoke(connection, "leaver", actor="test", now=api.scene.now)
            after = [c.get("/api/v1/customers", headers=header) for c in (api.client, other)]

        assert [answer.status_code for answer in before] == [200, 200]
        assert [answer.status_code for answer in after] == [401, 401]

    def test_ends_at_its_very_instant(self, api):
        ends = api.scene.now + timedelta(minutes=1)
        key = api.key_for("customers:read", expires_at=ends)

        api.scene.clock.set(ends - timedelta(microseconds=1))
        before = api.get("/customers", key=key)
        api.scene.clock.set(ends)
        at = api.get("/customers", key=key)

        assert (before.status_code, at.status_code) == (200, 401)

    def test_is_noted_as_used_once_a_minute_at_most(self, api):
        key = api.key_for("customers:read", name="coarse")
        begun, seen = api.scene.now, []

        for seconds in (0, 59, 60, 61):
            api.scene.clock.set(begun + timedelta(seconds=seconds))
            api.get("/customers", key=key)
            seen += api.rows("SELECT last_used_at FROM api_keys WHERE name = 'coarse'")

        used = [int((at - begun).total_seconds()) for (at,) in seen]
        assert used == [0, 0, 60, 60]

    def test_is_in_no_row(self, api):
        key = api.key_for("customers:read")
        secret = key.rpartition("_")[2]
        api.get("/customers", key=key)
        api.post("/customers", {"owner_type": "user", "owner_id": "1"}, key=key)

        for (name,) in api.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'recoup'"):
            whole = api.rows(
                f'SELECT count(*) FROM "{name}" t WHERE t::text LIKE :s', s=f"%{secret}%"
            )
            assert whole == [(0,)], name


class TestADeniedChange:
    def test_is_recorded_with_its_reason_and_by_the_hour(self, api):
        reader = api.key_for("customers:read")
        gone = api.key_for("payments:write", name="gone")
        with api.scene.recoup.database.begin() as connection:
            keys.revoke(connection, "gone", actor="test", now=api.scene.now)

        for _ in range(3):
            last = api.post("/payments/1/refund", key=reader)
        api.post("/payments/1/refund", key=gone)
        api.post("/payments/1/refund", key="rk_1_" + "a" * 32)
        api.post("/payments/1/refund", key="nonsense")
        api.client.post("/api/v1/payments/1/refund")

        ids = {key: int(key.split("_")[1]) for key in (reader, gone)}
        refund = "POST /api/v1/payments/{id}/refund"
        assert denials(api) == [
            (0, refund, "malformed", 1),
            (0, refund, "missing", 1),
            (0, refund, "unknown", 1),
            (ids[reader], refund, "scope", 3),
            (ids[gone], refund, "revoked", 1),
        ]
        assert last.json()["error"]["message"] == (
            "this key may not do that: it has not payments:write"
        )
        assert api.rows("SELECT last_request FROM api_denials WHERE reason = 'scope'") == [
            (last.headers["x-request-id"],)
        ]

    def test_of_looking_is_not(self, api):
        api.get("/payments", key=api.key_for("customers:read"))

        assert denials(api) == []

    def test_is_forgotten_in_time(self, api):
        api.client.post("/api/v1/customers")
        database = api.scene.recoup.database
        for after, left in ((0, 1), (1, 0)):
            with database.begin() as connection:
                keys.prune(connection, api.scene.now + timedelta(microseconds=after))
            assert len(denials(api)) == left
