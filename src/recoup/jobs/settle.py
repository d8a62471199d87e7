"""Acknowledging claims: what a handler wished becomes the effect's next state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID
from zlib import crc32

from sqlalchemy import Connection, text

from recoup.errors import LostClaim
from recoup.jobs.base import Cancel, Claim, Done, Fail, Handlers, Park, Snooze, Wish
from recoup.jobs.words import bigints, clean, dumped

FIRST_WAIT: Final = timedelta(seconds=10)
LONGEST_WAIT: Final = timedelta(hours=1)
#: A snooze into the past would run for ever at full speed.
SHORTEST_SNOOZE: Final = timedelta(seconds=1)

_SETTLE: Final = text("""
    UPDATE effects SET
        state = wish.state,
        due_at = coalesce(wish.due_at, effects.due_at),
        attempt = effects.attempt - wish.refund,
        reason = wish.reason,
        result = CAST(wish.result AS jsonb),
        ended_at = CASE WHEN wish.state IN ('done', 'canceled') THEN :now END,
        claim_id = NULL,
        lease_until = NULL
    FROM unnest(CAST(:ids AS bigint[]), CAST(:places AS bigint[])) AS given (id, place)
    JOIN unnest(CAST(:states AS text[]), CAST(:dues AS timestamptz[]),
                CAST(:refunds AS integer[]), CAST(:reasons AS text[]), CAST(:results AS text[]))
         WITH ORDINALITY AS wish (state, due_at, refund, reason, result, place) USING (place)
    WHERE effects.id = given.id AND effects.claim_id = :claim
""")


@dataclass(frozen=True, slots=True)
class _Next:
    state: str
    due_at: datetime | None = None
    refund: int = 0
    reason: str | None = None
    result: str | None = None


def backoff(effect_id: int, attempt: int) -> timedelta:
    """
    Return how long to wait after failed attempt number `attempt` (1 is the first).

    10 s doubled with each attempt, at most 1 h, less up to a quarter, which is always the same
    for the same effect and attempt: what failed together does not come back together.
    """
    doublings = min(max(attempt - 1, 0), 16)
    doubled = min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
    share = crc32(f"{effect_id}:{attempt}".encode()) / 2**32
    return doubled * (1 - share / 4)


def settle(
    connection: Connection, wishes: Mapping[Claim, Wish], *, handlers: Handlers, now: datetime
) -> None:
    """
    Write what became of these claims, all or none.

    Raises:
        LostClaim: another worker took one of them over, or it is settled already. The caller's
            transaction must be rolled back.
    """
    claim_ids = {claim.claim_id for claim in wishes}
    written = sum(
        _write(
            connection,
            claim_id,
            {
                claim.id: _next(claim, wish, most=handlers[claim.kind].max_attempts, now=now)
                for claim, wish in wishes.items()
                if claim.claim_id == claim_id
            },
            now,
        )
        for claim_id in claim_ids
    )
    if written != len(wishes):
        raise LostClaim(f"{len(wishes) - written} of {len(wishes)} claims are no longer held")


def _write(
    connection: Connection, claim_id: UUID, nexts: Mapping[int, _Next], now: datetime
) -> int:
    # Most wishes of a batch are alike, and each text is sent once.
    places: dict[_Next, int] = {}
    order = [places.setdefault(each, len(places) + 1) for each in nexts.values()]
    return connection.execute(
        _SETTLE,
        {
            "ids": bigints(nexts),
            "places": bigints(order),
            "claim": claim_id,
            "states": [each.state for each in places],
            "dues": [each.due_at for each in places],
            "refunds": [each.refund for each in places],
            "reasons": [each.reason for each in places],
            "results": [each.result for each in places],
            "now": now,
        },
    ).rowcount


def _next(claim: Claim, wish: Wish, *, most: int, now: datetime) -> _Next:
    match wish:
        case Done(result):
            return _Next("done", result=dumped(result))
        case Cancel(reason):
            return _Next("canceled", reason=clean(reason))
        case Snooze(until, reason):
            due_at = max(until, now + SHORTEST_SNOOZE)
            return _Next("scheduled", due_at=due_at, refund=1, reason=clean(reason))
        case Fail(error) if claim.attempt >= most:
            return _Next("parked", reason=clean(error))
        case Fail(error, after):
            due_at = now + (backoff(claim.id, claim.attempt) if after is None else after)
            return _Next("scheduled", due_at=due_at, reason=clean(error))
        case Park(reason):
            return _Next("parked", reason=clean(reason))
        case _:
            assert_never(wish)
