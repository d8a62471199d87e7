"""
Events taken in again because a person says so. What was applied before changes nothing.

Source: docs/operators.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from recoup.commands.acting import Act, kind_of, reason_of
from recoup.commands.base import Kind, Plan, Recording
from recoup.commands.desk import Desk
from recoup.commands.options import verb
from recoup.core.dunning.acts import Acted
from recoup.errors import InvalidValue, NotFound
from recoup.jobs.base import NewEffect
from recoup.store import inbox
from recoup.store.queries import inbox as arrived

REPLAY: Final = kind_of("replay")

KINDS: Final[Sequence[Kind[Any]]] = (REPLAY,)

#: Events at once; what comes on top is another command.
MOST: Final = 1_000
#: So many are named in words, whatever their number.
NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Replays(Desk):
    """Taking in again what arrived from the processor."""

    @verb
    def replay(
        self,
        events: Sequence[int],
        *,
        reason: str,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """
        Absorb events again, by their ids; a worker does it, as when they arrived.

        Args:
            events: 1 to 1,000.

        Raises:
            NotFound: one of them is not there. Nothing is replayed then.
            InvalidValue: none is named, or more than 1,000.
        """
        why, ids = reason_of(reason), sorted(set(events))
        if not 1 <= len(ids) <= MOST:
            raise InvalidValue(f"events: expected 1 to {MOST:,} ids, got {len(ids):,}")
        subject = f"event:{ids[0]}" if len(ids) == 1 else "events"
        act = Act(self.office, REPLAY, None, why, dry_run, subject=subject)
        if dry_run:
            with self.office.reading() as connection:
                return act.told(*_words(connection, ids))

        def planned(recording: Recording) -> Plan:
            words = tuple(_words(recording.connection, ids))
            inbox.replay(recording.connection, ids)
            again = NewEffect("absorb", "absorb", recording.now, queue="webhooks")
            kept = {"events": " ".join(map(str, ids))}
            return Plan(result=act.told(*words), args=kept, effects=(again,))

        return act.recorded({"events": ids, "reason": why}, planned, key=key)


def _words(connection: Connection, ids: Sequence[int]) -> Iterator[str]:
    found = {row.id: row for row in arrived.named(connection, ids)}
    missing = [id for id in ids if id not in found]
    if missing:
        raise NotFound(f"there is no event {', '.join(map(str, missing[:NAMED]))}")
    for id in ids[:NAMED]:
        row = found[id]
        why = f": {row.reason}" if row.reason else ""
        yield f"absorb event {id} ({row.type or 'of no type'}, {row.state}{why}) again"
    if len(ids) > NAMED:
        yield f"and {len(ids) - NAMED} more"
