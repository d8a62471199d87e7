"""
Makes one attempt: asks the processor to collect, and finds out what became of it.

    intended     -> committed as requested, with its key, before anything is asked
    requested    the worker died while asking: look it up first
    unknown      no answer came: look it up after 5 minutes, an hour, then daily

Only an answer moves an unknown attempt. A look-up that finds nothing means that nothing was
charged: with a young key the same request is made again, with an old one the attempt is closed
and the plan makes a new one. An outage consumes nothing. Source: docs/effects.md, "collect".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.facts import PaymentFact
from recoup.core.states import AttemptState, Trigger
from recoup.effects.base import World
from recoup.errors import Busy, KeyReused, Rejected, Unreachable
from recoup.jobs import queue
from recoup.jobs.base import Cancel, Claim, Desk, Done, Handler, NewEffect, Snooze, Wish
from recoup.store import inbox
from recoup.store.absorb import absorb, by_trigger
from recoup.store.database import reading
from recoup.store.operators import charging
from recoup.store.records import attempts
from recoup.store.records.attempts import Order
from recoup.store.writer import Writer
from recoup.telemetry import span

#: A processor may forget keys after 24 hours; ours are not relied on for that long.
KEY_LIFE: Final = timedelta(hours=20)
#: When an unknown outcome is looked up: after these waits, then every last one.
LOOKUPS: Final = (timedelta(minutes=5), timedelta(hours=1), timedelta(days=1))
BUSY: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class _Unknown:
    """Nobody knows what became of it."""

    why: str


@dataclass(frozen=True, slots=True)
class _Never:
    """Nothing was charged, and nothing will be."""

    why: str


_Answer = PaymentFact | _Unknown | _Never | Busy


def handler(world: World) -> Handler:
    """Return how effects of kind `collect` are run."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        with desk.engine.begin() as connection:
            todo, wishes = _prepare(world, connection, claims, now=desk.now())
            desk.settle(connection, wishes)
        answers = [(claim, order, _ask(world, order, desk)) for claim, order in todo]
        with desk.engine.begin() as connection:
            desk.settle(connection, _record(world, connection, answers, now=desk.now()))

    return Handler(run, batch=50, lease=timedelta(minutes=10))


def _prepare(
    world: World, connection: Connection, claims: Sequence[Claim], *, now: datetime
) -> tuple[list[tuple[Claim, Order]], dict[Claim, Wish]]:
    """Commit the intent of every attempt that is still wanted; close those that are not."""
    orders = attempts.locked(connection, [_attempt_id(claim) for claim in claims])
    writer = _writer(connection, now)
    todo: list[tuple[Claim, Order]] = []
    wishes: dict[Claim, Wish] = {}
    dropped: set[int] = set()
    stopped = charging.stops(connection, [*orders], now=now)
    for claim in claims:
        order = orders.get(_attempt_id(claim))
        if order is None or not states.is_in_doubt(order.state):
            wishes[claim] = Cancel("the attempt has its answer")
        elif not states.is_intended(order.state):
            todo.append((claim, order))
        elif order.owed and order.id not in stopped:
            attempts.move(writer, order, AttemptState.REQUESTED)
            todo.append((claim, replace(order, requested_at=now)))
        else:
            why = stopped[order.id] if order.owed else "nothing is owed any more"
            attempts.move(writer, order, AttemptState.CANCELED, note=why[:300])
            dropped.add(order.customer_id)
            wishes[claim] = Cancel(why)
    writer.flush()
    world.recompute(connection, dropped, trigger=Trigger.ATTEMPT, now=now)
    _tell_waiting(world, connection, orders.values(), now=now)
    return todo, wishes


def _ask(world: World, order: Order, desk: Desk) -> _Answer:
    """Return the processor's answer. No transaction is open here."""
    fresh = states.is_intended(order.state)
    try:
        found = None if fresh else _found(world, order, desk.now())
        if found is not None:
            return found
        if why := _stopped(desk, order):
            return _Never(why) if fresh else _Unknown(why)
        with span("processor pay_invoice"):
            return world.processor.pay_invoice(
                order.invoice, method=order.method, key=order.key, off_session=order.off_session
            )
    except Unreachable as error:
        return _Unknown(str(error))
    except Busy as error:
        return error
    except (Rejected, KeyReused) as error:
        return _Never(str(error))


def _found(world: World, order: Order, now: datetime) -> PaymentFact | _Never | None:
    """Return what became of one that was asked for before; None: ask again with the same key."""
    since = order.requested_at or now
    with span("processor find_payment"):
        found = world.processor.find_payment(order.invoice, key=order.key, since=since)
    if found is None and (not order.owed or now - since >= KEY_LIFE):
        return _Never("it never reached the bank")
    return found


def _stopped(desk: Desk, order: Order) -> str | None:
    """Return why a person wants it not to be made; looked at before each single call."""
    with reading(desk.engine) as connection:
        return charging.stops(connection, [order.id], now=desk.now()).get(order.id)


def _record(
    world: World,
    connection: Connection,
    answers: Sequence[tuple[Claim, Order, _Answer]],
    *,
    now: datetime,
) -> dict[Claim, Wish]:
    """Write what was learnt as facts, and decide again on whom it concerns."""
    orders = attempts.locked(connection, [order.id for _, order, _ in answers])
    writer = _writer(connection, now)
    wishes: dict[Claim, Wish] = {}
    facts: list[PaymentFact] = []
    for claim, asked, answer in answers:
        order = orders[asked.id]
        if isinstance(answer, PaymentFact):
            facts.append(replace(answer, idempotency_key=order.key))
            wishes[claim] = Done()
        elif not states.is_in_doubt(order.state):
            wishes[claim] = Cancel("an event told what became of it")
        elif isinstance(answer, _Never):
            attempts.move(writer, order, AttemptState.CANCELED, note=answer.why[:300])
            wishes[claim] = Cancel(answer.why)
        elif isinstance(answer, Busy):
            wait = BUSY if answer.after is None else timedelta(seconds=answer.after)
            wishes[claim] = Snooze(now + wait, str(answer))
        else:
            lookups = order.lookups + 1
            attempts.move(
                writer, order, AttemptState.UNKNOWN, note=answer.why[:300], lookups=lookups
            )
            wait = LOOKUPS[min(lookups, len(LOOKUPS)) - 1]
            wishes[claim] = Snooze(now + wait, f"the outcome is unknown: {answer.why}")
    writer.flush()
    touched = {order.customer_id for order in orders.values()}
    hints: Mapping[int, Trigger] = {}
    if facts:
        absorbed = absorb(writer, world.processor.name, [facts])
        touched |= absorbed.customers
        hints = absorbed.hints
    for trigger, ids in by_trigger(touched, hints, Trigger.ATTEMPT):
        world.recompute(connection, ids, trigger=trigger, now=now)
    _tell_waiting(world, connection, orders.values(), now=now)
    return wishes


def _tell_waiting(
    world: World, connection: Connection, orders: Iterable[Order], *, now: datetime
) -> None:
    """Have events looked at again that waited for one of these attempts to have its answer."""
    names = {f"attempt:{order.invoice_id}" for order in orders}
    if inbox.awaited(connection, world.processor.name, names):
        again = NewEffect("absorb", "absorb", now, queue="webhooks")
        queue.enqueue(connection, [again], now=now)


def _writer(connection: Connection, now: datetime) -> Writer:
    return Writer(connection, now=now, actor="engine", cause="effect:collect")


def _attempt_id(claim: Claim) -> int:
    return int(claim.args["attempt_id"] or 0)
