from __future__ import annotations

from pathlib import Path

from openapi_spec_validator import validate

from recoup.web import pay
from recoup.web.api import openapi
from recoup.web.api.nouns import ENDPOINTS

ROOT = Path(__file__).parents[3]


class TestTheDocument:
    def test_is_openapi_and_served_to_everybody(self, still):
        answer = still.client.get("/api/v1/openapi.json")

        assert answer.json() == openapi.document((*ENDPOINTS, pay.ENDPOINT))
        validate(answer.json())

    def test_has_every_endpoint_with_its_scope(self):
        paths = openapi.document(ENDPOINTS)["paths"]

        told = {
            (method.upper(), path, operation["security"][0]["key"][0])
            for path, methods in paths.items()
            for method, operation in methods.items()
        }

        assert told == {(one.method, one.route, one.scope) for one in ENDPOINTS}

    def test_names_every_endpoint_once(self):
        paths = openapi.document(ENDPOINTS)["paths"]
        names = [one["operationId"] for methods in paths.values() for one in methods.values()]

        assert len(names) == len(set(names)) == len(ENDPOINTS)

    def test_says_of_what_reads_that_it_takes_no_body(self):
        for one in ENDPOINTS:
            operation = openapi.document(ENDPOINTS)["paths"][one.route][one.method.lower()]

            assert "requestBody" not in operation or one.changes

    def test_has_the_errors_that_the_page_has(self):
        assert openapi.errors_table() in (ROOT / "docs/api.md").read_text()
