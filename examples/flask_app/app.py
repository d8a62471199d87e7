"""
A site that asks Recoup who may do what.

    pip install 'recoup[cli,embedded,flask]'
    recoup db upgrade
    RECOUP_PLANS=plans.toml flask --app app:from_env run

    curl -i -H 'X-User: ada' localhost:5000/reports
"""

from __future__ import annotations

from flask import Flask, Request

from recoup import Recoup
from recoup.integrations.flask import Guard


def customer_of(request: Request) -> tuple[str, str] | None:
    """Whoever the proxy in front has signed in. Put your own sign-in here."""
    user = request.headers.get("X-User")
    return ("user", user) if user else None


def make_app(recoup: Recoup) -> Flask:
    app = Flask(__name__)
    guard = Guard(recoup.entitlements.cached(), customer_of)

    @app.get("/reports")
    @guard.requires("reports")
    def reports() -> str:
        return "January, February"

    @app.post("/invitations")
    @guard.requires("invite", redirect="/billing")
    def invite() -> str:
        return "invited somebody"

    @app.get("/export")
    @guard.requires("export")
    def export() -> str:
        return "everything of yours"

    @app.get("/billing")
    def billing() -> str:
        """No guard: who owes must be able to come here."""
        return "what you owe, and how to pay it"

    return app


def from_env() -> Flask:
    return make_app(Recoup.from_env())
