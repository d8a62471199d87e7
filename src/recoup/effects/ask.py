"""
Asks the processor for what a command wants, and concludes the command with the answer.

    recorded   -> committed as asked, with its key, before anything is asked
    asked      the process died while asking: the same request with the same key
    unknown    no answer came: looked up, and the same again where nothing was found; soon, then
               ever more seldom

A processor may forget a key after 24 hours, so one that is older than 20 is looked up instead of
used again; what is not found then never happened, and the command is refused. An outage consumes
nothing. What kind of command it is, and what follows from its answer, is the command's own
business. Source: docs/effects.md, "ask".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection

from recoup.core import states
from recoup.core.billing.answers import Answer
from recoup.core.billing.requests import UNSTORED, Request
from recoup.core.states import CommandState
from recoup.effects.base import Work, World
from recoup.errors import Busy, KeyReused, ProcessorError, Rejected
from recoup.jobs.base import Cancel, Claim, Desk, Done, Handler, Snooze, Wish
from recoup.store.absorb import absorb
from recoup.store.records import commands
from recoup.store.records.commands import BUSY, UNKNOWN, Kept, decoded, told, wordless
from recoup.store.writer import Writer

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
        if isinstance(todo, Cancel):
            desk.settle(connection, {claim: todo})
            return
    answer = _ask(world, todo, desk)
    with desk.engine.begin() as connection:
        wish = _record(world, connection, todo, answer, desk)
        desk.settle(connection, {claim: wish})
    if not isinstance(wish, Snooze):
        world.unstored.pop(id, None)


def _prepare(world: World, connection: Connection, id: int, desk: Desk) -> _Todo | Cancel:
    """Commit that the processor is about to be asked; or say why it need not be."""
    kept = commands.locked(connection, id)
    if kept is None or states.is_over(kept.state):
        return Cancel("the command is over")
    writer = _writer(connection, desk, kept)
    request = decoded(kept.request) if kept.request else world.unstored.get(id)
    if request is None:
        _refuse(world, writer, kept, Rejected(LOST))
        return Cancel(LOST)
    again = states.was_asked(kept.state)
    if not again:
        commands.move(writer, kept, CommandState.ASKED)
        writer.flush()
    return _Todo(kept, request, again)


def _ask(world: World, todo: _Todo, desk: Desk) -> Answer | ProcessorError:
    """Return the processor's answer, or its no. No transaction is open here."""
    key, since = todo.kept.processor_key, todo.kept.asked_at or desk.now()
    old = todo.again and desk.now() - since >= KEY_LIFE
    try:
        # A 500 is repeated by its key for as long as that lives, also where the deed was done.
        if old or todo.kept.lookups:
            found = world.processor.find(todo.request, key=key, since=since)
            if found is not None:
                return found
        if old:
            return Rejected(NEVER)
        return world.processor.ask(todo.request, key=key)
    except ProcessorError as error:
        # It may repeat what it was asked for, and this is written down.
        return wordless(error) if type(todo.request) in UNSTORED else error


def _record(
    world: World, connection: Connection, todo: _Todo, answer: Answer | ProcessorError, desk: Desk
) -> Wish:
    """Write what was learnt as facts, conclude the command, and decide again on its customer."""
    kept = commands.locked(connection, todo.kept.id)
    if kept is None or states.is_over(kept.state):
        return Cancel("the command is over")
    writer = _writer(connection, desk, kept)
    match answer:
        case Answer():
            _conclude(world, writer, kept, answer)
            return Done()
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


def _conclude(world: World, writer: Writer, kept: Kept, answer: Answer) -> None:
    touched = set(absorb(writer, world.processor.name, [answer.facts]).customers)
    kind = world.kinds[kept.kind]
    result = kind.conclude(_work(world, writer, kept), answer)
    commands.move(writer, kept, CommandState.DONE, result=msgspec.to_builtins(result))
    writer.flush()
    touched |= {kept.customer_id} if kept.customer_id is not None else set()
    world.recompute(writer.connection, touched, trigger="command", now=writer.now)


def _refuse(world: World, writer: Writer, kept: Kept, error: ProcessorError) -> None:
    world.kinds[kept.kind].refused(_work(world, writer, kept), error)
    commands.move(writer, kept, CommandState.REFUSED, error=told(error))
    writer.flush()
    touched = {kept.customer_id} if kept.customer_id is not None else set()
    world.recompute(writer.connection, touched, trigger="command", now=writer.now)


def _work(world: World, writer: Writer, kept: Kept) -> Work:
    return Work(writer, world.processor.name, kept.customer_id, kept.id, kept.args, world.plans)


def _writer(connection: Connection, desk: Desk, kept: Kept) -> Writer:
    return Writer(connection, now=desk.now(), actor=kept.actor, cause=f"command:{kept.id}")
