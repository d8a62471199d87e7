"""Keeping what arrives, before anybody tries to understand it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.store import batch
from recoup.store.inbox.envelope import LARGEST, opened
from recoup.store.inbox.passage import Letter
from recoup.store.inbox.redaction import redacted

_INSERT: Final = """
INSERT INTO inbox (processor, key, type, raw, state, reason, happened_at, received_at, ended_at)
SELECT %b, v.key, v.type, v.raw, CASE WHEN v.reason IS NULL THEN 'received' ELSE 'parked' END,
       v.reason, to_timestamp(v.created), %b,
       CASE WHEN v.reason IS NOT NULL THEN %b::timestamptz END
FROM unnest(%b::text[], %b::text[], %b::bytea[], %b::text[], %b::bigint[])
     v(key, type, raw, reason, created)
ON CONFLICT (processor, key) DO NOTHING
RETURNING id, key
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch of lines: new letters; new ones parked at once; repeats."""

    letters: tuple[Letter, ...]
    oversize: int
    duplicates: int


def store(
    connection: Connection, processor: str, lines: Sequence[bytes], *, now: datetime
) -> Stored:
    """
    Keep `lines` as they are, but for addresses and the like; return which of them are new.

    A line is known by its event's id, or by its hash when it is no event; of lines with one key
    the first is kept. What is larger than 1 MiB is parked at once.
    """
    rows: dict[str, tuple[Any, ...]] = {}
    for line in lines:
        row = _row(line)
        rows.setdefault(row[0], row)
    # In one order everywhere, so that twin deliveries wait for each other and never deadlock.
    columns = [list(column) for column in zip(*(rows[key] for key in sorted(rows)), strict=True)]
    inserted = batch.fetch(connection, _INSERT, (processor, now, now, *(columns or [[]] * 5)))
    fresh = tuple(Letter(id, rows[key][2], 0) for id, key in inserted)
    kept = tuple(letter for letter in fresh if len(letter.raw) <= LARGEST)
    return Stored(
        letters=kept,
        oversize=len(fresh) - len(kept),
        duplicates=len(lines) - len(fresh),
    )


def _row(line: bytes) -> tuple[Any, ...]:
    # Only the head is kept here: a thousand decoded events at once would cost more time in the
    # garbage collector than decoding each again when its turn comes.
    head = opened(line)
    reason = head.fault if len(line) > LARGEST else None
    kept = line if head.fault else redacted(line)
    return head.key, head.type, kept, reason, head.created
