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
from recoup.webhooks.summary import Summary
from recoup.webhooks.understand import Read

BATCH: Final = 1000
#: A batch holds no more bytes than this, however long its lines are.
_MOST_BYTES: Final = 16 * 2**20
#: How long an event waits for its parent.
PATIENCE: Final = timedelta(days=3)
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
) -> Summary:
    """
    Store `lines`, one event each, then absorb them, a batch at a time; return the counts.

    Args:
        read: Says what a decoded event means; the processor's.
        now: UTC instant of reception.
        on_absorbed: Called with the connection and the ids of the customers whose rows changed,
            in the transaction that changed them.
        progress: Called after each batch with the number of lines taken in so far.

    Blank lines are nothing. Memory is that of one batch, however many lines there are. Lines that
    were stored before change nothing.
    """
    intake = Intake(engine, processor, read, on_absorbed, now)
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
) -> Summary:
    """
    Absorb what is stored and has not ended: left by a crash, due again, or with a parent by now.

    What has waited for longer than `patience` ends: a payment that no invoice claimed is ignored,
    anything else is parked.
    """
    intake = Intake(engine, processor, read, on_absorbed, now)
    with engine.begin() as connection:
        inbox.revive(connection, processor)
    summary, last = Summary(), 0
    while letters := _due(intake, after=last, limit=batch_size):
        summary += intake.take(letters)
        last = letters[-1].id
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
