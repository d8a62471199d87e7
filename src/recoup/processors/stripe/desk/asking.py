"""Requests to Stripe: what each kind becomes, and what its answer says as facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from recoup.core.billing.answers import Answer
from recoup.core.billing.requests import Request
from recoup.errors import Rejected
from recoup.processors.stripe import reader
from recoup.processors.stripe.calls.client import Client
from recoup.processors.stripe.desk import (
    changing,
    coupons,
    invoices,
    keeping,
    methods,
    money,
    people,
    subscribing,
)
from recoup.processors.stripe.desk.told import Told, Way
from recoup.processors.stripe.snapshots import snapshot

#: Type of request -> how it is made and found again. What is not here is refused by name.
WAYS: Final[Mapping[type, Way]] = {
    **people.WAYS,
    **methods.WAYS,
    **coupons.WAYS,
    **invoices.WAYS,
    **money.WAYS,
    **subscribing.WAYS,
    **keeping.WAYS,
    **changing.WAYS,
}


def ask(client: Client, request: Request, key: str) -> Answer:
    """Make `request`; see `recoup.processors.base.Bills`."""
    return _answer(client, _way(request).ask(client, request, key), key)


def find(client: Client, request: Request, key: str, since: datetime) -> Answer | None:
    """Return what became of `request`; see `recoup.processors.base.Bills`."""
    told = _way(request).find(client, request, key, since)
    return None if told is None else _answer(client, told, key)


def _way(request: Request) -> Way:
    way = WAYS.get(type(request))
    if way is None:
        raise Rejected(f"{type(request).__name__} is not asked of Stripe")
    return way


def _answer(client: Client, told: Told, key: str) -> Answer:
    facts = [
        fact
        for shown in told.shown
        for fact in reader.read(
            snapshot(
                shown,
                at=told.at,
                livemode=client.livemode,
                version=client.version,
                request_id=told.request_id,
                key=key,
            )
        ).facts
    ]
    return Answer(told.object, tuple(facts), told.status, told.action, told.request_id)
