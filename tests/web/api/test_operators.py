"""What operators decide, over HTTP: who, why, a rehearsal; and whoever may not, on record."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import web
from recoup.processors.fake import Declines
from recoup.store.keys import SCOPES
from recoup.web import pay
from recoup.web.api import openapi
from recoup.web.api.nouns import ENDPOINTS, debts, dunning, steps

EVERY = (*ENDPOINTS, pay.ENDPOINT)
#: An endpoint that is an engine's asking, and no operator's decision.
OTHERS = {"/cases/{id}/send-step"}
DECISIONS = [
    one
    for one in EVERY
    if one.changes and one.path not in OTHERS
    if one in (*debts.ENDPOINTS, *dunning.ENDPOINTS, *steps.ENDPOINTS, pay.ENDPOINT)
    or one.path in {"/refunds", "/customers/{id}/recompute", "/webhooks/{id}/replay"}
]
WHY = {"reason": "asked"}


@pytest.fixture
def owing(api):
    """Our id of a subscriber whose renewal failed six days ago."""
    who = api.scene.subscriber(Declines())
    api.scene.live(days=31 + 6)
    return api.scene.customer_id(who)


def bodies(api, owing):
    """Path, as it is asked -> the body; in an order in which each can be done."""
    ((invoice,),) = api.rows(
        "SELECT id FROM invoices WHERE status = 'open' AND first_failed_at IS NOT NULL"
    )
    ((paid,),) = api.rows("SELECT id FROM attempts WHERE state = 'succeeded'")
    until = {"until": api.scene.now.replace(year=api.scene.now.year + 1, day=1).isoformat()}
    return {
        f"/customers/{owing}/recompute": {},
        "/charging/pause": {},
        "/charging/resume": {},
        **{
            f"/customers/{owing}/holds?{kind}": {"kind": kind} | until
            for kind in ("hold", "promise", "grace", "exempt")
        },
        f"/customers/{owing}/release": {},
        "/cases/1/skip-step": {"step": "restriction_notice"},
        "/cases/1/resend-step": {"step": "reminder"},
        "/refunds": {"payment": paid, "amount": {"amount": 100, "currency": "EUR"}},
        "/webhooks/1/replay": {},
        "/cases/policy": {"before": "default/1", "policy": "default/1"},
        f"/invoices/{invoice}/retry": {},
        f"/invoices/{invoice}/mark-uncollectible": {},
        f"/invoices/{invoice}/forgive": {},
        f"/customers/{owing}/write-off": {},
    }


#: Possible only after another one.
LATER = ("/charging/resume", "/release")
#: Of those that close a debt one is enough.
CLOSING = ("/mark-uncollectible", "/write-off")


def commands(api):
    return api.rows("SELECT kind, actor, state, args->>'reason' FROM commands ORDER BY id")


class TestEveryDecision:
    @pytest.mark.parametrize("one", DECISIONS, ids=lambda one: one.path)
    def test_takes_a_reason_and_a_rehearsal(self, one):
        assert {"reason", "dry_run"} <= {*one.takes.__struct_fields__}
        assert one.keyed or one.path in {
            "/customers/{id}/recompute", "/webhooks/{id}/replay", "/cases/policy",
            pay.PATH,
        }  # fmt: skip

    def test_rehearsed_writes_nothing(self, api, owing):
        for path, body in bodies(api, owing).items():
            if path.endswith(LATER):
                continue
            before = commands(api)

            answer = api.post(path.partition("?")[0], body | WHY | {"dry_run": True})

            assert answer.status_code in {200, 202}, (path, answer.text)
            assert commands(api) == before, path

    def test_done_is_on_record_in_the_name_of_the_key(self, api, owing):
        for path, body in bodies(api, owing).items():
            if path.endswith(CLOSING) or path == "/cases/policy":
                continue

            answer = api.post(path.partition("?")[0], body | WHY)

            assert answer.status_code in {200, 202}, (path, answer.text)
            kind, actor, _, why = next(c for c in reversed(commands(api)) if c[3] == "asked")
            assert (actor, why) == ("key:all", "asked"), (path, kind)
            api.scene.pace.settle()
        assert api.scene.violations() == ()

    def test_refused_is_on_record_in_the_name_of_the_key(self, api, owing):
        for path in ("/charging/resume", f"/customers/{owing}/release"):
            answer = api.post(path, WHY)

            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_possible")

        assert [row[1:] for row in commands(api)] == [("key:all", "refused", "asked")] * 2

    def test_without_a_reason_is_refused(self, api, owing):
        for path, body in bodies(api, owing).items():
            if path.endswith(("/recompute", "/replay")):
                continue

            answer = api.post(path.partition("?")[0], body)

            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "wrong_field")

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"kind": "no"}, "kind: expected one of exempt, grace, hold, promise, got 'no'"),
            (
                {"until": "soon"},
                "until: expected an instant like 2026-03-01T12:00:00Z, got 'soon'",
            ),
        ],
    )
    def test_with_a_wrong_word_is_told_which_and_what_is_expected(self, api, owing, wrong, said):
        body = {"until": "2026-04-01T00:00:00Z", **WHY, **wrong}
        answer = api.post(f"/customers/{owing}/holds", body)

        assert answer.json()["error"]["message"] == said


class TestGrace:
    """As long as the other surfaces let it be said: until an instant, or for some days."""

    def asked(self, api, owing, **body):
        return api.post(f"/customers/{owing}/holds", {"kind": "grace", **WHY, **body})

    def test_may_be_for_days(self, api, owing):
        until = api.scene.now + timedelta(days=3)

        told = self.asked(api, owing, days=3, dry_run=True)
        made = self.asked(api, owing, days=3)

        assert told.json()["changes"] == made.json()["changes"]
        assert api.rows("SELECT kind, until FROM holds") == [("grace", until)]

    def test_for_days_is_one_decision_with_its_key_on_another_day_too(self, api, owing):
        body = {"kind": "grace", "days": 3, **WHY}
        ids = []
        for _ in range(2):
            answer = api.post(f"/customers/{owing}/holds", body, command="once")
            ids.append(answer.json()["hold_id"])
            api.scene.live(days=1)

        assert ids[0] == ids[1]

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({}, "grace takes one of until and days"),
            (
                {"days": 3, "until": "2026-04-01T00:00:00Z"},
                "grace takes one of until and days",
            ),
            ({"days": 0}, "days: Expected `int` >= 1"),
            ({"days": 366}, "days: Expected `int` <= 365"),
            ({"kind": "exempt", "days": 3}, "days: only grace takes them, exempt takes until"),
            ({"kind": "hold"}, "Object missing required field `until`"),
        ],
    )
    def test_in_any_other_way_is_refused(self, api, owing, body, said):
        answer = self.asked(api, owing, **body)

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "wrong_field")
        assert answer.json()["error"]["message"] == said
        assert api.rows("SELECT id FROM holds") == []

    def test_is_documented_as_it_is_taken(self):
        schema = openapi.document(ENDPOINTS)["components"]["schemas"]["Holding"]

        assert {"until", "days"} <= {*schema["properties"]}
        assert schema["required"] == ["reason"]


class TestWhoeverMayNotChangeAnything:
    def test_is_on_record_for_every_endpoint_there_is(self, api):
        """The endpoints are taken from the routes that are served, not from a list of ours."""
        served = {
            (route.path, method)
            for route in web.app(api.scene.recoup).routes
            if getattr(route, "path", "").startswith(("/api/", "/pay-bad-debt"))
            for method in route.methods - {"GET", "HEAD"}
        }
        assert served == {(one.route, one.method) for one in EVERY if one.changes}
        for one in EVERY:
            if not one.changes:
                continue
            key = api.key_for(*(scope for scope in SCOPES if scope != one.scope))

            answer = api.client.post(
                one.route.replace("{id}", "1"),
                headers={"authorization": f"Bearer {key}", "idempotency-key": "k"},
                json=WHY,
            )

            assert answer.status_code == 403, one.name
        found = api.rows("SELECT endpoint, reason, times FROM api_denials")
        assert sorted(found) == sorted((one.name, "scope", 1) for one in EVERY if one.changes)
        assert commands(api) == []
