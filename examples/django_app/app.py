"""
A site in one file that asks Recoup who may do what.

    pip install 'recoup[cli,embedded,django]'
    recoup db upgrade
    RECOUP_PLANS=plans.toml python app.py runserver

    curl -i -H 'X-User: ada' localhost:8000/reports
"""

from __future__ import annotations

import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.management.utils import get_random_secret_key
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.http import require_POST

from recoup import Recoup
from recoup.integrations.django import Guard


def customer_of(request: HttpRequest) -> tuple[str, str] | None:
    """Whoever the proxy in front has signed in. Put your own sign-in here: request.user."""
    user = request.headers.get("X-User")
    return ("user", user) if user else None


def urls(recoup: Recoup) -> list[URLPattern]:
    guard = Guard(recoup.entitlements.cached(), customer_of)

    @method_decorator(guard.requires("reports"), name="dispatch")
    class Reports(View):
        def get(self, _request: HttpRequest) -> HttpResponse:
            return HttpResponse("January, February")

    @require_POST
    @guard.requires("invite", redirect="/billing")
    def invite(_request: HttpRequest) -> HttpResponse:
        return HttpResponse("invited somebody")

    @guard.requires("export")
    def export(_request: HttpRequest) -> HttpResponse:
        return HttpResponse("everything of yours")

    def billing(_request: HttpRequest) -> HttpResponse:
        """No guard: who owes must be able to come here."""
        return HttpResponse("what you owe, and how to pay it")

    return [
        path("reports", Reports.as_view()),
        path("invitations", invite),
        path("export", export),
        path("billing", billing),
    ]


if __name__ == "__main__":
    settings.configure(
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF=__name__,
        SECRET_KEY=get_random_secret_key(),
    )
    urlpatterns = urls(Recoup.from_env())
    execute_from_command_line(sys.argv)
