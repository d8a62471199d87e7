"""What decides a customer's access, in one query: subscriptions, restrictions, exhausted debts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.account import scopes
from recoup.core.billing.entitlements import Held
from recoup.core.states import SubscriptionStatus
from recoup.store.queries.pages import fetch

#: Told, with the ids of customers or `EVERYBODY`, by whatever changes what this query finds.
CHANNEL: Final = "recoup_access"
#: In place of ids, when a statement changed the access of too many.
EVERYBODY: Final = "*"

#: A customer by our id, by the processor's, or by the host's own name for them.
Reference = int | str | tuple[str, str]

_BY_ID: Final = "c.id = %(id)s"
_BY_PROCESSOR_ID: Final = "c.processor_id = %(given)s AND c.processor = %(processor)s"
_BY_OWNER: Final = (
    "c.owner_type = %(type)s AND c.owner_id = %(owner)s AND c.processor = %(processor)s"
)

_SQL: Final = """
    SELECT c.id, s.id, s.status, s.prices, s.ended_at IS NOT NULL, s.pause_behavior IS NOT NULL,
        (s.end_requested_at IS NOT NULL AND s.end_reason = 'dunning_exhausted')
            OR EXISTS (SELECT FROM cases k
                       WHERE k.customer_id = c.id AND k.scope = 'subscription:' || s.id
                         AND k.ending = 'exhausted' AND k.settled_at IS NULL),
        ARRAY(SELECT r.scope || ' ' || r.consequence FROM restrictions r
              WHERE r.customer_id = c.id AND r.lifted_at IS NULL
                AND (r.scope = 'subscription:' || s.id
                     OR starts_with(r.scope, 'prices:' || s.id || ':'))),
        ARRAY(SELECT k.scope FROM cases k
              WHERE k.customer_id = c.id AND starts_with(k.scope, 'prices:' || s.id || ':')
                AND k.ending = 'exhausted' AND k.settled_at IS NULL)
    FROM customers c LEFT JOIN subscriptions s ON s.customer_id = c.id
    WHERE NOT c.deleted AND {who}"""


@dataclass(frozen=True, slots=True)
class Access:
    """What was found about one customer."""

    customer_id: int
    subscriptions: tuple[Held, ...]
    restrictions: frozenset[tuple[str, str]]  #: (scope, consequence) in force


def read(connection: Connection, customer: Reference, *, processor: str) -> Access | None:
    """
    Return what decides the access of one customer; None when there is no such customer.

    Args:
        customer: Our id (as digits too), the processor's id, or (owner_type, owner_id).
        processor: Where the customer is; ids and owners are unique there.
    """
    who, given = _named(customer, processor)
    rows = fetch(connection, _SQL.format(who=who), given)
    if not rows:
        return None
    there = [row for row in rows if row[1] is not None]
    held = tuple(_held(*row[1:7], lost=row[8]) for row in there)
    closed = {_parted(each) for row in there for each in row[7]}
    return Access(rows[0][0], held, frozenset(closed))


def _parted(text: str) -> tuple[str, str]:
    scope, _, consequence = text.partition(" ")
    return scope, consequence


def _named(customer: Reference, processor: str) -> tuple[str, dict[str, Any]]:
    if isinstance(customer, tuple):
        kind, owner = customer
        return _BY_OWNER, {"type": kind, "owner": str(owner), "processor": processor}
    text = str(customer)
    if text.isascii() and text.isdigit():
        return _BY_ID, {"id": int(text)}
    return _BY_PROCESSOR_ID, {"given": text, "processor": processor}


def _held(
    id: int, status: str, prices: list[str], ended: bool, paused: bool, given_up: bool,
    *, lost: list[str],
) -> Held:  # fmt: skip
    return Held(
        id,
        SubscriptionStatus(status),
        tuple(prices),
        ended=ended,
        paused=paused,
        given_up=given_up,
        lost=frozenset[str]().union(*map(scopes.prices_of, lost)),
    )
