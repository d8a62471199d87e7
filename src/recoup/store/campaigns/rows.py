"""Reading and writing what the steps of campaigns need beside the notices themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from recoup.core import states
from recoup.core.account import Case, Notice
from recoup.core.dunning import campaign
from recoup.core.dunning.campaign import Outcome
from recoup.core.states import MailState, NoticeState
from recoup.store import tables
from recoup.store.writer import Writer

_CARRIED: Final = text("""
    SELECT c.id, c.customer_id, c.scope, c.anchor, c.policy, c.engine,
           array(SELECT n.step FROM notices n
                 WHERE n.case_id = c.id AND n.anchor = c.anchor) AS steps
    FROM cases c WHERE c.id = ANY(:ids) AND c.ending IS NULL
""")

_FAILED: Final = text("""
    INSERT INTO campaign_failures (customer_id, case_id, engine, verb, error, failed_at)
    VALUES (:customer_id, :case_id, :engine, :verb, :error, :now)
""")

_FAILURES: Final = text("""
    SELECT verb, count(*) AS times FROM campaign_failures GROUP BY verb
""")

_PRUNE: Final = text("""
    DELETE FROM campaign_failures WHERE id IN
        (SELECT id FROM campaign_failures WHERE failed_at < :before LIMIT :limit)
""")

_ENGINES: Final = text("""
    SELECT DISTINCT engine FROM cases WHERE engine IS NOT NULL ORDER BY engine
""")

_RESENT: Final = text("""
    SELECT coalesce(array_agg(state), '{}') AS states FROM mails
    WHERE customer_id = (SELECT customer_id FROM notices WHERE id = :notice)
      AND starts_with(key, :prefix)
""")

_OUTCOME: Final = text("""
    SELECT n.state, n.reason, n.bounced_at, e.due_at,
           CASE WHEN e.state = 'scheduled' THEN e.reason END AS held_up
    FROM notices n LEFT JOIN effects e ON e.key = 'mail:notice:' || n.id
         AND e.state IN ('scheduled', 'running', 'parked')
    WHERE n.case_id = :case AND n.anchor = :anchor AND n.step = :step
""")


@dataclass(frozen=True, slots=True)
class Carried:
    """An open case, and which steps of its present campaign are notices already."""

    id: int
    customer_id: int
    scope: str
    anchor: datetime
    policy: str
    engine: str | None
    steps: frozenset[str]


def carried(connection: Connection, case_ids: Collection[int]) -> dict[int, Carried]:
    """Return, by id, those of these cases that are open."""
    found = connection.execute(_CARRIED, {"ids": sorted(set(case_ids))})
    return {
        row.id: Carried(
            row.id, row.customer_id, row.scope, row.anchor, row.policy, row.engine,
            frozenset(row.steps),
        )
        for row in found
    }  # fmt: skip


def failed(
    connection: Connection,
    *,
    customer_id: int,
    case_id: int,
    engine: str,
    verb: str,
    error: str,
    now: datetime,
) -> None:
    """Count that an engine could not start or cancel a campaign."""
    given = {"customer_id": customer_id, "case_id": case_id, "engine": engine[:200]}
    connection.execute(_FAILED, given | {"verb": verb, "error": error, "now": now})


def failures(connection: Connection) -> Mapping[str, int]:
    """Return how often engines failed, by what they were to do: start or cancel."""
    return {row.verb: row.times for row in connection.execute(_FAILURES)}


def prune(connection: Connection, before: datetime, *, limit: int = 10_000) -> int:
    """Delete some of the failures before an instant; return how many."""
    return connection.execute(_PRUNE, {"before": before, "limit": limit}).rowcount


def engines(connection: Connection) -> tuple[str, ...]:
    """Return every engine, ours left out, that a case was ever handed over to, by name."""
    return tuple(connection.scalars(_ENGINES))


def ask(writer: Writer, case: Case, customer_id: int, step: str) -> None:
    """Record that an engine outside asks for a step of the case's present campaign."""
    row = {
        "customer_id": customer_id,
        "case_id": case.id,
        "anchor": case.anchor,
        "step": step,
        "asked_at": writer.now,
    }
    writer.insert(tables.step_requests, row)


def tell(
    writer: Writer, notice: Notice, case: Case, customer_id: int, *, announces: str | None
) -> None:
    """Record that the host is to reach the customer about a notice by its own means."""
    row = {
        "customer_id": customer_id,
        "notice_id": notice.id,
        "case_id": case.id,
        "anchor": notice.anchor,
        "step": notice.step,
        "announces": announces,
        "due_at": notice.due_at,
        "told_at": writer.now,
    }
    writer.insert(tables.tellings, row, type="notice.told")


def leave_out(
    writer: Writer, customer_id: int, case: Case, before: Notice | None, after: Notice
) -> None:
    """Write that a step is left out: a notice that is skipped, or one that will not be sent."""
    if before is not None:
        writer.update(
            tables.notices,
            {
                "id": before.id,
                "customer_id": customer_id,
                "state": before.state.value,
                "reason": before.reason,
            },
            {"state": after.state.value, "reason": after.reason},
            type="notice.left_out",
        )
        return
    row = {
        "customer_id": customer_id,
        "case_id": case.id,
        "anchor": after.anchor,
        "step": after.step,
        "mail": after.mail,
        "due_at": after.due_at,
        "placed_at": after.placed_at,
        "state": after.state.value,
        "reason": after.reason,
    }
    writer.insert(tables.notices, row, type="notice.left_out")


def resent(connection: Connection, notice_id: int) -> tuple[int, bool]:
    """Return how often a notice was sent again, and whether it is on its way again now."""
    given = {"notice": notice_id, "prefix": f"notice:{notice_id}:again:"}
    row = connection.execute(_RESENT, given).one()
    waiting = any(states.is_queued(MailState(state)) for state in row.states)
    return len(row.states), waiting


def outcome(connection: Connection, case_id: int, anchor: datetime, step: str) -> Outcome:
    """Return how a step of a campaign stands, with what holds its mail up."""
    given = {"case": case_id, "anchor": anchor, "step": step}
    row = connection.execute(_OUTCOME, given).one_or_none()
    if row is None:
        return Outcome(case_id, anchor, step, "waiting", campaign.EARLY)
    state = NoticeState(row.state)
    if states.is_scheduled(state) and row.held_up:
        return Outcome(case_id, anchor, step, "deferred", row.held_up, row.due_at)
    word = "bounced" if row.bounced_at is not None else str(state)
    return Outcome(case_id, anchor, step, word, row.reason)
