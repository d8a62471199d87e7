"""
What companies tell us: stored first, understood afterwards.

Storing commits before anything is read, so what was accepted is never lost; absorbing and what
follows from it share one transaction, so a crash leaves letters received, for the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from recoup.store import inbox
from recoup.webhooks.absorbing import Intake, OnAbsorbed
from recoup.webhooks.fetching import Looker, LookUp
from recoup.webhooks.summary import Summary
from recoup.webhooks.understand import Read

BATCH: Final = 1000
#: A batch holds no more bytes than this, however long its lines are.
_MOST_BYTES: Final = 16 * 2**20
#: How long an event waits for its parent.
PATIENCE: Final = timedelta(days=3)
#: So many letters are taken at once where what they concern is looked at.
LOOKED_AT_ONCE: Final = 100
#: ... and nobody else has them for so long.
LEASE: Final = timedelta(minutes=2)
_PRUNED_AT_ONCE: Final = 5000

__all__ = ["Summary", "absorb_stored", "ingest", "prune", "replay"]

Progress = Callable[[int], object]


def ingest(
    engine: Engine,
    processor: str,
    lines: Iterable[bytes],
    *,
    read: Read,
    now: datetime,
    on_absorbed: OnAbsorbed,
    batch_size: int = BATCH,
    progress: Progress | None = None,
    live: bool | None = None,
    cause: str = "ingest",
) -> Summary:
    """
    Store `lines`, one event each, then absorb them, a batch at a time; return the counts.

    Args:
        read: Says what a decoded event means; the processor's.
        now: UTC instant of reception.
        on_absorbed: Called with the connection and the ids of the customers whose rows changed,
            in the transaction that changed them.
        progress: Called after each batch with the number of lines taken in so far.
        live: Whether events of live mode belong here, and not those of test mode; None: both do.
            Those that do not are parked, and change nothing.
        cause: What the ledger names as the cause.

    Blank lines are nothing. Memory is that of one batch, however many lines there are. Lines that
    were stored before change nothing.
    """
    intake = Intake(engine, processor, read, on_absorbed, now, live=live, cause=cause)
    summary = Summary()
    for batch in _batches(lines, batch_size):
        summary += _receive(intake, batch)
        if progress is not None:
            progress(summary.lines)
    return summary


def absorb_stored(
    engine: Engine,
    processor: str,
    *,
    read: Read,
    now: datetime,
    on_absorbed: OnAbsorbed,
    batch_size: int = BATCH,
    patience: timedelta = PATIENCE,
    look_up: LookUp | None = None,
    live: bool | None = None,
) -> Summary:
    """
    Absorb what is stored and has not ended: left by a crash, due again, or with a parent by now.

    With `look_up` whatever an event concerns is looked at first, as it is now, outside of any
    transaction, and absorbed with the event; without, the event's own copy is enough.

    What has waited for longer than `patience` ends: a payment that no invoice claimed is ignored,
    anything else is parked.
    """
    intake = Intake(engine, processor, read, on_absorbed, now, live=live)
    with engine.begin() as connection:
        inbox.revive(connection, processor)
    summary = _as_told(intake, batch_size) if look_up is None else _looked_at(intake, look_up)
    with engine.begin() as connection:
        ended = inbox.give_up(connection, processor, before=now - patience, now=now)
    return summary + Summary(
        ignored={"its parent never came": ended["ignored"]} if "ignored" in ended else {},
        parked={"its parent never came": ended["parked"]} if "parked" in ended else {},
    )


def replay(engine: Engine, ids: Sequence[int]) -> int:
    """Make stored events received again; `absorb_stored` does the rest. Return how many."""
    with engine.begin() as connection:
        return inbox.replay(connection, ids)


def prune(engine: Engine, before: datetime) -> int:
    """
    Remove events that were applied or ignored before an instant; return how many.

    What has not ended stays, and so does what is parked: a person has not seen to it yet.
    """
    total = 0
    while True:
        with engine.begin() as connection:
            removed = inbox.prune(connection, before, limit=_PRUNED_AT_ONCE)
        total += removed
        if removed < _PRUNED_AT_ONCE:
            return total


def _receive(intake: Intake, lines: Sequence[bytes]) -> Summary:
    with intake.engine.begin() as connection:
        stored = inbox.store(connection, intake.processor, lines, now=intake.now)
    return intake.take(stored.letters) + Summary(
        lines=len(lines),
        stored=len(stored.letters) + stored.oversize,
        duplicates=stored.duplicates,
        parked={"larger than 1 MiB": stored.oversize} if stored.oversize else {},
    )


def _as_told(intake: Intake, batch_size: int) -> Summary:
    """Absorb what is due by what the events say."""
    summary, last = Summary(), 0
    while letters := _due(intake, after=last, limit=batch_size):
        summary += intake.take(letters)
        last = letters[-1].id
    return summary


def _looked_at(intake: Intake, look_up: LookUp) -> Summary:
    """Absorb what is due, with what it concerns as that is now."""
    looker, summary = Looker(intake, look_up), Summary()
    while letters := _leased(intake):
        summary += intake.take_looked(looker.look(letters))
    return summary


def _leased(intake: Intake) -> list[inbox.Letter]:
    with intake.engine.begin() as connection:
        return inbox.lease(
            connection,
            intake.processor,
            now=intake.now,
            until=intake.now + LEASE,
            limit=LOOKED_AT_ONCE,
        )


def _due(intake: Intake, *, after: int, limit: int) -> list[inbox.Letter]:
    with intake.engine.begin() as connection:
        return inbox.due(connection, intake.processor, now=intake.now, after=after, limit=limit)


def _batches(lines: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    weight = 0
    for line in lines:
        kept = line.rstrip(b"\r\n")
        if not kept.strip():
            continue
        batch.append(kept)
        weight += len(kept)
        if len(batch) >= size or weight >= _MOST_BYTES:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch
