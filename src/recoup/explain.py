"""
Why a customer is in the state they are in: read, decided anew without writing, and told.

The page itself is made by `recoup.core.explain`, of values; here they are fetched.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.core.explain import Explanation, Facts, Trouble, Who, explain, story
from recoup.recompute import Engine, proposed
from recoup.store.queries import customers, stories

#: Decisions and ledger entries that a page shows; the ledger holds the rest.
DECISIONS: Final = 10
ENTRIES: Final = 500


def explanation(
    connection: Connection,
    reference: str,
    engine: Engine,
    now: datetime,
    *,
    decisions: int = DECISIONS,
    entries: int = ENTRIES,
) -> Explanation:
    """
    Return the explanation of one customer at `now` (UTC). Nothing is written.

    Args:
        reference: Our id, the processor's id, or `owner_type:owner_id`.
        decisions: At most so many of the newest decisions.
        entries: Of the ledger, at most so many of the newest become the story.

    A customer who cannot be decided on is explained too: the trouble says why.

    Raises:
        NotFound: there is no such customer; the text says what was tried.
    """
    row = customers.show(connection, customers.find(connection, reference))
    names = stories.names(connection, row.id)
    told = stories.told(connection, row.id, limit=entries)
    facts = Facts(
        who=Who(row.id, row.processor, row.processor_id, row.owner),
        standing=row.standing,
        next_wake_at=row.next_wake_at,
        account=None,
        decision=None,
        trouble=_trouble(row),
        methods=names.methods,
        numbers=names.numbers,
        labels=names.labels,
        records=stories.records(connection, row.id, limit=decisions),
        story=story(told.entries, told.records, told.orders, labels=names.labels),
    )
    try:
        return _explained(_looked(connection, facts, engine, now), engine, now)
    except Exception as problem:  # noqa: BLE001  whatever it is, the rest can be told
        why = f"{type(problem).__name__}: {problem}"
        trouble = facts.trouble or Trouble("failing", 0, why, row.next_wake_at)
        return _explained(replace(facts, trouble=trouble), engine, now)


def _looked(connection: Connection, facts: Facts, engine: Engine, now: datetime) -> Facts:
    """Return `facts` with the account and what would be decided on it now."""
    made = proposed(connection, facts.who.id, engine=engine, now=now)
    if made is None:
        return facts
    return replace(facts, account=made.account, decision=made.decision, changes=made.changes)


def _explained(facts: Facts, engine: Engine, now: datetime) -> Explanation:
    return explain(facts, policies=engine.policies, rules=engine.rules, now=now)


def _trouble(row: customers.CustomerRow) -> Trouble | None:
    if row.run_error is None:
        return None
    return Trouble(row.run_state, row.failures, row.run_error, row.next_wake_at)
