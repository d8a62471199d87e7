"""The same deliveries to each framework: as they are, forged, too large, by other methods."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import pytest
from sqlalchemy import text

from recoup import Recoup
from recoup.config import Config
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import START
from recoup.testing import events
from recoup.webhooks.signature import sign

PATH = "/webhooks/stripe"
SECRET = "whsec_of_the_tests_0001"
MEBIBYTE = 2**20
#: Odd on purpose: blanks, an escape, a line's end, a byte order of its own. It must come through.
BODY = b'{ "id": "evt_1",\r\n "type": "caf\\u00e9", "created": 1, "n": "\xc3\xbc" }\n'


@pytest.fixture
def recoup(database_url, home):
    home.mkdir()
    config = Config.load(database_url=database_url, home=home, stripe_webhook_secrets=SECRET)
    with Recoup(config, clock=TestClock(START)) as made:
        yield made


@pytest.fixture
def fastapi(recoup):
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from recoup.integrations.fastapi import webhooks

    api = FastAPI()
    api.include_router(webhooks(recoup))
    with TestClient(api, follow_redirects=False) as client:

        def call(method, body, headers):
            answer = client.request(method, PATH, content=body, headers=headers)
            return SimpleNamespace(status=answer.status_code, body=answer.content)

        yield call


@pytest.fixture
def flask(recoup):
    from flask import Flask, request

    from recoup.integrations.flask import webhooks

    site = Flask("host")
    site.register_blueprint(webhooks(recoup))

    @site.before_request
    def look():
        """Hosts do: the body must still be there afterwards."""
        request.get_json(silent=True)

    def call(method, body, headers):
        answer = site.test_client().open(PATH, method=method, data=body, headers=headers)
        return SimpleNamespace(status=answer.status_code, body=answer.data)

    return call


@pytest.fixture
def django(recoup, django_site):
    from django.test import Client, override_settings
    from django.urls import path

    from recoup.integrations.django import webhooks

    site = ModuleType("site_with_webhooks")
    site.urlpatterns = [path(PATH[1:], webhooks(recoup))]
    csrf = "django.middleware.csrf.CsrfViewMiddleware"
    with override_settings(ROOT_URLCONF=site, ALLOWED_HOSTS=["testserver"], MIDDLEWARE=[csrf]):
        client = Client(enforce_csrf_checks=True)

        def call(method, body, headers):
            answer = client.generic(method, PATH, body, "application/json", headers=headers)
            return SimpleNamespace(status=answer.status_code, body=answer.content)

        yield call


@pytest.fixture(params=["fastapi", "flask", "django"])
def call(request):
    return request.getfixturevalue(request.param)


def signed(body, secret=SECRET):
    return {
        "Stripe-Signature": sign(body, secret, at=START),
        "Content-Type": "application/json",
    }


def kept(recoup):
    with recoup.database.connect() as connection:
        rows = connection.execute(text("SELECT raw FROM inbox ORDER BY id"))
        return [bytes(raw) for (raw,) in rows]


class TestAHost:
    def test_takes_in_the_very_bytes_that_came(self, call, recoup):
        answers = [call("POST", BODY, signed(BODY)) for _ in range(2)]

        assert [answer.status for answer in answers] == [200, 200]
        assert answers[0].body == b'{"status":"received"}'
        assert kept(recoup) == [BODY]

    def test_has_them_absorbed_by_its_worker(self, call, recoup):
        told = events.event("customer.created", events.customer("cus_1"), id="evt_1")
        body = events.line(told)

        assert call("POST", body, signed(body)).status == 200
        recoup.worker().drain()

        with recoup.database.connect() as connection:
            found = connection.scalar(text("SELECT processor_id FROM customers"))
        assert found == "cus_1"

    def test_refuses_what_another_has_signed_or_nobody(self, call, recoup):
        for headers in (signed(BODY, "whsec_of_somebody_else"), signed(BODY + b" "), {}):
            answer = call("POST", BODY, headers)
            assert answer.status == 400
            assert b"signature_" in answer.body
        assert kept(recoup) == []

    def test_refuses_what_is_larger_than_a_mebibyte(self, call, recoup):
        filled = BODY + b" " * (MEBIBYTE - len(BODY))

        assert call("POST", filled + b" ", signed(filled + b" ")).status == 413
        assert call("POST", filled, signed(filled)).status == 200
        assert kept(recoup) == [filled]

    @pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
    def test_answers_no_other_method(self, call, recoup, method):
        assert call(method, BODY, signed(BODY)).status == 405
        assert kept(recoup) == []

    def test_makes_the_sender_come_again_when_nothing_can_be_kept(self, call, recoup):
        with recoup.database.begin() as connection:
            connection.execute(text("ALTER TABLE inbox RENAME TO elsewhere"))

        answer = call("POST", BODY, signed(BODY))

        assert answer.status == 503
        assert b"elsewhere" not in answer.body
        assert b"inbox" not in answer.body
