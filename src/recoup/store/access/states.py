"""Reading what a host is to be told of one customer: of one instant, with its version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.account import CustomerId, Restriction, scopes
from recoup.core.account.access import ENDED, AccessState, Closed, closed, told
from recoup.core.billing.catalogue import Catalogue
from recoup.store.queries.pages import fetch

# One statement, so that what is told and its version are of one instant.
_READ: Final = """
    SELECT c.processor_id, c.owner_type, c.owner_id, s.standing, v.version, v.applied_version,
        coalesce(v.changed_at,
            (SELECT l.occurred_at FROM ledger_entries l
             WHERE l.customer_id = c.id AND l.subject = 'standing:' || c.id
             ORDER BY l.seq DESC LIMIT 1)),
        ARRAY(SELECT r.id FROM restrictions r, access_store a
              WHERE r.customer_id = c.id AND r.undone_at IS NULL AND r.lifted_at >= a.since),
        (SELECT json_agg(json_build_array(r.scope, r.consequence, r.rung, r.since, k.anchor)
                         ORDER BY r.scope, r.consequence, r.id)
         FROM restrictions r JOIN cases k ON k.id = r.case_id
         WHERE r.customer_id = c.id AND r.lifted_at IS NULL),
        (SELECT json_agg(json_build_array(k.scope, k.rung, k.ended_at, k.anchor)
                         ORDER BY k.scope, k.id)
         FROM cases k WHERE k.customer_id = c.id AND k.ending = 'exhausted'
           AND k.settled_at IS NULL),
        (SELECT json_object_agg('subscription:' || b.id, b.prices) FROM subscriptions b
         WHERE b.customer_id = c.id),
        (SELECT json_object_agg('invoice:' || i.id, i.prices) FROM invoices i
         WHERE i.customer_id = c.id AND i.subscription_id IS NULL AND i.case_id IS NOT NULL)
    FROM customers c JOIN standings s ON s.customer_id = c.id
    LEFT JOIN access_versions v ON v.customer_id = c.id
    WHERE c.id = %(id)s"""


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be told, what the host has confirmed, and what it will have undone then."""

    state: AccessState
    applied: int
    undoing: tuple[int, ...]  #: ids of restrictions that are lifted and not undone


def read(
    connection: Connection, customer_id: CustomerId, *, plans: Catalogue, now: datetime
) -> Told | None:
    """
    Return what a host is to be told of one customer; None when there is no such customer.

    Who never had anything closed has version 0, and nobody need be told.
    """
    for row in fetch(connection, _READ, {"id": customer_id}):
        processor_id, kind, owner, standing, version, applied, since, undoing, *debts = row
        prices: dict[str, list[str]] = {**(debts[2] or {}), **(debts[3] or {})}
        found = tuple(_closed(debts[0] or (), debts[1] or (), prices, plans))
        state = AccessState(
            customer=customer_id,
            version=version or 0,
            standing=told(standing),
            since=since or now,
            processor_id=processor_id,
            owner=None if kind is None else f"{kind}:{owner}",
            restrictions=found,
        )
        return Told(state, applied or 0, tuple(undoing))
    return None


def _closed(
    held: Sequence[Any], exhausted: Sequence[Any], prices: dict[str, list[str]], plans: Catalogue
) -> Iterator[Closed]:
    over = {row[0] for row in exhausted}
    for scope, consequence, rung, since, anchor in held:
        if scope not in over:
            one = Restriction(None, scope, consequence, rung, _instant(since))
            yield closed(one, _bought(scope, prices), _reason(anchor, rung), plans)
    for scope, rung, ended, anchor in exhausted:
        one = Restriction(None, scope, ENDED, rung or "", _instant(ended))
        yield closed(one, _bought(scope, prices), _bad_debt(anchor, ended), plans)


def _bought(scope: str, prices: dict[str, list[str]]) -> list[str]:
    """Return the prices of what a scope is: those it names, else all of the whole."""
    return sorted(scopes.prices_of(scope)) or prices.get(scope, [])


def _reason(anchor: str, rung: str) -> str:
    return f"unpaid since {_instant(anchor):%Y-%m-%d}, on rung {rung}"


def _bad_debt(anchor: str, ended: str) -> str:
    return f"bad debt since {_instant(ended):%Y-%m-%d}, unpaid since {_instant(anchor):%Y-%m-%d}"


def _instant(written: str) -> datetime:
    return datetime.fromisoformat(written)
