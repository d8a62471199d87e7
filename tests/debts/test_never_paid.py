"""What was closed without money, or taken back, looked at everywhere: nobody says it was paid."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from recoup import web
from recoup.cli import main
from recoup.core.money import Money
from recoup.processors.fake.payers import NO_FUNDS, Declines
from recoup.store import keys
from recoup.testing import events
from recoup.testing.scene import Scene

PRICE = Money(4900, "EUR")
NOTHING = Money(0, "EUR")
EVENTS = ("invoice.paid", "invoice.resolved")


@dataclass
class Closed:
    """A customer of whose invoices each was closed in another way: how -> our id."""

    scene: Scene
    url: str
    customer: int
    invoices: dict[str, int]
    told: list[Any]


def bill(scene: Scene, customer: int) -> int:
    id: int = scene.recoup.invoices.create(customer, [("Set-up", PRICE)]).id
    return id


def credited(scene: Scene, customer: str) -> int:
    """News of an invoice that a credit note brought to nothing."""
    shape = events.invoice(
        "in_credited", customer, status="paid", amount=0, pre_payment_credit_notes_amount=4900
    )
    scene.recoup.ingest([json.dumps(events.event("invoice.paid", shape, id="evt_1")).encode()])
    return int(scene.recoup.invoices.get("in_credited").id)


def charged_back(scene: Scene, customer: int, method: str) -> int:
    paid = scene.recoup.payments.charge(customer, PRICE, description="Export", method=method)
    scene.pace.settle()
    scene.fake.close_dispute(scene.fake.open_dispute(paid.processor_id), won=False)
    scene.pace.settle()
    return int(paid.invoice_id)


def superseded(scene: Scene, customer: int, method: str) -> int:
    scene.fake.update_method(method, payer=Declines(NO_FUNDS))
    before = {one.id for one in scene.recoup.invoices.list(customer=customer)}
    scene.recoup.payments.charge(customer, PRICE, description="Export", method=method)
    scene.pace.settle()
    (made,) = {one.id for one in scene.recoup.invoices.list(customer=customer)} - before
    return int(made)


@pytest.fixture
def closed(database_url, home) -> Iterator[Closed]:
    with Scene.open(database_url, home) as scene:
        recoup, told = scene.recoup, []
        made = recoup.customers.get_or_create("user", "ada", email="ada@example.com")
        method = scene.fake.attach_method(made.processor_id)
        scene.pace.settle()
        lost = charged_back(scene, made.id, method)
        recoup.on(*EVENTS, name="everything")(told.append)
        ways: dict[str, Callable[[int], Any]] = {
            "written_off": lambda one: recoup.dunning.mark_uncollectible(one, reason="gone"),
            "forgiven": lambda one: recoup.dunning.forgive(one, reason="kind"),
            "voided": lambda one: recoup.invoices.void(one, reason="mistake"),
            "paid_out_of_band": lambda one: recoup.invoices.mark_paid_out_of_band(one, reason="x"),
        }
        invoices = {how: bill(scene, made.id) for how in ways}
        for how, close in ways.items():
            close(invoices[how])
        invoices["superseded"] = superseded(scene, made.id, method)
        invoices["credited"] = credited(scene, made.processor_id)
        scene.pace.settle()
        yield Closed(scene, database_url, made.id, {**invoices, "lost": lost}, told)
        assert scene.violations() == ()


def cli(closed: Closed, *words: str) -> str:
    home = closed.scene.recoup.config.home
    env = {"RECOUP_DATABASE_URL": closed.url, "RECOUP_HOME": str(home), "COLUMNS": "200"}
    done = CliRunner().invoke(main, words, env=env)
    assert done.exit_code == 0, done.output
    return done.stdout


def words(document: Any) -> Iterator[str]:
    """Every text of a document, whatever it is the value of."""
    if isinstance(document, dict | list):
        for one in document.values() if isinstance(document, dict) else document:
            yield from words(one)
    elif isinstance(document, str):
        yield document


def says_paid(document: Any) -> list[str]:
    """The texts that say of something that it was paid; out of band is no money of ours."""
    return [
        text
        for text in words(document)
        if re.search(r"\bpaid\b", re.sub(r"paid[ _]out[ _]of[ _]band", "", text))
    ]


class TestWhatWasClosedWithoutMoney:
    def test_is_resolved_for_every_verb(self, closed):
        lost = closed.invoices.pop("lost")
        for how, id in closed.invoices.items():
            one = closed.scene.recoup.invoices.get(id)
            assert (one.outcome, one.resolved_as, one.paid_by) == ("resolved", how, None)
            assert (one.paid, says_paid([one.status])) == (NOTHING, []), how

        again = closed.scene.recoup.invoices.get(lost)
        assert (again.outcome, again.status, again.paid_by) == ("overdue", "open", None)

    def test_is_not_paid_on_the_command_line(self, closed):
        listed = json.loads(cli(closed, "invoices", "list", "--json"))
        assert {one["id"] for one in listed["invoices"]} == set(closed.invoices.values())
        assert says_paid(listed) == []
        for id in closed.invoices.values():
            shown = cli(closed, "invoices", "show", str(id))
            assert says_paid(re.findall(r"(?m)^(?:status|outcome|resolved as) .*$", shown)) == []
            assert says_paid(json.loads(cli(closed, "invoices", "show", str(id), "--json"))) == []

    def test_is_not_paid_in_the_explanation(self, closed):
        explained = json.loads(cli(closed, "explain", str(closed.customer), "--all", "--json"))

        # That money came once, before the bank took it back, is history.
        assert says_paid(explained) == ["Invoice in_fake_000001: open → paid."]
        told = " ".join(words(explained["story"]))
        for how in closed.invoices.keys() - {"lost"}:
            assert f" {how.replace('_', ' ')}." in told

    def test_is_not_paid_for_the_api(self, closed):
        recoup = closed.scene.recoup
        with recoup.database.begin() as connection:
            scopes = ("customers:read", "invoices:read")
            key = keys.create(connection, "x", scopes, actor="t", now=recoup.clock.now()).text
        with TestClient(web.app(recoup), headers={"authorization": f"Bearer {key}"}) as client:
            listed = client.get("/api/v1/invoices").json()
            each = [client.get(f"/api/v1/invoices/{id}").json() for id in closed.invoices.values()]

        assert len(listed["data"]) == len(each) == 7
        assert says_paid([listed, each]) == []

    def test_is_told_as_resolved_with_how_in_the_end(self, closed):
        assert {event.type for event in closed.told} == {"invoice.resolved"}
        assert says_paid([dict(event.data) for event in closed.told]) == []
        last = {event.subject_id: event.data["resolved_as"] for event in closed.told}
        del closed.invoices["lost"]
        assert last == {id: how for how, id in closed.invoices.items()}
