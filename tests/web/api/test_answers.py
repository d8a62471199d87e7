from __future__ import annotations

from datetime import timedelta

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from recoup.core.money import Money
from recoup.processors.fake import NO_FUNDS, Declines
from recoup.web.api import openapi
from recoup.web.api.nouns import ENDPOINTS

DOCUMENT = openapi.document(ENDPOINTS)


def fits(answer, endpoint):
    """The answer is what the document says of this endpoint."""
    operation = DOCUMENT["paths"][endpoint.route][endpoint.method.lower()]
    content = operation["responses"][str(answer.status_code)]["content"]
    if endpoint.file:
        assert answer.headers["content-type"] in content
        return answer.content
    schema = content["application/json"]
    whole = {**schema["schema"], "components": DOCUMENT["components"]}
    checker = Draft202012Validator(whole, format_checker=FormatChecker())
    assert [error.message for error in checker.iter_errors(answer.json())] == []
    return answer.json()


class Client:
    """Asks endpoints by name, compares each answer with the document, notes which were asked."""

    def __init__(self, api):
        self._api = api
        self.asked = set()

    def __call__(self, name, id="", body=None, status=200, **query):
        (one,) = [e for e in ENDPOINTS if f"{e.method} {e.path}" == name]
        path = one.path.replace("{id}", str(id))
        answer = self._api.post(path, body) if one.changes else self._api.get(path, **query)
        assert answer.status_code == status, answer.text
        self.asked.add(name)
        return fits(answer, one)


@pytest.fixture
def ask(api):
    return Client(api)


class TestEveryEndpoint:
    def test_answers_as_the_document_says(self, api, ask, price):
        """A customer signs up, changes plan, pauses, pays late, is given money back, leaves."""
        self.signs_up(api, ask)
        started = self.starts(api, ask, price)
        self.changes(api, ask, started["id"])
        self.owes_and_pays(api, ask, started["customer_id"])
        self.leaves(ask, started["id"])
        self.is_looked_at(api, ask)

        assert ask.asked == {f"{one.method} {one.path}" for one in ENDPOINTS}
        assert api.scene.violations() == ()

    def signs_up(self, api, ask):
        told = {"owner_type": "user", "owner_id": "42", "email": "ada@example.com"}
        made = ask("POST /customers", body=told)["customer"]
        api.scene.fake.attach_method(made["processor_id"])
        api.scene.pace.settle()
        again = ask("POST /customers", body=told)["customer"]
        changed = ask("POST /customers/{id}", "user:42", {"name": "Ada", "metadata": {"a": "b"}})
        assert again["id"] == made["id"]
        assert (changed["customer"]["name"], changed["standing"]) == ("Ada", "current")
        assert ask("GET /customers/{id}", made["processor_id"])["customer"]["id"] == made["id"]

    def starts(self, api, ask, price):
        wish = {"customer": "user:42", "prices": [{"price": price, "quantity": 2}]}
        started = ask("POST /subscriptions", body=wish)
        assert started["outcome"] == "active"
        assert started["subscription"]["items"][0]["quantity"] == 2
        return started["subscription"]

    def changes(self, api, ask, id):
        dearer = api.scene.fake.create_price(Money(9900, "EUR"))
        shown = ask("POST /subscriptions/{id}/preview", id, {"prices": [{"price": dearer}]})
        changed = ask("POST /subscriptions/{id}/change", id, {"preview": shown["id"]})
        assert shown["due_now"] == {"amount": 10000, "currency": "EUR"}
        assert [item["price"] for item in changed["items"]] == [dearer]
        until = (api.scene.now + timedelta(days=3)).isoformat()
        paused = ask("POST /subscriptions/{id}/pause", id, {"until": until})
        assert paused["paused"] == "void"
        assert ask("POST /subscriptions/{id}/unpause", id)["paused"] is None
        ask("POST /subscriptions/{id}/cancel", id, {"when": "period_end"})
        assert ask("POST /subscriptions/{id}/resume", id)["cancel_at"] is None

    def owes_and_pays(self, api, ask, customer):
        recoup = api.scene.recoup
        lines = [("Work", Money(1250, "EUR"))]
        bill, mistake = (recoup.invoices.create(customer, lines, key=k) for k in ("1", "2"))
        paid = ask("POST /invoices/{id}/pay", bill.id)
        back = {"amount": {"amount": 250, "currency": "EUR"}, "reason": "duplicate"}
        assert (paid["outcome"], paid["amount"]["amount"]) == ("succeeded", 1250)
        assert ask("POST /payments/{id}/refund", paid["id"], back)["amount"]["amount"] == 250
        voided = ask("POST /invoices/{id}/void", mistake.id, {"reason": "a mistake"})
        assert (voided["outcome"], voided["resolved_as"]) == ("resolved", "voided")
        assert ask("GET /invoices/{id}", bill.id)["refunded"]["amount"] == 250
        assert ask("GET /payments/{id}", paid["id"])["refunded"]["amount"] == 250

    def leaves(self, ask, id):
        gone = ask("POST /subscriptions/{id}/cancel", id, {"feedback": "unused"})
        assert gone["ended"]
        assert ask("GET /subscriptions/{id}", id)["ended"]
        assert ask("POST /customers/{id}/recompute", "user:42")["changes"] == []

    def is_looked_at(self, api, ask):
        owing = api.scene.subscriber(Declines(NO_FUNDS))
        api.scene.until_failed(owing)
        api.scene.recoup.coupons.create("Q1", percent_off=25, duration="once")
        assert len(ask("GET /customers")["data"]) == 2
        assert ask("GET /customers", standing="current")["data"][0]["owed"] == []
        assert len(ask("GET /subscriptions", customer="user:42")["data"]) == 1
        (bill, *_) = ask("GET /invoices", customer="user:42")["data"]
        assert ask("GET /invoices/{id}/pdf", bill["id"]).startswith(b"%PDF")
        assert ask("GET /payments", customer=owing.customer)["data"]
        assert ask("GET /coupons")["data"][0]["percent_off"]
        (case,) = ask("GET /cases", customer=owing.customer)["data"]
        assert ask("GET /cases/{id}", case["id"])["owed"]["currency"] == "EUR"
        assert ask("GET /customers/{id}/explain", owing.customer)["obligations"]
        assert ask("GET /customers/{id}/entitlements", owing.customer)["features"] == []
        assert ask("GET /effects", limit=1)["next"]
        (event,) = ask("GET /webhooks", limit=1)["data"]
        assert ask("GET /webhooks/{id}", event["id"])["state"] == "applied"
        again = ask("POST /webhooks/{id}/replay", event["id"], status=202)
        assert again["actor"] == "key:all"
        assert ask("GET /webhooks/{id}", event["id"])["state"] == "received"
        api.scene.recoup.worker().drain()
        assert ask("GET /webhooks/{id}", event["id"])["state"] == "applied"
        self.is_let_in(api, ask, owing.customer)
        self.is_decided_on(api, ask, owing.customer, case["id"])
        assert len(ask("GET /metrics")["data"]) > 5
        assert ask("GET /metrics/{id}", "recovery")["rows"]

    def is_decided_on(self, api, ask, customer, case):
        why = {"reason": "asked"}
        until = {"until": (api.scene.now + timedelta(days=3)).isoformat()}
        held = ask("POST /customers/{id}/holds", customer, why | until)
        assert ask("GET /holds", customer=customer)["data"][0]["id"] == held["hold_id"]
        assert ask("POST /customers/{id}/release", customer, why)["changes"]
        assert ask("POST /cases/{id}/skip-step", case, why | {"step": "restriction_notice"})
        assert ask("POST /cases/{id}/send-step", case, {"step": "final_notice"})["reason"]
        api.scene.live(days=1)
        assert ask("POST /cases/{id}/resend-step", case, why | {"step": "reminder"})["changes"]
        assert ask("POST /charging/pause", body=why)["changes"]
        assert ask("GET /charging")["paused"]
        assert ask("POST /charging/resume", body=why)["changes"]
        moved = {"before": "default/1", "policy": "default/1"}
        (same,) = ask("POST /cases/policy", body=why | moved)["data"]
        assert "already" in same["failed"]
        same = why | {"policy": "default/1"}
        ask("POST /cases/{id}/policy", case, same, status=409)
        (owed,) = [
            i for i in ask("GET /invoices", customer=customer)["data"] if i["status"] == "open"
        ]
        tried = ask("POST /invoices/{id}/retry", owed["id"], why)
        assert tried["payment"]["outcome"] == "declined"
        paid = ask("GET /payments", customer=customer)["data"][0]["id"]
        given = ask("POST /refunds", body=why | {"payment": paid})
        assert given["refund"]["amount"]["amount"] == 4900
        rehearsed = why | {"dry_run": True}
        assert ask("POST /customers/{id}/write-off", customer, rehearsed)["dry_run"]
        assert ask("POST /invoices/{id}/forgive", owed["id"], rehearsed)["dry_run"]
        api.scene.live(days=32)
        debts = {d["invoice_id"]: d["id"] for d in ask("GET /debts", customer=customer)["data"]}
        assert ask("GET /debts/{id}", debts[owed["id"]])["invoice_id"] == owed["id"]
        given_up = ask("POST /invoices/{id}/mark-uncollectible", owed["id"], why)
        assert given_up["changes"][0].startswith("give up")

    def is_let_in(self, api, ask, customer):
        told = {"rollout": "drift_repair", "reason": "try it"}
        assert ask("POST /rollouts/widen", body=told)["stage"] == "shadow"
        named = ask("POST /rollouts/name", body={**told, "customers": [customer]})
        assert len(named["named"]) == 1
        assert ask("POST /rollouts/rollback", body=told)["stage"] == "off"
        assert len(ask("GET /rollouts")["data"]) == 1
        moves = ask("GET /rollouts/moves", rollout="drift_repair")["data"]
        assert {move["actor"] for move in moves} == {"key:all"}
        assert ask("GET /rollouts/harm", rollout="drift_repair")["data"] == []
        late = "UPDATE standings SET next_wake_at = next_wake_at {} interval '300 days'"
        with api.scene.recoup.database.begin() as connection:
            connection.exec_driver_sql(late.format("+"))
        api.scene.recoup.drift.scan()
        with api.scene.recoup.database.begin() as connection:
            connection.exec_driver_sql(late.format("-"))
        found = ask("GET /drift")["data"][0]
        assert ask("GET /drift/{id}", found["id"])["class_"] == "wake"


class TestAList:
    def test_is_read_page_by_page(self, api, ask):
        for number in range(5):
            api.scene.fake.create_customer(email=f"{number}@example.com")
        api.scene.pace.settle()

        first = ask("GET /customers", limit=2)
        second = ask("GET /customers", limit=2, after=first["next"])
        last = ask("GET /customers", limit=2, after=second["next"])

        ids = [row["id"] for page in (first, second, last) for row in page["data"]]
        assert len(ids) == len(set(ids)) == 5
        assert last["next"] is None

    def test_with_the_newest_first_is_too(self, api, ask):
        for number in range(3):
            api.scene.fake.create_customer(email=f"{number}@example.com")
        api.scene.pace.settle()

        first = ask("GET /webhooks", limit=2)
        second = ask("GET /webhooks", limit=2, after=first["next"])

        ids = [row["id"] for page in (first, second) for row in page["data"]]
        assert ids == sorted(ids, reverse=True)
        assert (len(ids), second["next"]) == (3, None)


class TestACommand:
    def test_is_the_verbs_own_in_the_name_of_the_key(self, api):
        made = api.post("/customers", {"owner_type": "user", "owner_id": "1"}).json()["customer"]

        api.post(f"/customers/{made['id']}", {"name": "Ada"}, command="rename")

        recoup = api.scene.recoup
        assert recoup.result("rename").name == "Ada"
        actors = api.rows("SELECT DISTINCT actor FROM commands")
        assert actors == [("key:all",)]
        ledger = api.rows("SELECT DISTINCT actor FROM ledger_entries WHERE cause = 'command'")
        assert ledger == [("key:all",)]

    def test_with_the_same_key_is_done_once(self, api, price):
        who = api.scene.subscriber()
        bill = api.scene.recoup.invoices.create(who.customer, [("Work", Money(500, "EUR"))])
        paid = api.post(f"/invoices/{bill.id}/pay").json()

        answers = [
            api.post(
                f"/payments/{paid['id']}/refund",
                {"amount": {"amount": 100, "currency": "EUR"}},
                command="give back",
            )
            for _ in range(3)
        ]
        other = api.post(f"/payments/{paid['id']}/refund", command="give back")

        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert (other.status_code, other.json()["error"]["code"]) == (409, "key_conflict")
        assert api.rows("SELECT amount FROM refunds") == [(100,)]
        assert api.scene.violations() == ()

    def test_brings_what_a_browser_confirms_with_and_reading_does_not(self, api):
        from recoup.processors.fake import Asks

        who = api.scene.subscriber(Asks())
        bill = api.scene.recoup.invoices.create(who.customer, [("Work", Money(500, "EUR"))])

        paid = api.post(f"/invoices/{bill.id}/pay").json()
        read = api.get(f"/payments/{paid['id']}").json()

        assert paid["outcome"] == read["outcome"] == "requires_action"
        assert paid["action"]["client_secret"]
        assert read["action"] is None
