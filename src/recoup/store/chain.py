"""
Whether the ledger is what was written: every hash, link and sequence, and every head.

No hash is taken on trust; each is computed anew from what the entry says. What this finds, and
what it can not find without a checkpoint kept elsewhere, is told in docs/ledger.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.ledger import GENESIS, UPCASTS, VERSION, digest
from recoup.store import batch
from recoup.store.snapshot import steady, stream

#: More than these are not listed: the ledger is in ruins and the first ones tell where to look.
MOST_PROBLEMS: Final = 1_000
_KNOWN: Final = frozenset({VERSION, *UPCASTS})
_PART: Final = 10_000

# The instants as `stamp` writes them, because rendering them there costs this process nothing.
_STAMP: Final = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_ENTRIES: Final = f"""
    SELECT e.customer_id, e.seq, e.type, e.version, e.subject, e.body, e.actor, e.cause,
           {_STAMP.format("e.occurred_at")}, {_STAMP.format("e.recorded_at")},
           e.previous, e.hash, h.seq, CASE WHEN h.seq = e.seq THEN h.hash END
    FROM ledger_entries e LEFT JOIN ledger_heads h ON h.customer_id = e.customer_id
    ORDER BY e.customer_id, e.seq
"""
_SILENT: Final = """
    SELECT c.id, h.seq
    FROM customers c LEFT JOIN ledger_heads h ON h.customer_id = c.id
    WHERE NOT EXISTS (SELECT FROM ledger_entries e WHERE e.customer_id = c.id)
    ORDER BY c.id
"""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one customer's ledger, and from which entry on."""

    customer_id: int
    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What a verification went through and what it found, by customer and sequence."""

    entries: int
    customers: int
    problems: tuple[Problem, ...]

    @property
    def sound(self) -> bool:
        return not self.problems


def verify(
    connection: Connection, *, progress: Callable[[int], None] | None = None
) -> LedgerReport:
    """
    Go through every entry and report every problem, at most `MOST_PROBLEMS`.

    Found are entries that were changed, lost, added, moved or written by a version this code
    does not know, ledgers that lost their end, and customers who have none. A ledger rewritten
    from its first entry with all its hashes is found by `against` only.

    Args:
        progress: Is told now and then how many entries are done.
    """
    steady(connection)
    count = _Count(progress)
    problems: list[Problem] = []
    for problem in _flaws(count.over(stream(connection, _ENTRIES)), count):
        # To the end in any case: leaving a stream early would end the caller's transaction.
        if len(problems) < MOST_PROBLEMS:
            problems.append(problem)
    for customer_id, seq in batch.fetch(connection, _SILENT):
        if len(problems) < MOST_PROBLEMS:
            what = f"all entries are missing, the head says {seq}" if seq else "no entry at all"
            problems.append(Problem(customer_id, 1, what))
    problems.sort(key=lambda problem: (problem.customer_id, problem.seq))
    return LedgerReport(count.entries, count.customers, tuple(problems))


def heads(connection: Connection) -> Iterator[str]:
    """Yield a line for each customer's newest entry: id, sequence and hash, by id."""
    sql = """
        SELECT customer_id, seq, encode(hash, 'hex') FROM ledger_heads
        WHERE customer_id > %s ORDER BY customer_id LIMIT %s
    """
    steady(connection)
    last = 0
    while rows := batch.fetch(connection, sql, (last, _PART)):
        last = rows[-1][0]
        for customer_id, seq, hash in rows:
            yield f"{customer_id} {seq} {hash}\n"


def checkpoint(connection: Connection) -> str:
    """
    Return the SHA-256 (hex) of the text that `heads` gives.

    Keep it where whoever owns the database can not write, and the heads anywhere.
    """
    return digest_of(heads(connection))


def digest_of(lines: Iterable[str]) -> str:
    """Return the digest that anchors these heads."""
    sha = hashlib.sha256()
    for line in lines:
        sha.update(line.encode())
    return sha.hexdigest()


def against(connection: Connection, lines: Iterable[str]) -> tuple[Problem, ...]:
    """
    Return where the ledger is not a continuation of heads kept earlier, at most `MOST_PROBLEMS`.

    Together with `verify` this finds every change of what was written before them. That the
    lines are the ones kept is for the caller to check, with `digest_of`.
    """
    rest = iter(lines)
    problems: list[Problem] = []
    while part := list(islice(rest, _PART)):
        problems.extend(_moved(connection, [_head(line) for line in part]))
    return tuple(problems[:MOST_PROBLEMS])


def _head(line: str) -> tuple[int, int, bytes]:
    customer_id, seq, hash = line.split()
    return int(customer_id), int(seq), bytes.fromhex(hash)


def _moved(connection: Connection, kept: list[tuple[int, int, bytes]]) -> Iterator[Problem]:
    sql = """
        SELECT k.id, k.seq, e.hash IS NULL
        FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) k (id, seq, hash)
        LEFT JOIN ledger_entries e ON e.customer_id = k.id AND e.seq = k.seq
        WHERE e.hash IS DISTINCT FROM k.hash
        ORDER BY 1
    """
    columns = [list(column) for column in zip(*kept, strict=True)]
    for customer_id, seq, missing in batch.fetch(connection, sql, columns):
        what = "is missing since the checkpoint" if missing else "is not the checkpoint's"
        yield Problem(customer_id, seq, f"entry {what}")


class _Count:
    """Counts entries and customers while they pass by."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self.entries = 0
        self.customers = 0
        self._progress = progress

    def over(self, rows: Iterator[Any]) -> Iterator[Any]:
        for row in rows:
            self.entries += 1
            if self._progress and not self.entries % _PART:
                self._progress(self.entries)
            yield row


def _flaws(rows: Iterator[Any], count: _Count) -> Iterator[Problem]:
    customer, at, last = 0, 0, GENESIS
    head: int | None = None
    head_hash: bytes | None = None
    for row in rows:
        if row[0] != customer:
            if at:
                yield from _ending(customer, at, last, head, head_hash)
            count.customers += 1
            customer, at, last = row[0], 0, GENESIS
        seq: int = row[1]
        previous, hash, head, head_hash = row[10:]
        if seq != at + 1:
            yield Problem(customer, seq, _jump(at, seq))
        if previous != last:
            yield Problem(customer, seq, "the chain is broken: it follows another entry")
        if row[3] not in _KNOWN:
            yield Problem(customer, seq, f"version {row[3]} is unknown")
        if digest(previous, *row[:10]) != hash:
            yield Problem(customer, seq, "the entry was changed: its hash is not its content's")
        at, last = seq, hash
    if at:
        yield from _ending(customer, at, last, head, head_hash)


def _jump(at: int, seq: int) -> str:
    if seq <= at:
        return f"a fork: entry {seq} is there twice"
    missing = f"{at + 1}" if seq == at + 2 else f"{at + 1} to {seq - 1}"
    return f"a gap: {missing} missing"


def _ending(
    customer: int, at: int, last: bytes, head: int | None, head_hash: bytes | None
) -> Iterator[Problem]:
    if head is None:
        yield Problem(customer, at, "the ledger has no head")
    elif head > at:
        yield Problem(customer, at + 1, f"the tail is missing: the head is at {head}")
    elif head < at:
        yield Problem(customer, head + 1, f"entries behind the head, which is at {head}")
    elif head_hash != last:
        yield Problem(customer, at, "the head has another hash than the last entry")
