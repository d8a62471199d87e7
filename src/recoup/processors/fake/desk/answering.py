"""
Requests to the fake: each is executed once per key, and answered with the events it caused.

An answer's facts are read from the very events that the request emitted, so what a caller learns
at once and what the webhook tells later are the same news, and the second changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from recoup.core.billing.answers import Answer, NextAction
from recoup.core.billing.requests import Request
from recoup.errors import Busy
from recoup.processors.fake import idempotency
from recoup.processors.fake.desk import (
    changing,
    coupons,
    invoices,
    methods,
    money,
    people,
    subscribing,
)
from recoup.processors.fake.desk.told import Told
from recoup.processors.fake.idempotency import Fault, Watch
from recoup.processors.fake.world import Session, World, micros
from recoup.processors.stripe import reader

#: Type of request -> who executes it. What is not here is refused by name.
ANSWERS: Final[Mapping[type, Callable[[Session, Any], Told]]] = {
    **people.ANSWERS,
    **methods.ANSWERS,
    **money.ANSWERS,
    **invoices.ANSWERS,
    **subscribing.ANSWERS,
    **changing.ANSWERS,
    **coupons.ANSWERS,
}


class _Saved(msgspec.Struct):
    object: str
    status: str | None
    action: NextAction | None
    first: int
    last: int
    request_id: str | None


def ask(world: World, request: Request, *, key: str, watch: Watch) -> Answer:
    """Execute `request` once per `key`; see `recoup.processors.base.Bills`."""
    name = type(request).__name__
    asked = {"request": msgspec.json.encode(msgspec.to_builtins(request), order="sorted").decode()}

    def work(s: Session) -> bytes:
        first = s.counted("evt")
        told = ANSWERS[type(request)](s, request)
        last, asked_as = s.counted("evt"), s.request["id"]
        saved = _Saved(told.object, told.status, told.action, first, last, asked_as)
        answer = msgspec.json.encode(saved)
        s.remember(key, answer)
        return answer

    return _answer(world, idempotency.run(world, name, asked, work, key=key, watch=watch))


def find(world: World, *, key: str, since: datetime) -> Answer | None:
    """Return what became of a request; see `recoup.processors.base.Bills`."""
    with world.session() as s:
        fault = idempotency.take_fault(s, "find")
    idempotency.raise_if_asleep(fault)
    if fault is not None:
        idempotency.raise_if_asleep(Fault("outage"))
    with world.session() as s:
        if idempotency.in_flight(s, key):
            raise Busy(f"the request with the key {key!r} is being executed")
        # Stripe's clock has whole seconds: what happens in this one bears its beginning.
        saved = s.remembered(key, micros(since) // 1_000_000)
    return None if saved is None else _answer(world, saved)


def _answer(world: World, saved: bytes) -> Answer:
    told = msgspec.json.decode(saved, type=_Saved)
    with world.reading() as connection:
        bodies = connection.execute(
            "SELECT body FROM events WHERE seq > ? AND seq <= ? ORDER BY seq",
            (told.first, told.last),
        ).fetchall()
    facts = [fact for (body,) in bodies for fact in reader.read(msgspec.json.decode(body)).facts]
    return Answer(told.object, tuple(facts), told.status, told.action, told.request_id)
