"""
Tells a host's function of what happened: one delivery for each event and function.

At least once: what is told twice has the same `event.id`. In order, for each function and
customer: a delivery waits for an earlier one that is to be tried again, and not for one that was
given up. What the function raises is tried again after a growing wait, and parked in the end.
No transaction is open while it runs. Source: docs/events.md.

The kind of such an effect is "tell:NAME", one for each function. A process takes only kinds that
it knows, so one without the function leaves its deliveries to those that have it.
"""

from __future__ import annotations

import inspect
import logging
import re
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from sqlalchemy import Engine

from recoup.errors import InvalidValue
from recoup.jobs.base import Cancel, Claim, Desk, Done, Fail, Handler, Snooze, Wish
from recoup.jobs.words import described
from recoup.store.database import reading
from recoup.store.events import outbox
from recoup.store.events.catalogue import EVENTS, Event

log: Final = logging.getLogger(__name__)

Function = TypeVar("Function", bound=Callable[[Event], Any])

MOST_TRIES: Final = 12
#: After so many seconds of a batch the rest is left for later, so that others have their turn.
SLICE: Final = 5.0
_NAME: Final = re.compile(r"[\w.:<>-]{1,150}", re.ASCII)


class Listeners:
    """
    The functions of this process that are told of events.

    Args:
        handlers: Where workers look for what runs a kind of effect; functions are added to it.
    """

    def __init__(self, database: Engine, handlers: dict[str, Handler]) -> None:
        self._database = database
        self._handlers = handlers

    def on(self, *types: str, name: str | None = None) -> Callable[[Function], Function]:
        """
        Have the decorated function told of events of these types, from now on.

        Args:
            types: "invoice.paid" and others; docs/events.md has them all.
            name: What its deliveries are filed under, in every process that has the function; by
                default its module and its qualified name. Another name is another function.

        Raises:
            InvalidValue: there is no such type, or the name is none or taken, or the function
                is a coroutine function.
        """
        for type in types:
            _check(type)
        if not types:
            raise InvalidValue(f"on: name the events; there are {', '.join(EVENTS)}")

        def register(function: Function) -> Function:
            place = f"{function.__module__}.{function.__qualname__}"
            self._add(place if name is None else name, function, types)
            return function

        return register

    def _add(self, name: str, function: Callable[[Event], Any], types: Sequence[str]) -> None:
        if not _NAME.fullmatch(name):
            raise InvalidValue(
                f"name: expected 1 to 150 of A-Z a-z 0-9 _ . : < > -, got {name[:200]!r}"
            )
        if inspect.iscoroutinefunction(function):
            raise InvalidValue(f"{name}: expected a plain function, got a coroutine function")
        kind = outbox.KIND + name
        if kind in self._handlers:
            raise InvalidValue(f"name: {name!r} is taken by another function of this process")
        with self._database.begin() as connection:
            outbox.register(connection, name, types)
        self._handlers[kind] = handler(function)


def handler(function: Callable[[Event], Any], *, slice: float = SLICE) -> Handler:
    """Return how deliveries to `function` are run, for so many seconds at a time."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        with reading(desk.engine) as connection:
            events = outbox.read(connection, [_event_id(claim) for claim in claims])
        until = time.monotonic() + slice
        for claim in sorted(claims, key=_event_id):
            wish = _told(function, claim, events.get(_event_id(claim)), desk, until=until)
            # Each by itself: a crash repeats the one that ran, and none before it.
            with desk.engine.begin() as connection:
                desk.settle(connection, {claim: wish})

    return Handler(run, batch=50, max_attempts=MOST_TRIES, aside=True)


def _told(
    function: Callable[[Event], Any],
    claim: Claim,
    event: Event | None,
    desk: Desk,
    *,
    until: float,
) -> Wish:
    if event is None:
        return Cancel("the event is not kept any more")
    if time.monotonic() > until:
        return Snooze(desk.now(), "others have their turn first")
    with reading(desk.engine) as connection:
        earlier = outbox.waits_until(connection, claim.id)
    if earlier is not None:
        until_then = max(earlier, desk.now()) + timedelta(seconds=1)
        return Snooze(until_then, "an earlier one of the same customer comes first")
    try:
        function(event)
    except Exception as error:
        log.exception("%s: event %d (%s)", claim.kind, event.id, event.type)
        return Fail(described(error))
    return Done()


def _event_id(claim: Claim) -> int:
    return int(claim.args["event_id"] or 0)


def _check(type: str) -> None:
    if type not in EVENTS:
        close = get_close_matches(str(type), EVENTS, n=1)
        hint = f"did you mean {close[0]!r}? There are" if close else "there are"
        raise InvalidValue(f"no event is called {type!r}: {hint} {', '.join(EVENTS)}")
