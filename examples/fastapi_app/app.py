"""
An API that asks Recoup who may do what.

    pip install 'recoup[cli,embedded,fastapi]' uvicorn
    recoup db upgrade
    RECOUP_PLANS=plans.toml uvicorn --factory app:from_env

    curl -i -H 'X-User: ada' localhost:8000/reports
"""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request

from recoup import Recoup
from recoup.integrations.fastapi import Guard


def customer_of(request: Request) -> tuple[str, str] | None:
    """Whoever the proxy in front has signed in. Put your own sign-in here."""
    user = request.headers.get("X-User")
    return ("user", user) if user else None


def make_app(recoup: Recoup) -> FastAPI:
    app = FastAPI()
    guard = Guard(recoup.entitlements.cached(), customer_of)

    @app.get("/reports", dependencies=[Depends(guard.requires("reports"))])
    def reports() -> dict[str, list[str]]:
        return {"reports": ["January", "February"]}

    @app.post(
        "/invitations", dependencies=[Depends(guard.requires("invite", redirect="/billing"))]
    )
    def invite() -> dict[str, str]:
        return {"invited": "somebody"}

    @app.get("/export", dependencies=[Depends(guard.requires("export"))])
    def export() -> dict[str, str]:
        return {"export": "everything of yours"}

    @app.get("/billing")
    def billing() -> dict[str, str]:
        """No guard: who owes must be able to come here."""
        return {"billing": "what you owe, and how to pay it"}

    return app


def from_env() -> FastAPI:
    return make_app(Recoup.from_env())
