"""
The ledger's rows: appended in the transaction of the change, verified, and folded.

Appending needs the lock on each customer's row; that makes sequences gapless and chains single.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from recoup.core.ledger import GENESIS, VERSION, Changes, Entry, digest, fold, stamp
from recoup.store import batch, tables
from recoup.store.events import outbox
from recoup.store.mails.post import OFF, Post, off

_COLUMNS: Final = (
    "customer_id seq type version subject body actor cause occurred_at recorded_at previous hash"
).split()
#: Who has changed a row past its ledger, as far as anybody can say.
UNKNOWN: Final = "unknown"

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(dict[str, tuple[Any, Any]]).decode


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A change to be recorded; sequence and hash follow from its place."""

    customer_id: int
    type: str
    subject: str
    changes: Changes
    occurred_at: datetime


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """Return field -> (before, after) of the fields in `after` that differ."""
    was = before.get
    return {name: (old, value) for name, value in after.items() if (old := was(name)) != value}


def append(
    connection: Connection, entries: Sequence[NewEntry], *, actor: str, cause: str, now: datetime
) -> None:
    """
    Write `entries`, in order, behind what each customer's ledger holds already; what the host
    wants to be told of them; and the mails that they have sent.
    """
    if not entries:
        return
    ids = sorted({entry.customer_id for entry in entries})
    before, events, switched_off = _heads(connection, ids)
    # What an import finds, or what somebody has changed past us, is nothing that just happened.
    silent = cause.startswith("import:") or actor == UNKNOWN
    mails = Post(switched_off, now=now, silent=silent)
    heads = dict(before)
    recorded = stamp(now)
    rows = []
    for entry in entries:
        customer_id, type, subject = entry.customer_id, entry.type, entry.subject
        seq, previous = heads.get(customer_id, (0, GENESIS))
        seq += 1
        body = _encode(entry.changes).decode()
        at = entry.occurred_at
        occurred = recorded if at is now else stamp(at)
        told = (customer_id, seq, type, VERSION, subject, body, actor, cause)
        hash = digest(previous, *told, occurred, recorded)
        rows.append((*told, at, now, previous, hash))
        heads[customer_id] = (seq, hash)
        events.take(customer_id, seq, type, subject, entry.changes, at)
        mails.take(customer_id, type, subject, entry.changes, at)
    batch.copy(connection, tables.ledger_entries, _COLUMNS, rows)
    fresh = [(id, *heads[id]) for id in ids if id not in before]
    batch.copy(connection, tables.ledger_heads, ("customer_id", "seq", "hash"), fresh)
    _move_heads(connection, [(id, *heads[id]) for id in ids if id in before])
    events.publish(connection, now=now)
    mails.publish(connection)


def timeline(
    connection: Connection,
    customer_id: int,
    *,
    subject: str | None = None,
    until: datetime | None = None,
) -> tuple[Entry, ...]:
    """
    Return what was recorded about a customer, oldest first.

    Args:
        subject: Only this one, for example "invoice:7".
        until: Only what was recorded up to and including this instant.
    """
    sql = f"""
        SELECT {", ".join(_COLUMNS)} FROM ledger_entries
        WHERE customer_id = %s AND (%s::text IS NULL OR subject = %s)
          AND seq < coalesce((SELECT min(seq) FROM ledger_entries
                              WHERE customer_id = %s AND recorded_at > %s), 'Infinity'::float8)
        ORDER BY seq
    """
    # What follows a later entry is later, even if a clock was set back in between.
    parameters = (customer_id, subject, subject, customer_id, until)
    rows = batch.fetch(connection, sql, parameters)
    return tuple(Entry(*row) for row in rows)


def state_as_of(
    connection: Connection, customer_id: int, instant: datetime
) -> dict[str, dict[str, Any]]:
    """
    Return subject -> field -> value as the tables held them at `instant` (UTC).

    Values are JSON's: instants are text. A field that was never set is not there.

    Raises:
        StoreError: the entries do not fit one another, or one has an unknown version.
    """
    entries = timeline(connection, customer_id, until=instant)
    return fold((e.subject, e.version, _decode(e.body)) for e in entries)


def _heads(
    connection: Connection, ids: list[int]
) -> tuple[dict[int, tuple[int, bytes]], outbox.Outbox, frozenset[str]]:
    """
    Return where each customer's ledger ends, the outbox, of what is wanted at present, and the
    mails that are switched off.
    """
    sql = "SELECT customer_id, seq, hash FROM ledger_heads WHERE customer_id = ANY(%s)"
    heads, wanted, kept = batch.fetch_each(connection, [(sql, (ids,)), outbox.WANTED, OFF])
    found = {id: (seq, hash) for id, seq, hash in heads}
    return found, outbox.Outbox(type for (type,) in wanted), off(kept)


def _move_heads(connection: Connection, heads: Sequence[tuple[int, int, bytes]]) -> None:
    if not heads:
        return
    # One value with all hashes, because the driver is slow at arrays of bytes.
    sql = """
        UPDATE ledger_heads h SET seq = v.seq, hash = substr(%s, (32 * v.place - 31)::int, 32)
        FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY v (id, seq, place)
        WHERE h.customer_id = v.id
    """
    ids, seqs, hashes = zip(*heads, strict=True)
    batch.driver(connection).execute(sql, (b"".join(hashes), list(ids), list(seqs)))
