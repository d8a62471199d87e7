"""
Asks the processor for what a command wants, and concludes the command with the answer.

    recorded   -> committed as asked, with its key, before anything is asked
    asked      the process died while asking: the same request with the same key
    unknown    no answer came: looked up, and the same again where nothing was found; soon, then
               ever more seldom
    unread     -> of a shape that is not understood: kept, unknown, parked with a task for a person

Commands about one subject are asked in the order in which they were recorded: while an older one
has no answer the younger waits for it. The subject and not the customer, because a refund whose
outcome nobody knows must keep nobody from leaving.

A processor may forget a key after 24 hours, so one that is older than 20 is looked up instead of
used again; what is not found then never happened, and the command is refused. An outage consumes
nothing. What kind of command it is, and what follows from its answer, is the command's own
business. Source: docs/effects.md, "ask".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from recoup.core import states
from recoup.core.billing.answers import Answer
from recoup.core.billing.requests import UNSTORED, Request
from recoup.core.states import CommandState, Trigger
from recoup.effects.base import Work, World
from recoup.errors import (
    Busy,
    IllegalTransition,
    InvalidValue,
    KeyReused,
    NotFound,
    NotPossible,
    ProcessorError,
    Rejected,
    Unreadable,
)
from recoup.jobs import queue
from recoup.jobs.base import Cancel, Claim, Desk, Done, Handler, Park, Snooze, Wish
from recoup.store.absorb import absorb
from recoup.store.records import commands
from recoup.store.records.commands import (
    BUSY,
    UNKNOWN,
    UNREAD_TASK,
    UNREADABLE,
    Kept,
    decoded,
    legible,
    told,
    wordless,
)
from recoup.store.writer import Writer
from recoup.telemetry import span

#: A processor may forget keys after 24 hours; ours are not relied on for that long.
KEY_LIFE: Final = timedelta(hours=20)
#: When an unknown outcome is asked about again: after these waits, then every last one.
WAITS: Final = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(hours=1),
)
WAIT_IF_BUSY: Final = timedelta(seconds=5)
#: How long after the older one a command looks whether it is its turn.
WAIT_FOR_TURN: Final = timedelta(seconds=1)
NEVER: Final = (
    "it never took effect at the processor, and will not any more: ask again, with a new key"
)
LOST: Final = "what was to be asked is not stored, and the process that knew it is gone: ask again"


@dataclass(frozen=True, slots=True)
class _Todo:
    kept: Kept
    request: Request
    again: bool  #: it may have been asked before


def handler(world: World) -> Handler:
    """Return how effects of kind `ask` are run."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        for claim in claims:
            _one(world, claim, desk)

    return Handler(run, batch=10, lease=timedelta(minutes=5), max_attempts=20)


def _one(world: World, claim: Claim, desk: Desk) -> None:
    id = int(claim.args["command_id"] or 0)
    with desk.engine.begin() as connection:
        todo = _prepare(world, connection, id, desk)
        if not isinstance(todo, _Todo):
            desk.settle(connection, {claim: todo})
            return
    answer = _ask(world, todo, desk)
    with desk.engine.begin() as connection:
        wish = _record(world, connection, todo, answer, desk)
        desk.settle(connection, {claim: wish})
    if not isinstance(wish, Snooze | Park):
        world.unstored.pop(id, None)


def _prepare(world: World, connection: Connection, id: int, desk: Desk) -> _Todo | Wish:
    """Commit that the processor is about to be asked; or say why it need not, or not yet, be."""
    kept = commands.locked(connection, id)
    if kept is None or states.is_over(kept.state):
        return Cancel("the command is over")
    waiting = _not_yet(connection, kept, desk)
    if waiting is not None:
        return waiting
    writer = _writer(connection, desk, kept)
    request = decoded(kept.request) if kept.request else world.unstored.get(id)
    if request is None:
        _refuse(world, writer, kept, Rejected(LOST))
        return Cancel(LOST)
    again = states.was_asked(kept.state)
    if not again:
        try:
            result = world.kinds[kept.kind].already(_work(world, writer, kept), request)
        except NotPossible as problem:
            _refuse(world, writer, kept, problem)
            return Cancel(str(problem))
        if result is not None:
            _end(world, writer, kept, CommandState.DONE, result=msgspec.to_builtins(result))
            return Done()
        commands.move(writer, kept, CommandState.ASKED)
        writer.flush()
    return _Todo(kept, request, again)


def _not_yet(connection: Connection, kept: Kept, desk: Desk) -> Snooze | None:
    """Return until when the command waits for its day, or for its turn; None: it is there."""
    if kept.due_at is not None and desk.now() < kept.due_at:
        return Snooze(kept.due_at, f"its day is {kept.due_at:%Y-%m-%d %H:%M} UTC")
    for older in commands.ahead(connection, kept):
        return _after(connection, older, desk)
    return None


def _after(connection: Connection, older: Kept, desk: Desk) -> Snooze:
    """Wait until the older command is tried again; its end makes this one due at once."""
    now, standing = desk.now(), queue.live(connection, older.effect)
    if standing is None or standing.running:
        until = now + WAIT_IF_BUSY
    elif standing.parked:
        until = now + WAITS[-1]
    else:
        until = max(standing.due_at, now) + WAIT_FOR_TURN
    reason = None if standing is None else standing.reason
    parked = standing is not None and standing.parked
    return Snooze(until, commands.waits_for(older, reason, parked=parked))


def _ask(world: World, todo: _Todo, desk: Desk) -> Answer | ProcessorError | Unreadable:
    """Return the processor's answer, or its no. No transaction is open here."""
    key, since = todo.kept.processor_key, todo.kept.asked_at or desk.now()
    old = todo.again and desk.now() - since >= KEY_LIFE
    try:
        # A 500 is repeated by its key for as long as that lives, also where the deed was done.
        if old or todo.kept.lookups:
            with span("processor find", request=type(todo.request).__name__):
                found = world.processor.find(todo.request, key=key, since=since)
            if found is not None:
                return found
        if old:
            return Rejected(NEVER)
        with span("processor ask", request=type(todo.request).__name__):
            return world.processor.ask(todo.request, key=key)
    except ProcessorError as error:
        # It may repeat what it was asked for, and this is written down.
        return wordless(error) if type(todo.request) in UNSTORED else error
    except Unreadable as problem:
        return problem
    except InvalidValue as problem:
        return Unreadable(str(problem))


def _record(
    world: World,
    connection: Connection,
    todo: _Todo,
    answer: Answer | ProcessorError | Unreadable,
    desk: Desk,
) -> Wish:
    """Write what was learnt as facts, conclude the command, and decide again on its customer."""
    kept = commands.locked(connection, todo.kept.id)
    if kept is None or states.is_over(kept.state):
        return Cancel("the command is over")
    if isinstance(answer, Answer):
        try:
            with connection.begin_nested():
                _conclude(world, _writer(connection, desk, kept), kept, answer)
        except (Unreadable, InvalidValue, NotFound, IllegalTransition) as problem:
            told = msgspec.json.encode(replace(answer, action=None))
            answer = Unreadable(str(problem), raw=told)
        else:
            return Done()
    writer = _writer(connection, desk, kept)
    match answer:
        case Unreadable():
            return _give_to_a_person(writer, todo, kept, answer)
        case Rejected() | KeyReused():
            _refuse(world, writer, kept, answer)
            return Cancel(str(answer))
        case Busy(after=after):
            wait = WAIT_IF_BUSY if after is None else timedelta(seconds=after)
            why = UNKNOWN if todo.again else BUSY  # an earlier one may be under way
            return Snooze(desk.now() + wait, f"{why}: {answer}")
        case _:
            lookups = kept.lookups + 1
            commands.move(writer, kept, CommandState.UNKNOWN, lookups=lookups)
            writer.flush()
            wait = WAITS[min(lookups, len(WAITS)) - 1]
            return Snooze(desk.now() + wait, f"{UNKNOWN}: {answer}")


def _give_to_a_person(writer: Writer, todo: _Todo, kept: Kept, answer: Unreadable) -> Park:
    """
    Keep an answer that nobody understood, and say so: it may have done what was asked.

    When it is tried again what became of it is looked up first.
    """
    secret = type(todo.request) in UNSTORED
    words = "its words are not kept" if secret else str(answer)
    raw = None if secret or answer.raw is None else legible(answer.raw)
    lookups = kept.lookups + 1
    commands.move(writer, kept, CommandState.UNKNOWN, lookups=lookups, unread=raw)
    commands.open_task(
        writer,
        kept.customer_id,
        key=commands.unread_task(kept),
        kind=UNREAD_TASK,
        detail=(
            f"the answer to {kept.kind} of {kept.subject} (command {kept.id}) can not be "
            f"understood: {words}; it may have been carried out. Mend what reads it, then retry "
            "its effect"
        ),
    )
    writer.flush()
    return Park(f"{UNREADABLE}: {words}")


def _conclude(world: World, writer: Writer, kept: Kept, answer: Answer) -> None:
    touched = absorb(writer, world.processor.name, [answer.facts]).customers
    kind = world.kinds[kept.kind]
    work = _work(world, writer, kept)
    result = kind.conclude(work, answer)
    owner = {kept.customer_id} if kept.customer_id is not None else set()
    result = kind.settle(
        work,
        result,
        lambda: world.recompute(
            writer.connection, {*touched, *owner}, trigger=Trigger.COMMAND, now=writer.now
        ),
    )
    _end(
        world, writer, kept, CommandState.DONE,
        touched=touched, result=msgspec.to_builtins(result),
    )  # fmt: skip


def _refuse(world: World, writer: Writer, kept: Kept, error: ProcessorError | NotPossible) -> None:
    world.kinds[kept.kind].refused(_work(world, writer, kept), error)
    _end(world, writer, kept, CommandState.REFUSED, error=told(error))


def _end(
    world: World,
    writer: Writer,
    kept: Kept,
    state: CommandState,
    *,
    touched: Iterable[int] = (),
    **values: Any,
) -> None:
    """End the command, decide again on whom it touched, and let the next one have its turn."""
    commands.end(writer, kept, state, **values)
    owner = {kept.customer_id} if kept.customer_id is not None else set()
    world.recompute(writer.connection, {*touched, *owner}, trigger=Trigger.COMMAND, now=writer.now)
    following = commands.under_way(writer.connection, subject=kept.subject)[:1]
    queue.hasten(writer.connection, [each.effect for each in following], now=writer.now)


def _work(world: World, writer: Writer, kept: Kept) -> Work:
    return Work(writer, world.processor.name, kept.customer_id, kept.id, kept.args, world.plans)


def _writer(connection: Connection, desk: Desk, kept: Kept) -> Writer:
    return Writer(connection, now=desk.now(), actor=kept.actor, cause=f"command:{kept.id}")
