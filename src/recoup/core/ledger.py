"""
The ledger's arithmetic: what an entry is, how entries are chained, and how they fold into state.

An entry says which fields of one subject changed, from what to what. Folding the entries of a
customer up to an instant gives the state of every subject at that instant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from recoup.errors import StoreError

#: What the first entry of a customer has as its previous hash.
GENESIS: Final = bytes(32)

#: The version of entries written today. Older ones are upcast when they are folded.
VERSION: Final = 1

Changes = Mapping[str, tuple[Any, Any]]

#: From the changes of one subject in some version to the same changes in the next version.
Upcast = Callable[[str, Changes], Changes]

#: Version -> how its entries become entries of the version after it. Version 1 is the first.
UPCASTS: Final[Mapping[int, Upcast]] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One change of one subject.

    `occurred_at` is when it happened in the world, `recorded_at` when it was written; both UTC.
    `body` is canonical JSON: field -> [before, after]. `cause` names what brought it about, for
    example "event:evt_1", "run:12" or "effect:7".
    """

    customer_id: int
    seq: int
    type: str
    version: int
    subject: str
    body: str
    actor: str
    cause: str
    occurred_at: datetime
    recorded_at: datetime
    previous: bytes
    hash: bytes


def link(
    previous: bytes,
    customer_id: int,
    seq: int,
    *,
    type: str,
    version: int,
    subject: str,
    body: str,
    actor: str,
    cause: str,
    occurred_at: datetime,
    recorded_at: datetime,
) -> bytes:
    """Return the hash that chains an entry to the one before it (SHA-256, 32 bytes)."""
    stamps = stamp(occurred_at), stamp(recorded_at)
    return digest(previous, customer_id, seq, type, version, subject, body, actor, cause, *stamps)


def digest(
    previous: bytes,
    customer_id: int,
    seq: int,
    type: str,
    version: int,
    subject: str,
    body: str,
    actor: str,
    cause: str,
    occurred: str,
    recorded: str,
) -> bytes:
    """Return the hash of an entry whose instants are `stamp`ed already."""
    # Lengths come first, so no two entries can have the same text by moving a separator.
    text = (
        f"{customer_id}\n{seq}\n{version}\n{len(type)} {len(subject)} {len(actor)} {len(cause)}\n"
        f"{type}{subject}{actor}{cause}\n{occurred}\n{recorded}\n{body}"
    )
    return hashlib.sha256(previous + text.encode()).digest()


def stamp(instant: datetime) -> str:
    """Return an instant as the ledger writes it: UTC, ISO 8601, always with microseconds."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def upcast(
    subject: str, version: int, changes: Changes, *, upcasts: Mapping[int, Upcast] = UPCASTS
) -> Changes:
    """
    Return the changes of an entry of any known version, as today's version says them.

    Raises:
        StoreError: the version is unknown: newer than this code, or older than its memory.
    """
    newest = max(upcasts, default=VERSION - 1) + 1
    while version != newest:
        if version not in upcasts:
            raise StoreError(f"ledger entry version {version} of {subject} is unknown")
        changes = upcasts[version](subject, changes)
        version += 1
    return changes


def fold(
    entries: Iterable[tuple[str, int, Changes]], *, upcasts: Mapping[int, Upcast] = UPCASTS
) -> dict[str, dict[str, Any]]:
    """
    Return subject -> field -> value after all `entries` (subject, version, changes), in order.

    Raises:
        StoreError: an entry's version is unknown, or it does not start where the state is. An
            unknown entry stops the fold: skipping one would make every later answer a guess.
    """
    state: dict[str, dict[str, Any]] = {}
    for subject, version, written in entries:
        changes = upcast(subject, version, written, upcasts=upcasts)
        fields = state.setdefault(subject, {})
        for name, (before, after) in changes.items():
            if fields.get(name) != before:
                raise StoreError(
                    f"ledger of {subject}: {name} goes from {before!r}, "
                    f"but it was {fields.get(name)!r}"
                )
            fields[name] = after
    return state
