"""`POST /pay-bad-debt`: who may, what it answers, and that it charges once."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from recoup import web
from recoup.processors.fake.payers import Declines, Refusal
from recoup.store import keys

PATH = "/pay-bad-debt"


def whose(request: Any) -> str | None:
    """Stands for the host's session: a cookie with the processor's id of the customer."""
    user: str | None = request.cookies.get("session")
    if user == "broken":
        raise RuntimeError("the session store is down")
    return user


@pytest.fixture
def client(debtor):
    with TestClient(web.app(debtor.scene.recoup, payer_of=whose)) as opened:
        yield opened


@pytest.fixture
def key(scene):
    def made(*scopes: str) -> dict[str, str]:
        recoup = scene.recoup
        with recoup.database.begin() as connection:
            text = keys.create(
                connection, "-".join(scopes).replace(":", "-"), scopes,
                actor="test", now=recoup.clock.now(),
            ).text  # fmt: skip
        return {"authorization": f"Bearer {text}"}

    return made


@pytest.fixture
def body(debtor):
    return {"customer": debtor.id, "invoices": list(debtor.invoices)}


@pytest.fixture
def session(debtor):
    return {"cookie": f"session={debtor.who.customer}"}


class TestPayingBadDebtWithAKey:
    def test_of_its_scope_charges_and_shows_what_came(self, client, debtor, key, body):
        debtor.with_money()
        wanted = {**body, "expected_amount": 9800, "currency": "EUR"}

        answer = client.post(PATH, json=wanted, headers=key("debts:pay"))

        assert answer.status_code == 200, answer.text
        made = answer.json()
        assert made["paid"] == {"amount": 9800, "currency": "EUR"}
        assert [one["payment"]["outcome"] for one in made["charges"]] == ["succeeded"] * 2
        assert debtor.charged() == 9800

    def test_pressed_again_charges_nothing_more(self, client, debtor, key, body):
        debtor.with_money()
        opens = key("debts:pay")

        answers = [client.post(PATH, json=body, headers=opens).json() for _ in range(3)]

        assert answers[0] == answers[1] == answers[2]
        assert debtor.charged() == 9800

    def test_of_another_scope_is_forbidden(self, client, debtor, key, body):
        debtor.with_money()

        answer = client.post(PATH, json=body, headers=key("debts:write", "invoices:write"))

        assert (answer.status_code, debtor.charged()) == (403, 0)

    def test_is_named_in_the_ledger(self, client, debtor, key, body):
        debtor.with_money()

        client.post(PATH, json=body, headers=key("debts:pay"))

        entries = "SELECT DISTINCT actor FROM ledger_entries WHERE type = 'attempt.intended'"
        assert {"actor": "key:debts-pay"} in debtor.scene.rows(entries)


class TestARehearsalWithAKey:
    def test_says_what_would_be_charged_and_charges_nothing(self, client, debtor, key, body):
        debtor.with_money()
        opens = key("debts:pay")
        wanted = {**body, "reason": "they called", "dry_run": True}

        answer = client.post(PATH, json=wanted, headers=opens)

        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told["dry_run"], told["method"]) == (True, debtor.who.method)
        assert told["amount"] == {"amount": 9800, "currency": "EUR"}
        assert told["changes"] == list(debtor.pay(dry_run=True).changes)
        assert told["why"][0].startswith("nothing forbids it")
        assert (debtor.charged(), debtor.left()) == (0, [None, None])
        assert debtor.scene.rows("SELECT FROM commands") == []

    def test_then_charges_with_the_reason_on_record(self, client, debtor, key, body):
        debtor.with_money()

        client.post(PATH, json={**body, "reason": "they called"}, headers=key("debts:pay"))

        rows = debtor.scene.rows("SELECT actor, args ->> 'reason' AS why FROM commands")
        assert {(row["actor"], row["why"]) for row in rows} == {("key:debts-pay", "they called")}
        assert debtor.charged() == 9800

    def test_is_refused_as_the_payment_would_be(self, client, debtor, key, body):
        wanted = {**body, "expected_amount": 1, "currency": "EUR", "dry_run": True}

        answer = client.post(PATH, json=wanted, headers=key("debts:pay"))

        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "amount_differs")


class TestPayingBadDebtInTheHostsSession:
    def test_charges_whose_session_it_is(self, client, debtor, session, body):
        debtor.with_money()

        answer = client.post(PATH, json=body, headers=session)

        assert answer.status_code == 200, answer.text
        assert debtor.charged() == 9800

    def test_is_nobodys_without_a_session(self, client, debtor, body):
        assert client.post(PATH, json=body).status_code == 401
        assert client.post(PATH, json=body, headers={"cookie": "session="}).status_code == 401
        assert debtor.charged() == 0

    def test_is_nobodys_where_the_host_can_not_say(self, client, body):
        answer = client.post(PATH, json=body, headers={"cookie": "session=broken"})

        assert answer.status_code == 401

    def test_of_another_customer_is_as_if_there_were_none(self, scene, client, debtor, session):
        other = scene.customer_id(scene.subscriber())
        wanted = {"customer": other, "invoices": list(debtor.invoices)}
        nobody = {**wanted, "customer": 404_404}

        answers = [client.post(PATH, json=one, headers=session) for one in (wanted, nobody)]

        assert [one.status_code for one in answers] == [404, 404]
        codes = {one.json()["error"]["code"] for one in answers}
        assert codes == {"not_found"}

    def test_of_another_customers_invoice_is_as_if_there_were_none(
        self, scene, client, debtor, session
    ):
        other = scene.customer_id(scene.subscriber())
        theirs = scene.recoup.invoices.list(customer=other)[0].id
        asked = ({"customer": debtor.id, "invoices": [id]} for id in (theirs, 404_404))

        answers = [client.post(PATH, json=one, headers=session) for one in asked]

        told = [{**one.json()["error"], "request_id": ""} for one in answers]
        assert told[0] == told[1]
        assert told[0]["code"] == "unknown_invoice"

    def test_opens_nothing_else(self, client, debtor, session):
        answer = client.get(f"/api/v1/customers/{debtor.id}", headers=session)

        assert answer.status_code == 401

    def test_is_not_taken_from_another_site(self, client, debtor, session, body):
        debtor.with_money()
        across = {**session, "sec-fetch-site": "cross-site"}

        assert client.post(PATH, json=body, headers=across).status_code == 403
        form = client.post(PATH, content=b"{}", headers=session)
        assert form.status_code == 415
        assert debtor.charged() == 0

    def test_does_not_tell_why_a_bank_refused(self, scene, client, debtor, session, body):
        payer = Declines(Refusal("stolen_card"))
        scene.fake.update_method(debtor.who.method, payer=payer)

        answer = client.post(PATH, json=body, headers=session)

        (tried, _) = answer.json()["charges"]
        assert tried["payment"]["outcome"] == "declined"
        assert "stolen" not in answer.text

    def test_rehearsed_tells_what_it_comes_to_and_nothing_of_the_rules(
        self, client, debtor, session, body
    ):
        answer = client.post(PATH, json={**body, "dry_run": True}, headers=session)

        told = answer.json()
        assert told["amount"] == {"amount": 9800, "currency": "EUR"}
        assert [one["amount"]["amount"] for one in told["charges"]] == [4900, 4900]
        assert (told["changes"], told["why"], told["failed"]) == ([], [], None)
        assert (debtor.charged(), debtor.left()) == (0, [None, None])

    def test_needs_no_reason_and_takes_none(self, client, debtor, session, body):
        wanted = {**body, "reason": "please"}

        answer = client.post(PATH, json=wanted, headers=session)

        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_value")
        assert debtor.charged() == 0

    def test_is_told_when_too_often(self, debtor, client, session):
        wanted = {"customer": debtor.id, "invoices": [debtor.invoices[0]]}

        answers = [client.post(PATH, json=wanted, headers=session) for _ in range(6)]

        assert [one.status_code for one in answers] == [200] * 5 + [429]
        assert answers[-1].json()["error"]["code"] == "too_many_tries"
        assert 0 < int(answers[-1].headers["retry-after"]) <= 3600


class TestWhatIsRefused:
    """Typed like every error of the API."""

    @pytest.mark.parametrize(
        ("wanted", "status", "code"),
        [
            pytest.param({"invoices": []}, 422, "nothing_named", id="nothing named"),
            pytest.param({"invoices": [404_404]}, 404, "unknown_invoice", id="unknown"),
            pytest.param({"invoices": [1]}, 409, "debt_settled", id="paid already"),
            pytest.param(
                {"expected_amount": 1, "currency": "EUR"}, 409, "amount_differs", id="amount"
            ),
            pytest.param({"expected_amount": 9800}, 422, "invalid_value", id="no currency"),
            pytest.param({"customer": 404_404}, 404, "not_found", id="no customer"),
            pytest.param({"amount": 1}, 400, "unknown_field", id="unknown field"),
        ],
    )
    def test_has_its_own_code(self, client, debtor, key, body, wanted, status, code):
        answer = client.post(PATH, json={**body, **wanted}, headers=key("debts:pay"))

        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert debtor.charged() == 0

    def test_is_a_get(self, client, session):
        assert client.get(PATH, headers=session).status_code == 405


class TestTheApi:
    def test_lists_and_shows_bad_debt(self, client, debtor, key):
        opens = key("debts:read")

        listed = client.get("/api/v1/debts", params={"limit": 1}, headers=opens).json()
        one = listed["data"][0]

        assert (one["invoice_id"], listed["next"]) == (debtor.invoices[0], one["id"])
        assert client.get(f"/api/v1/debts/{one['id']}", headers=opens).json() == one

    def test_says_what_giving_up_would_do_and_does_it(self, client, debtor, key):
        path = f"/api/v1/customers/{debtor.id}/write-off"
        opens = key("debts:write")
        command = {**opens, "idempotency-key": "k"}

        tried = client.post(path, json={"reason": "gone", "dry_run": True}, headers=command)
        assert debtor.left() == [None, None]
        done = client.post(path, json={"reason": "gone"}, headers=command)

        assert tried.json()["changes"] == done.json()["changes"]
        assert (tried.json()["dry_run"], done.json()["actor"]) == (True, "key:debts-write")
        assert debtor.left() == ["written_off", "written_off"]

    @pytest.mark.parametrize(
        ("verb", "left"), [("forgive", "forgiven"), ("mark-uncollectible", "written_off")]
    )
    def test_closes_one_invoice(self, client, debtor, key, verb, left):
        opens = {**key("debts:write"), "idempotency-key": "k"}
        path = f"/api/v1/invoices/{debtor.invoices[0]}/{verb}"

        answer = client.post(path, json={"reason": "gone"}, headers=opens)

        assert answer.status_code == 200, answer.text
        assert debtor.left() == [left, None]
