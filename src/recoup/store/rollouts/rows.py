"""Rollouts and the moves that people made with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.account import CustomerId
from recoup.core.rollout import Rollout, Stage
from recoup.errors import NotFound
from recoup.store import batch

#: Those that are on, and what membership follows from: a query that can travel with others.
QUERY: Final = ("SELECT name, stage, salt, named FROM rollouts WHERE stage <> 'off'", ())

_COLUMNS: Final = "r.name, r.stage, r.salt, r.named, r.since, r.round"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the shadow has shown since the rollout was last off."""

    decisions: int
    harmful: int


@dataclass(frozen=True, slots=True)
class RolloutRow:
    """A rollout as people look at it."""

    name: str
    stage: str
    named: tuple[int, ...]
    since: datetime | None  #: when it came to its stage; None: it was never begun
    decisions: int  #: compared in the shadow since it was last off
    harmful: int  #: of those
    round: int  #: it has been off so often; what is compared counts for its round
    salt: str

    @property
    def rollout(self) -> Rollout:
        return made(self.name, self.stage, self.salt, self.named)


@dataclass(frozen=True, slots=True)
class Move:
    """One move from stage to stage, and what the shadow had shown by then."""

    id: int
    name: str
    source: str
    target: str
    at: datetime
    actor: str
    reason: str
    decisions: int
    harmful: int


def made(name: str, stage: str, salt: str, named: Iterable[int]) -> Rollout:
    """Return a rollout from its row of `QUERY`."""
    return Rollout(name, Stage(stage), salt, frozenset(named))


def start(connection: Connection, name: str, *, salt: str, now: datetime) -> RolloutRow:
    """Return the rollout `name`, locked; it is made, off, if there is none."""
    sql = (
        "INSERT INTO rollouts (name, salt, since) VALUES (%s, %s, %s) "
        "ON CONFLICT (name) DO NOTHING"
    )
    batch.driver(connection).execute(sql, (name, salt, now))
    return show(connection, name, lock=True)


def show(connection: Connection, name: str, *, lock: bool = False) -> RolloutRow:
    """
    Return one rollout.

    Raises:
        NotFound: there is none of this name.
    """
    sql = f"SELECT {_COLUMNS} FROM rollouts r WHERE r.name = %s{' FOR UPDATE' if lock else ''}"
    for row in batch.fetch(connection, sql, (name,)):
        return _row(connection, row)
    raise NotFound(f"there is no rollout {name!r}")


def listing(connection: Connection) -> tuple[RolloutRow, ...]:
    """Return all rollouts, by name."""
    rows = batch.fetch(connection, f"SELECT {_COLUMNS} FROM rollouts r ORDER BY r.name")
    return tuple(_row(connection, row) for row in rows)


def move(
    connection: Connection,
    row: RolloutRow,
    target: Stage,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> RolloutRow:
    """Bring a rollout, which the caller has locked, to another stage, and record who did."""
    raw = batch.driver(connection)
    raw.execute(
        "UPDATE rollouts SET stage = %s, since = %s, round = round + %s WHERE name = %s",
        (str(target), now, int(target is Stage.OFF), row.name),
    )
    raw.execute(
        "INSERT INTO rollout_moves (name, source, target, at, actor, reason, decisions, harmful) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (row.name, row.stage, str(target), now, actor, reason, row.decisions, row.harmful),
    )
    return show(connection, row.name)


def moves(connection: Connection, name: str, *, limit: int = 50) -> tuple[Move, ...]:
    """Return who moved a rollout, newest first."""
    sql = (
        "SELECT id, name, source, target, at, actor, reason, decisions, harmful "
        "FROM rollout_moves WHERE name = %s ORDER BY id DESC LIMIT %s"
    )
    return tuple(Move(*row) for row in batch.fetch(connection, sql, (name, limit)))


def name_customers(
    connection: Connection,
    row: RolloutRow,
    ids: Collection[CustomerId],
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> RolloutRow:
    """Name customers of a rollout, which the caller has locked. Nobody named is ever dropped."""
    raw = batch.driver(connection)
    named = sorted({*row.named, *ids})
    raw.execute("UPDATE rollouts SET named = %s WHERE name = %s", (named, row.name))
    raw.execute(
        "INSERT INTO rollout_moves (name, source, target, at, actor, reason, decisions, harmful) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (row.name, row.stage, row.stage, now, actor, reason, row.decisions, row.harmful),
    )
    return show(connection, row.name)


def wake(connection: Connection, policies: Sequence[str], *, now: datetime) -> int:
    """Have everybody decided on, now, who has a running case under one of these policies."""
    sql = """
        UPDATE standings s SET next_wake_at = %s
        WHERE s.customer_id IN (SELECT c.customer_id FROM cases c
                                WHERE c.ending IS NULL AND c.policy = ANY(%s))
          AND (s.next_wake_at IS NULL OR s.next_wake_at > %s)"""
    return batch.driver(connection).execute(sql, (now, list(policies), now)).rowcount


def _row(connection: Connection, row: Any) -> RolloutRow:
    name, stage, salt, named, since, round_ = row
    found = _evidence(connection, name, round_)
    return RolloutRow(
        name, stage, tuple(named), since, found.decisions, found.harmful, round_, salt
    )


def _evidence(connection: Connection, name: str, round_: int) -> Evidence:
    sql = (
        "SELECT count(*), count(*) FILTER (WHERE harm <> '{}') FROM shadows "
        "WHERE rollout = %s AND round = %s"
    )
    ((decisions, harmful),) = batch.fetch(connection, sql, (name, round_))
    return Evidence(decisions, harmful)
