"""Giving up a command that has no answer, because a person says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from recoup.commands.base import Office, Recording, printable
from recoup.core import states
from recoup.core.billing.catalogue import Catalogue
from recoup.core.states import CommandState, Trigger
from recoup.errors import InProgress, NotFound, NotPossible, Rejected
from recoup.jobs import queue
from recoup.store.records import commands
from recoup.store.records.commands import CALLED_OFF, Kept, told
from recoup.store.writer import Writer


@dataclass(frozen=True, slots=True)
class _Work:
    writer: Writer
    processor: str
    customer_id: int | None
    command_id: int
    args: Any
    plans: Catalogue


def call_off(office: Office, key: str, reason: str) -> None:
    """
    End the command as refused, with what it had taken given back; nobody is asked.

    Raises:
        NotFound: there is none.
        NotPossible: it is over.
        InProgress: it is being carried out at this moment.
    """
    with office.writing() as connection:
        found = commands.by_key(connection, printable(key))
        kept = None if found is None else commands.locked(connection, found.id)
        if kept is None:
            raise NotFound(f"no command has the key {key!r}")
        if states.is_over(kept.state):
            raise NotPossible(f"{kept.kind} with the key {key!r} is over")
        live = queue.live(connection, kept.effect)
        if live is not None:
            queue.retry(connection, [live.id], now=office.now())  # only scheduled ones can be
            if not queue.cancel(connection, reason=reason, now=office.now(), keys=[kept.effect]):
                raise InProgress(f"{kept.kind} with the key {key!r} is being carried out")
        writer = Writer(
            connection, now=office.now(), actor=office.actor, cause=f"command:{kept.id}"
        )
        refuse(office, writer, kept, reason)
    office.unstored.pop(kept.id, None)


def refuse(office: Office, writer: Writer, kept: Kept, reason: str) -> None:
    """End the command as called off, what it had taken given back. Its customer is locked."""
    tail = "; what became of it at the processor is not known" * states.was_asked(kept.state)
    error = Rejected(f"{CALLED_OFF}{reason}{tail}")
    work = _Work(writer, office.processor.name, kept.customer_id, kept.id, kept.args, office.plans)
    office.kinds[kept.kind].refused(work, error)
    commands.end(writer, kept, CommandState.REFUSED, error=told(error))
    if kept.customer_id is not None:
        office.recompute(
            writer.connection, [kept.customer_id], trigger=Trigger.COMMAND, now=writer.now
        )
    after = commands.under_way(writer.connection, subject=kept.subject)[:1]
    queue.hasten(writer.connection, [each.effect for each in after], now=writer.now)


def give_up(office: Office, recording: Recording, kept: Kept) -> None:
    """End what is still to begin. A worker that comes to it at this instant finds it over."""
    now, keys = recording.now, [kept.effect]
    queue.cancel(recording.connection, reason="called off", now=now, keys=keys)
    refuse(office, recording.writer, kept, "before its day")
