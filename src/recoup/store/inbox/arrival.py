"""Keeping what arrives, before anybody tries to understand it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any, Final

from sqlalchemy import Connection

from recoup.store import batch
from recoup.store.inbox.envelope import LARGEST, opened, sealed
from recoup.store.inbox.passage import Letter
from recoup.store.inbox.redaction import redacted

_INSERT: Final = """
INSERT INTO inbox (processor, key, type, raw, state, reason, happened_at, received_at, ended_at)
SELECT %b, v.key, v.type, substr(%b::bytea, v.begins, v.size),
       CASE WHEN v.reason IS NULL THEN 'received' ELSE 'parked' END,
       v.reason, to_timestamp(v.created), %b,
       CASE WHEN v.reason IS NOT NULL THEN %b::timestamptz END
FROM unnest(%b::text[], %b::text[], %b::text[], %b::bigint[], %b::integer[], %b::integer[])
     v(key, type, reason, created, begins, size)
ON CONFLICT (processor, key) DO NOTHING
RETURNING id, key
"""
_INSERT_AND: Final = """
WITH fresh AS ({insert}){then}
SELECT id, key, (SELECT count(*) FROM told) FROM fresh
"""
#: What else a statement does for every row of `fresh`, and its parameters; it ends in `told`.
Then = tuple[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch of lines: new letters; new ones parked at once; repeats."""

    letters: tuple[Letter, ...]
    oversize: int
    duplicates: int


def store(
    connection: Connection,
    processor: str,
    lines: Sequence[bytes],
    *,
    now: datetime,
    faults: Mapping[bytes, str] | None = None,
    then: Then | None = None,
) -> Stored:
    """
    Keep `lines` as they are, but for addresses and the like; return which of them are new.

    A line is known by its event's id, or by its hash when it is no event; of lines with one key
    the first is kept. What is larger than 1 MiB is parked at once, and so is a line that `faults`
    names, with the fault that its receiver found. It is one statement, with `then` in it.
    """
    known = faults or {}
    rows: dict[str, tuple[Any, ...]] = {}
    for line in lines:
        row = _row(line, known.get(line))
        rows.setdefault(row[0], row)
    # In one order everywhere, so that twin deliveries wait for each other and never deadlock.
    ordered = [rows[key] for key in sorted(rows)]
    *heads, raws = map(list, zip(*ordered, strict=True)) if ordered else [[]] * 5
    # One value with all bytes: an array of them is twice as long, and its text slow to read.
    sizes = [len(raw) for raw in raws]
    begins = list(accumulate(sizes, initial=1))[:-1]
    given = (processor, b"".join(raws), now, now, *heads, begins, sizes)
    inserted = _inserted(connection, given, then)
    fresh = tuple(Letter(id, rows[key][-1], 0, key) for id, key, *_ in inserted)
    kept = tuple(letter for letter in fresh if len(letter.raw) <= LARGEST)
    return Stored(
        letters=kept,
        oversize=len(fresh) - len(kept),
        duplicates=len(lines) - len(fresh),
    )


def _inserted(connection: Connection, given: Sequence[Any], then: Then | None) -> list[Any]:
    if then is None:
        return batch.fetch(connection, _INSERT, given)
    sql = _INSERT_AND.format(insert=_INSERT, then=then[0])
    return batch.fetch(connection, sql, (*given, *then[1]))


def _row(line: bytes, fault: str | None) -> tuple[Any, ...]:
    # Only the head is kept here: a thousand decoded events at once would cost more time in the
    # garbage collector than decoding each again when its turn comes.
    head = opened(line) if fault is None else sealed(line, fault)
    reason = head.fault if fault is not None or len(line) > LARGEST else None
    kept = line if head.event is None else redacted(line, head.event)
    return head.key, head.type, reason, head.created, kept
