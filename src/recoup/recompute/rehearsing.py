"""What other policies would make of every running case, batch by batch; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Engine as Database

from recoup.core.dunning.rehearsal import Rehearsed, instead, rehearsed
from recoup.core.policy import Policies
from recoup.recompute.deciding import Engine
from recoup.store import observe as observing
from recoup.store.queries import cases

BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """Some customers with running cases: what would become of these, and who can not be read."""

    customers: int
    cases: tuple[Rehearsed, ...]
    failed: tuple[tuple[int, str], ...]  #: customer, why


def under(
    database: Database, others: Policies, *, engine: Engine, now: datetime, batch: int = BATCH
) -> Iterator[Batch]:
    """
    Yield what `others`, instead of the policies in use, would make of running cases at `now`.

    Each batch is read by one set of queries, in id order, without locks.
    """
    there = instead(engine.policies, others)
    after = 0
    while True:
        with database.connect() as connection:
            ids = cases.debtors(connection, after=after, limit=batch)
            if not ids:
                return
            seen = observing.observe(connection, ids, now=now)
        found: list[Rehearsed] = []
        failed = [(id, f"{type(e).__name__}: {e}") for id, e in seen.unreadable.items()]
        for account in seen.accounts:
            try:
                found += rehearsed(
                    account, used=engine.policies, others=there, rules=engine.rules, now=now
                )
            except Exception as problem:  # noqa: BLE001  whatever it is, it is this customer's
                failed.append((account.id, f"{type(problem).__name__}: {problem}"))
        yield Batch(len(ids), tuple(found), tuple(sorted(failed)))
        after = ids[-1]
