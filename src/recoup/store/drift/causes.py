"""What the ledger last told of the things that findings are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from recoup.store import batch
from recoup.store.drift.findings import BEHIND, Found

_NEWEST: Final = """
    SELECT g.customer_id, g.subject, e.type, e.actor, e.cause
    FROM unnest(%s::bigint[], %s::text[]) g (customer_id, subject)
    JOIN LATERAL (SELECT type, actor, cause FROM ledger_entries e
                  WHERE e.customer_id = g.customer_id AND e.subject = g.subject
                  ORDER BY e.seq DESC LIMIT 1) e ON true"""


def explained(connection: Connection, found: Sequence[Found]) -> list[Found]:
    """
    Return findings, each with its cause.

    A row that is not what the ledger tells was changed behind the engine, and what follows from
    such a row too. Of everything else the newest entry about it is named.
    """
    behind = {one.customer_id for one in found if one.store == "ledger"}
    asked = sorted(
        {
            (one.customer_id, one.subject)
            for one in found
            if one.customer_id is not None and one.customer_id not in behind
        }
    )
    newest: dict[tuple[int, str], str] = {}
    if asked:
        ids, subjects = (list(column) for column in zip(*asked, strict=True))
        for id, subject, type, actor, cause in batch.fetch(connection, _NEWEST, (ids, subjects)):
            newest[id, subject] = f"{type} by {actor} ({cause})"
    return [
        replace(one, cause=_cause(one, newest)) if one.customer_id not in behind else one
        for one in found
    ]


def _cause(one: Found, newest: dict[tuple[int, str], str]) -> str:
    return newest.get((one.customer_id or 0, one.subject), BEHIND)
