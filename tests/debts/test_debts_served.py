"""`POST /pay-bad-debt` where people find it: on `recoup serve`, and mounted in a host's own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from recoup import web
from recoup.processors.fake import FakeProcessor
from recoup.processors.fake.payers import Pays
from recoup.store import keys

RECOUP = Path(sys.executable).with_name("recoup")


def owner(request) -> tuple[str, str] | None:
    """Stands for the host's session: a cookie with the host's own name of who it is."""
    user = request.cookies.get("session")
    return ("user", user) if user else None


@pytest.fixture
def key(work, reopened) -> str:
    """A key of the API; whose database it is has nobody else in it."""
    with reopened(work) as debtor:
        recoup = debtor.scene.recoup
        with recoup.database.begin() as connection:
            return keys.create(
                connection, "shop", ["debts:pay"], actor="test", now=recoup.clock.now()
            ).text


@pytest.fixture
def served(work, key, lived, tmp_path) -> Iterator[str]:
    """The address of a `recoup serve` on the debtor's database, with money on the card."""
    with FakeProcessor(work.books) as fake:
        fake.update_method(lived[1].method, payer=Pays())
    shutil.copy(work.books, work.home / "fake.sqlite3")
    log = tmp_path / "serve.log"
    settings = {"RECOUP_DATABASE_URL": work.database_url, "RECOUP_HOME": str(work.home)}
    with log.open("w") as stream:
        process = subprocess.Popen(
            [RECOUP, "serve", "--port", "0"],
            env=os.environ | settings,
            stderr=stream,
            stdout=subprocess.DEVNULL,
        )
    try:
        until = time.monotonic() + 120
        while "startup complete" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield log.read_text().split("listening on ")[1].split()[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


class TestServed:
    def test_charges_with_a_key_and_nothing_without(self, work, served, key, reopened, lived):
        wanted = {"customer": lived[2], "invoices": list(lived[3])}
        with httpx.Client(base_url=served, timeout=60) as client:
            nobody = client.post("/pay-bad-debt", json=wanted)
            client.headers["authorization"] = f"Bearer {key}"
            answers = [client.post("/pay-bad-debt", json=wanted) for _ in range(2)]

        assert nobody.status_code == 401
        assert [one.status_code for one in answers] == [200, 200], answers[0].text
        assert answers[0].json() == answers[1].json()
        assert answers[0].json()["paid"] == {"amount": 9800, "currency": "EUR"}


class TestMounted:
    @pytest.fixture
    def browser(self, debtor) -> Iterator[TestClient]:
        debtor.scene.recoup.customers.link(debtor.id, "user", "42")
        ours = web.app(debtor.scene.recoup, payer_of=owner)
        host = FastAPI(lifespan=ours.router.lifespan_context)
        host.mount("/billing", ours)
        with TestClient(host) as opened:
            yield opened

    def test_charges_whose_session_it_is_by_the_hosts_own_name(self, debtor, browser):
        debtor.with_money()
        wanted = {"customer": "user:42", "invoices": list(debtor.invoices)}

        nobody = browser.post("/billing/pay-bad-debt", json=wanted)
        browser.cookies.set("session", "43")
        stranger = browser.post("/billing/pay-bad-debt", json=wanted)
        assert debtor.charged() == 0
        browser.cookies.set("session", "42")
        answer = browser.post("/billing/pay-bad-debt", json=wanted)

        assert (nobody.status_code, stranger.status_code) == (401, 401)
        assert (answer.status_code, debtor.charged()) == (200, 9800), answer.text

    def test_is_not_at_the_root(self, browser):
        assert browser.post("/pay-bad-debt", json={}).status_code == 404

    def test_counts_tries_wherever_they_come_from(self, debtor, browser):
        wanted = {"customer": debtor.id, "invoices": [debtor.invoices[0]]}
        browser.cookies.set("session", "42")
        for _ in range(3):
            debtor.pay(debtor.invoices[0])

        answers = [browser.post("/billing/pay-bad-debt", json=wanted) for _ in range(3)]

        assert [one.status_code for one in answers] == [200, 200, 429]
