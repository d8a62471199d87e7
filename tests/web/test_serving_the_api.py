from __future__ import annotations

import json
import random
import signal
import string

import httpx
import pytest

BODY = b'{"owner_type": "user", "owner_id": "42", "email": "ada@example.com"}'


@pytest.fixture
def key(place):
    scopes = ["customers:read", "customers:write"]
    words = [word for scope in scopes for word in ("--scope", scope)]
    return json.loads(place.run("keys", "create", "shop", *words, "--json").stdout)["key"]


def url_of(server):
    """As JSON the address stands within a line."""
    return server.said.split("listening on ")[1].split('"')[0].split()[0]


class TestTheServer:
    def test_ends_after_what_is_asked_of_its_api(self, place, key, in_hand):
        server = place.start()
        headers = "Content-Type: application/json", f"Authorization: Bearer {key}"
        request = in_hand(server, "/api/v1/customers", BODY, *headers)
        server.process.send_signal(signal.SIGTERM)
        request.until_nobody_listens()
        answer = request.end()

        assert answer.startswith(b"HTTP/1.1 200")
        assert server.process.wait(60) == 0
        assert place.rows("SELECT owner_id FROM customers") == [("42",)]

    def test_logs_objects_that_name_requests_and_nobody(self, place, key):
        server = place.start(RECOUP_LOG="json")
        header = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        with httpx.Client(base_url=url_of(server), headers=header, timeout=60) as client:
            made = client.post("/api/v1/customers", content=BODY)
        server.stop()

        lines = [json.loads(line) for line in server.said.splitlines()]
        assert all({"ts", "level", "logger", "message"} <= set(line) for line in lines)
        (done,) = [line for line in lines if line.get("request_id")]
        assert done["request_id"] == made.headers["x-request-id"]
        assert (done["key"], done["message"]) == ("key:shop", "POST /api/v1/customers: done")
        for word in ("ada@", key, key.rpartition("_")[2], "42"):
            assert word not in done["message"] + str(done.get("error"))
            assert word == "42" or word not in server.said


class TestTheFigures:
    def test_have_as_many_labels_after_a_thousand_paths_as_before(self, place, key):
        """Every status class of one route is one series, and whatever is no route is one too."""
        server, dice = place.start(), random.Random(1)
        header = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=server.url, headers=header, timeout=60) as client:
            client.get("/api/v1/customers")
            client.get("/api/v1/customers/9")
            client.get("/nowhere")
            client.request("BREW", "/nowhere")
            before = self.series(client)
            for _ in range(500):
                word = "".join(dice.choices(string.ascii_letters + string.digits, k=12))
                client.get(f"/{word}/{word}?{word}={word}")
                client.get(f"/api/v1/customers/{word}")
            after = self.series(client)
        server.stop()

        assert {'route="GET /api/v1/customers/{id}",status="4xx"',
                'route="GET /api/v1/customers",status="2xx"',
                'route="other",status="4xx"'} <= before  # fmt: skip
        assert after - before == {'route="GET /metrics",status="2xx"'}

    def series(self, client):
        name = "recoup_http_seconds_count{"
        lines = client.get("/metrics").text.splitlines()
        return {line[len(name) : line.rindex("}")] for line in lines if line.startswith(name)}
