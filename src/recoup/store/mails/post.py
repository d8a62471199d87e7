"""
The post: among entries of the ledger, those that have a mail sent; its row and what sends it.

What is known of a cause twice has one key, and the second row is not made. A type that is
switched off gets its row too, left out from the beginning, so that nobody wonders where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from recoup.core.ledger import Changes
from recoup.core.occasions import MATRIX, SIGNS, Fixed, Occasion, Posted
from recoup.core.occasions.base import STALE
from recoup.core.occasions.signs import Sign
from recoup.store import batch
from recoup.store.events.catalogue import EVENTS, Public, When

#: The setting with the types that are switched off, and a query for it, to travel with others.
SETTING: Final = "mails_off"
OFF: Final = ("SELECT value FROM settings WHERE name = 'mails_off'", ())
#: Why a mail of such a type is not sent.
SWITCHED_OFF: Final = "this type of mail is switched off"

_encode = msgspec.json.Encoder().encode

#: One statement. The jobs' own module can not be asked to enqueue: it is known only when it is
#: written which rows are new.
_PUBLISH: Final = """
    WITH made AS (
        INSERT INTO mails (key, type, customer_id, args, state, reason, queued_at)
        SELECT key, type, customer_id, args,
               CASE WHEN type = ANY(%s) THEN 'skipped' ELSE 'queued' END,
               CASE WHEN type = ANY(%s) THEN %s END, %s
        FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::jsonb[])
             WITH ORDINALITY AS given (key, type, customer_id, args, place)
        ORDER BY place
        ON CONFLICT (key) DO NOTHING
        RETURNING id, key, customer_id, state
    ), added AS (
        INSERT INTO effects (kind, key, queue, customer_id, args, due_at, created_at)
        SELECT 'send_mail', 'mail:' || key, 'mail', customer_id,
               jsonb_build_object('mail_id', id), %s, %s
        FROM made WHERE state = 'queued' ORDER BY id
        RETURNING queue
    ), told AS (
        SELECT pg_notify('recoup_effects', queue) FROM (SELECT DISTINCT queue FROM added) AS due
    )
    SELECT made.id, made.key FROM made LEFT JOIN told ON true"""

_FIXED: Final = {
    "invoice": "SELECT id, subscription_id IS NULL FROM invoices WHERE id = ANY(%s)",
    "attempt": "SELECT id, off_session AND origin NOT IN ('customer', 'bad_debt') FROM attempts "
    "WHERE id = ANY(%s)",
    "gate": "SELECT id, purpose = 'start' FROM gates WHERE id = ANY(%s)",
    "restriction": "SELECT id, case_id FROM restrictions WHERE id = ANY(%s)",
}
_FIELD: Final = {
    "invoice": "one_off", "attempt": "alone", "gate": "start", "restriction": "case_id",
}  # fmt: skip
_NOTHING: Final = Fixed()


def _watched() -> Mapping[str, Sequence[tuple[When, Sequence[Occasion]]]]:
    """Return, by kind of subject, what has mails sent and which."""
    by_cause: dict[str, list[Occasion]] = {}
    for one in MATRIX:
        by_cause.setdefault(one.cause, []).append(one)
    causes: dict[str, Public | Sign] = {**EVENTS, **SIGNS}
    found: dict[str, list[tuple[When, Sequence[Occasion]]]] = {}
    for name, mails in by_cause.items():
        cause = causes.get(name)
        if cause is not None:
            found.setdefault(cause.kind, []).append((cause.when, tuple(mails)))
    return found


_WATCHED: Final = _watched()


@dataclass(frozen=True, slots=True)
class _Taken:
    """An entry of the ledger, and the mails that it may have sent."""

    kind: str
    id: int
    customer_id: int
    changes: Changes
    at: datetime
    occasions: Sequence[Occasion]


class Post:
    """
    Collects, among entries of the ledger, what has a mail sent.

    Args:
        off: Types that are switched off.
        now: UTC; what happened more than 72 hours before it is not told of.
        silent: Whether nothing is: what is found in an import happened long ago.
    """

    def __init__(self, off: Iterable[str], *, now: datetime, silent: bool = False) -> None:
        self._off = sorted(off)
        self._now = now
        self._oldest = now - STALE
        self._silent = silent
        self._taken: list[_Taken] = []

    def take(
        self,
        customer_id: int,
        type: str,
        subject: str,
        changes: Changes,
        occurred_at: datetime,
    ) -> None:
        """Take what an entry has sent."""
        kind, _, id = subject.partition(":")
        watched = _WATCHED.get(kind)
        if watched is None or self._silent:
            return
        for when, occasions in watched:
            if not when(type, changes):
                continue
            one = occasions[0]
            at = one.at(changes, occurred_at)
            if at >= self._oldest and not (one.known and "processor_id" in changes):
                self._taken.append(_Taken(kind, int(id), customer_id, changes, at, occasions))

    def publish(self, connection: Connection) -> None:
        """Write the mails of what was taken, and the effects that send them."""
        if self._taken:
            fixed = _fixed(connection, self._taken)
            post(connection, tuple(self._due(fixed)), off=self._off, now=self._now)

    def _due(self, fixed: Mapping[tuple[str, int], Fixed]) -> Iterator[Posted]:
        for one in self._taken:
            known = fixed.get((one.kind, one.id), _NOTHING)
            for occasion in one.occasions:
                if occasion.is_(known) and occasion.shows(one.changes):
                    subject = f"{one.kind}:{one.id}"
                    yield occasion.posted(one.customer_id, subject, one.changes, one.at, known)


def post(
    connection: Connection, mails: Sequence[Posted], *, off: Sequence[str] = (), now: datetime
) -> dict[str, int]:
    """Write the rows of mails and what sends them; return key -> id of those that are new."""
    if not mails:
        return {}
    columns = (
        [one.key for one in mails],
        [one.mail for one in mails],
        [one.customer_id for one in mails],
        [_encode(dict(one.args)).decode() for one in mails],
    )
    given = (list(off), list(off), SWITCHED_OFF, now, *columns, now, now)
    return {key: int(id) for id, key in batch.fetch(connection, _PUBLISH, given)}


def switched_off(connection: Connection) -> frozenset[str]:
    """Return the types of mail that are switched off."""
    return off(batch.fetch(connection, *OFF))


def off(rows: Sequence[Any]) -> frozenset[str]:
    """Return the types that the rows of `OFF` name."""
    return frozenset(name for (value,) in rows for name in str(value).split(",") if name)


def _fixed(connection: Connection, taken: Iterable[_Taken]) -> dict[tuple[str, int], Fixed]:
    """Return what never changes about these subjects, where it decides on their mails."""
    wanted: dict[str, set[int]] = {}
    for one in taken:
        if one.kind in _FIXED:
            wanted.setdefault(one.kind, set()).add(one.id)
    queries = [(_FIXED[kind], (sorted(ids),)) for kind, ids in wanted.items()]
    found = batch.fetch_each(connection, queries) if queries else []
    return {
        (kind, id): Fixed(**{_FIELD[kind]: value})
        for kind, rows in zip(wanted, found, strict=True)
        for id, value in rows
    }
