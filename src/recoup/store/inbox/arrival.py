"""Keeping what arrives, before anybody tries to understand it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.store import batch
from recoup.store.inbox.envelope import LARGEST, Envelope, opened

_INSERT: Final = """
INSERT INTO inbox (processor, key, type, raw, state, reason, happened_at, received_at, ended_at)
SELECT %b, v.key, v.type, v.raw, CASE WHEN v.reason IS NULL THEN 'received' ELSE 'parked' END,
       v.reason, v.happened_at, %b, CASE WHEN v.reason IS NOT NULL THEN %b::timestamptz END
FROM unnest(%b::text[], %b::text[], %b::bytea[], %b::text[], %b::timestamptz[])
     v(key, type, raw, reason, happened_at)
ON CONFLICT (processor, key) DO NOTHING
RETURNING id, key
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch of lines: new rows to absorb, new rows parked at once, repeats."""

    ids: tuple[int, ...]
    lines: tuple[bytes, ...]  #: the lines of `ids`
    oversize: int
    duplicates: int


def store(
    connection: Connection, processor: str, lines: Sequence[bytes], *, now: datetime
) -> Stored:
    """
    Keep `lines` as they are; return which of them are new.

    A line is known by its event's id, or by its hash when it is no event; of lines with one key
    the first is kept. What is larger than 1 MiB is parked at once.
    """
    found: dict[str, tuple[Envelope, bytes]] = {}
    for line in lines:
        envelope = opened(line)
        found.setdefault(envelope.key, (envelope, line))
    # In one order everywhere, so that twin deliveries wait for each other and never deadlock.
    keys = sorted(found)
    rows = [_row(*found[key]) for key in keys]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 5
    inserted = batch.fetch(connection, _INSERT, (processor, now, now, *columns))
    fresh = [(id, found[key][1]) for id, key in inserted]
    kept = [(id, line) for id, line in fresh if len(line) <= LARGEST]
    return Stored(
        ids=tuple(id for id, _ in kept),
        lines=tuple(line for _, line in kept),
        oversize=len(fresh) - len(kept),
        duplicates=len(lines) - len(fresh),
    )


def _row(envelope: Envelope, line: bytes) -> tuple[Any, ...]:
    reason = envelope.fault if len(line) > LARGEST else None
    return envelope.key, envelope.type, line, reason, envelope.happened_at
