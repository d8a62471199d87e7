from __future__ import annotations

import pytest
from flask import Flask, abort

from recoup.integrations.flask import Guard

ADA = {"X-User": "ada"}


@pytest.fixture
def client(shop, example):
    return example("flask_app").make_app(shop.recoup).test_client()


def guarded(entitlements, customer_of, **more):
    """An application with one guarded view."""
    app = Flask("guarded")
    guard = Guard(entitlements, customer_of, **more)

    @app.get("/reports/<month>")
    @guard.requires("reports")
    def reports(month):
        return month

    return app.test_client()


class TestTheExample:
    def test_lets_through_whose_plan_has_the_feature(self, client):
        assert client.get("/reports", headers=ADA).text == "January, February"
        assert client.post("/invitations", headers=ADA).status_code == 200

    @pytest.mark.parametrize("headers", [{}, {"X-User": ""}, {"X-User": "eve"}])
    def test_answers_everybody_else_the_same_and_says_nothing(self, client, headers):
        refused = client.get("/reports", headers=headers)

        assert refused.status_code == 403
        for word in ("reports", "team", "plan", "price", "entitle"):
            assert word not in refused.text

    def test_sends_them_elsewhere_where_that_is_wanted(self, client):
        refused = client.post("/invitations")

        assert refused.status_code == 303
        assert refused.headers["Location"] == "/billing"
        assert "invite" not in refused.text
        assert client.get("/billing").status_code == 200

    def test_closes_rung_by_rung_what_a_debt_bought(self, client, shop):
        shop.dun(days=9)
        assert client.get("/reports", headers=ADA).status_code == 200
        assert client.post("/invitations", headers=ADA).status_code == 303

        shop.dun(days=25)
        assert client.get("/reports", headers=ADA).status_code == 403
        assert client.get("/export", headers=ADA).status_code == 200

    def test_refuses_while_the_database_is_down(self, client, shop):
        with shop.database_down():
            assert client.get("/reports", headers=ADA).status_code == 403
            assert client.post("/invitations", headers=ADA).status_code == 303

        assert client.get("/reports", headers=ADA).status_code == 200


class TestAGuard:
    def test_hands_the_view_what_the_route_has(self, shop):
        client = guarded(shop.recoup.entitlements, lambda _request: ("user", "ada"))

        assert client.get("/reports/May").text == "May"

    def test_guards_a_coroutine(self, shop):
        app = Flask("guarded")
        guard = Guard(
            shop.recoup.entitlements, lambda request: ("user", request.headers["X-User"])
        )

        @app.get("/reports")
        @guard.requires("reports")
        async def reports():
            return "January"

        assert app.test_client().get("/reports", headers=ADA).text == "January"
        assert app.test_client().get("/reports", headers={"X-User": "eve"}).status_code == 403

    def test_refuses_when_nobody_can_say_who_asks(self, shop, caplog):
        def customer_of(_request):
            raise ConnectionError("the sessions are away")

        client = guarded(shop.recoup.entitlements, customer_of)

        assert client.get("/reports/May").status_code == 403
        assert "customer_of failed" in caplog.text

    def test_leaves_the_answer_to_a_host_that_has_one(self, shop):
        def customer_of(_request):
            abort(401)

        assert (
            guarded(shop.recoup.entitlements, customer_of).get("/reports/May").status_code == 401
        )

    def test_refuses_when_what_it_asks_raises(self, caplog):
        class Broken:
            def entitled(self, _customer, _feature):
                raise RuntimeError("planted")

        assert guarded(Broken(), lambda _request: 1).get("/reports/May").status_code == 403
        assert "a guard refuses" in caplog.text

    def test_redirects_every_refusal_when_told_once(self, shop):
        client = guarded(shop.recoup.entitlements, lambda _: None, redirect="/billing")

        assert client.get("/reports/May").headers["Location"] == "/billing"
