"""
Taking effects, keeping them and giving them back.

A claim is a lease on the *database's* clock, so workers whose clocks differ agree on who holds
what; due dates are on ours. The attempt is counted when an effect is claimed: what kills its
worker uses up its attempts all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

from recoup.jobs.base import Claim, Handlers
from recoup.jobs.words import bigints

LEASE_RAN_OUT: Final = "its worker stopped answering: the lease ran out"
USED_UP: Final = "its attempts are used up"
NO_TURNS: Final[Mapping[tuple[str, str], int]] = {}

# Without ORDER BY: the loop goes through the pairs as they are given, and ends at the first.
_HEAD: Final = text("""
    SELECT given.queue, given.kind, alone
    FROM unnest(CAST(:queues AS text[]), CAST(:kinds AS text[])) AS given (queue, kind)
    CROSS JOIN LATERAL (
        SELECT reason IS NOT DISTINCT FROM :lost AS alone FROM effects
        WHERE effects.queue = given.queue AND effects.kind = given.kind
          AND state = 'scheduled' AND due_at <= :now
        ORDER BY due_at, id LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) AS head
    LIMIT 1
""")

_CLAIM: Final = text("""
    WITH picked AS (
        SELECT id, attempt < :most AS fresh FROM effects
        WHERE queue = :queue AND state = 'scheduled' AND due_at <= :now AND kind = :kind
          AND (reason IS NOT DISTINCT FROM :lost) = :alone
        ORDER BY due_at, id LIMIT :batch
        FOR UPDATE SKIP LOCKED
    )
    UPDATE effects SET
        state = CASE WHEN fresh THEN 'running' ELSE 'parked' END,
        attempt = CASE WHEN fresh THEN attempt + 1 ELSE attempt END,
        claim_id = CASE WHEN fresh THEN CAST(:claim AS uuid) END,
        lease_until = CASE WHEN fresh THEN clock_timestamp() + CAST(:lease AS interval) END,
        reason = CASE WHEN fresh THEN reason ELSE coalesce(reason, :used_up) END
    FROM picked WHERE effects.id = picked.id
    RETURNING fresh, effects.id, key, customer_id, args, due_at, attempt
""")

_TAKE: Final = text("""
    UPDATE effects SET state = 'running', attempt = attempt + 1, claim_id = CAST(:claim AS uuid),
        lease_until = clock_timestamp() + CAST(:lease AS interval)
    WHERE id = (SELECT id FROM effects WHERE key = :key AND kind = :kind AND attempt < :most
                  AND (state = 'scheduled'
                       OR (state = 'running' AND lease_until < clock_timestamp()))
                FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, key, customer_id, args, due_at, attempt
""")

_HELD: Final = text("""
    SELECT id FROM effects
    WHERE id = ANY(CAST(:ids AS bigint[])) AND claim_id = ANY(CAST(:claims AS uuid[]))
""")

# Rows that a settling transaction has locked are skipped: waiting for them could deadlock.
_RENEW: Final = text("""
    WITH mine AS (
        SELECT id FROM effects
        WHERE id = ANY(CAST(:ids AS bigint[])) AND claim_id = :claim
        FOR UPDATE SKIP LOCKED
    )
    UPDATE effects SET lease_until = clock_timestamp() + CAST(:lease AS interval)
    FROM mine WHERE effects.id = mine.id
""")

_RESCUE: Final = text("""
    WITH lost AS (
        SELECT effects.id, attempt < coalesce(given.most, 2147483647) AS again
        FROM effects
        LEFT JOIN unnest(CAST(:kinds AS text[]), CAST(:mosts AS integer[]))
             AS given (kind, most) ON given.kind = effects.kind
        WHERE state = 'running' AND lease_until < clock_timestamp()
        FOR UPDATE OF effects SKIP LOCKED
    )
    UPDATE effects SET
        state = CASE WHEN again THEN 'scheduled' ELSE 'parked' END,
        claim_id = NULL, lease_until = NULL, reason = :lost
    FROM lost WHERE effects.id = lost.id
""")


@dataclass(frozen=True, slots=True)
class Batch:
    """Claims of one kind, taken together. All of them may turn out parked: then it is empty."""

    queue: str
    kind: str
    claims: tuple[Claim, ...]
    lease: timedelta


def claim(
    connection: Connection,
    queues: Sequence[str],
    handlers: Handlers,
    *,
    now: datetime,
    turns: Mapping[tuple[str, str], int] = NO_TURNS,
) -> Batch | None:
    """
    Take from the first of `queues` that holds something due one kind, what is due longest; None
    when nothing is due. Of the kinds that are due there it is the one whose last turn, by (queue,
    kind), is the lowest in `turns`; one that is not in it has had none. Kinds that come first come
    before all others, whatever their queue.

    An effect whose attempts are used up is parked instead. One that was running when its worker
    died is taken alone, so that if it is the one that kills, it kills nobody else again. Kinds
    without a handler are left to the workers that know them.
    """
    pairs = [(queue, kind) for queue in queues for kind in handlers]
    firsts = {kind for kind, handler in handlers.items() if handler.first}
    pairs.sort(key=lambda p: (p[1] not in firsts, queues.index(p[0]), turns.get(p, 0)))
    head = connection.execute(
        _HEAD,
        {
            "queues": [queue for queue, _ in pairs],
            "kinds": [kind for _, kind in pairs],
            "now": now,
            "lost": LEASE_RAN_OUT,
        },
    ).one_or_none()
    if head is None:
        return None
    handler = handlers[head.kind]
    claim_id = uuid4()
    rows = connection.execute(
        _CLAIM,
        {
            "queue": head.queue,
            "now": now,
            "kind": head.kind,
            "alone": head.alone,
            "batch": 1 if head.alone else handler.batch,
            "most": handler.max_attempts,
            "lease": handler.lease,
            "claim": claim_id,
            "lost": LEASE_RAN_OUT,
            "used_up": USED_UP,
        },
    ).all()
    claims = [
        Claim(effect_id, head.kind, key, customer_id, args, due_at, attempt, claim_id)
        for fresh, effect_id, key, customer_id, args, due_at, attempt in rows
        if fresh
    ]
    claims.sort(key=lambda each: (each.due_at, each.id))
    return Batch(head.queue, head.kind, tuple(claims), handler.lease)


def take(connection: Connection, kind: str, key: str, handlers: Handlers) -> Claim | None:
    """
    Take the one effect of this key that is scheduled, due or not, or whose lease ran out; None
    when there is none to be had: another worker has it, it is over, or only its next claim by a
    worker may decide about it.
    """
    handler, claim_id = handlers[kind], uuid4()
    row = connection.execute(
        _TAKE,
        {
            "key": key,
            "kind": kind,
            "claim": claim_id,
            "lease": handler.lease,
            "most": handler.max_attempts,
        },
    ).one_or_none()
    if row is None:
        return None
    return Claim(
        row.id, row.kind, row.key, row.customer_id, row.args, row.due_at, row.attempt, claim_id
    )


def still_held(connection: Connection, claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Return those of `claims` that are neither settled nor taken over."""
    values = {
        "ids": bigints(each.id for each in claims),
        "claims": sorted({each.claim_id for each in claims}),
    }
    held = set(connection.scalars(_HELD, values))
    return tuple(each for each in claims if each.id in held)


def renew(
    connection: Connection, claim_id: UUID, ids: Collection[int], *, lease: timedelta
) -> None:
    """Hold these effects for another `lease` from the database's now, where still ours."""
    connection.execute(_RENEW, {"ids": bigints(ids), "claim": claim_id, "lease": lease})


def rescue(connection: Connection, handlers: Handlers | None = None) -> int:
    """
    Take running effects whose lease ran out from their workers; return how many.

    They are scheduled again, or parked when their handler's attempts are used up. Without
    `handlers` the latter is left to the next claim.
    """
    limits: Iterable[tuple[str, int]] = (
        (kind, handler.max_attempts) for kind, handler in (handlers or {}).items()
    )
    pairs = list(limits)
    return connection.execute(
        _RESCUE,
        {
            "kinds": [kind for kind, _ in pairs],
            "mosts": [most for _, most in pairs],
            "lost": LEASE_RAN_OUT,
        },
    ).rowcount
