from __future__ import annotations

import asyncio
from types import ModuleType

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.test import Client, RequestFactory, override_settings

from recoup.integrations.django import Guard

ADA = {"X-User": "ada"}


pytestmark = pytest.mark.usefixtures("django_site")


@pytest.fixture
def client(shop, example):
    site = ModuleType("site_of_the_example")
    site.urlpatterns = example("django_app").urls(shop.recoup)
    with override_settings(ROOT_URLCONF=site, ALLOWED_HOSTS=["testserver"], MIDDLEWARE=[]):
        yield Client(raise_request_exception=False)


def ask(view, user=None):
    """Call a view as Django would; a 403 is what it raises."""
    request = RequestFactory().get("/reports", headers={"X-User": user} if user else {})
    return view(request)


def of_header(request):
    return ("user", request.headers["X-User"]) if "X-User" in request.headers else None


class TestTheExample:
    def test_lets_through_whose_plan_has_the_feature(self, client):
        assert client.get("/reports", headers=ADA).content.decode() == "January, February"
        assert client.post("/invitations", headers=ADA).status_code == 200

    @pytest.mark.parametrize("headers", [{}, {"X-User": ""}, {"X-User": "eve"}])
    def test_answers_everybody_else_the_same_and_says_nothing(self, client, headers):
        refused = client.get("/reports", headers=headers)

        assert refused.status_code == 403
        for word in ("reports", "team", "plan", "price", "entitle"):
            assert word not in refused.content.decode()

    def test_sends_them_elsewhere_where_that_is_wanted(self, client):
        refused = client.post("/invitations")

        assert refused.status_code == 303
        assert refused.headers["Location"] == "/billing"
        assert "invite" not in refused.content.decode()
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
        guard = Guard(shop.recoup.entitlements, lambda _request: ("user", "ada"))
        view = guard.requires("reports")(lambda _request, month: HttpResponse(month))

        assert view(RequestFactory().get("/"), month="May").content == b"May"

    def test_guards_a_coroutine(self, shop):
        guard = Guard(shop.recoup.entitlements, of_header, redirect="/billing")

        @guard.requires("reports")
        async def view(_request):
            return HttpResponse("January")

        assert asyncio.run(ask(view, "ada")).content == b"January"
        assert asyncio.run(ask(view, "eve")).headers["Location"] == "/billing"

    def test_refuses_when_nobody_can_say_who_asks(self, shop, caplog):
        def customer_of(_request):
            raise ConnectionError("the sessions are away")

        view = Guard(shop.recoup.entitlements, customer_of).requires("reports")(HttpResponse)

        with pytest.raises(PermissionDenied):
            ask(view)
        assert "customer_of failed" in caplog.text

    def test_leaves_the_answer_to_a_host_that_has_one(self, shop):
        def customer_of(_request):
            raise Http404

        view = Guard(shop.recoup.entitlements, customer_of).requires("reports")(HttpResponse)

        with pytest.raises(Http404):
            ask(view)

    def test_refuses_when_what_it_asks_raises(self, caplog):
        class Broken:
            def entitled(self, _customer, _feature):
                raise RuntimeError("planted")

        view = Guard(Broken(), lambda _request: 1).requires("reports")(HttpResponse)

        with pytest.raises(PermissionDenied):
            ask(view)
        assert "a guard refuses" in caplog.text

    def test_redirects_every_refusal_when_told_once(self, shop):
        guard = Guard(shop.recoup.entitlements, of_header, redirect="/billing")

        refused = ask(guard.requires("reports")(HttpResponse))

        assert (refused.status_code, refused.headers["Location"]) == (303, "/billing")
