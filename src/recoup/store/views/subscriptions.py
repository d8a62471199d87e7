"""Subscriptions, their items, and the words for how they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.activation import GATE_MARK
from recoup.core.billing.catalogue import Catalogue
from recoup.core.billing.views import Item, Subscription
from recoup.core.states import SubscriptionStatus
from recoup.store.views.gates import GATE, gate_of
from recoup.store.views.reading import LIMIT, Ref, Values, one, rows

_SUBSCRIPTION: Final = f"""
    SELECT x.id, x.processor_id, x.customer_id, x.status, x.items, x.currency, x.period_start,
           x.period_end, x.anchor, x.trial_end, x.cancel_at, x.canceled_at, x.ended_at,
           x.end_reason, x.end_requested_at, x.feedback, x.pause_behavior AS paused, x.resumes_at,
           x.next_items, x.coupon, x.promotion_code, x.default_method, x.metadata, x.prices,
           x.activated_at, {GATE}
    FROM subscriptions x LEFT JOIN LATERAL (
        SELECT * FROM gates WHERE gates.subscription_id = x.id
        ORDER BY gates.made_at DESC, gates.id DESC LIMIT 1
    ) g ON true"""


def read_subscription(connection: Connection, ref: Ref, *, plans: Catalogue) -> Subscription:
    """
    Return one subscription.

    Raises:
        NotFound: there is none.
    """
    return _made(one(connection, _SUBSCRIPTION, ref, table="subscriptions"), plans)


def list_subscriptions(
    connection: Connection,
    *,
    plans: Catalogue,
    customer_id: int | None = None,
    after: int = 0,
    limit: int = LIMIT,
) -> tuple[Subscription, ...]:
    """Return subscriptions by id: the customer's, or everybody's."""
    whose = "" if customer_id is None else "x.customer_id = %(customer)s AND"
    sql = f"{_SUBSCRIPTION} WHERE {whose} x.id > %(after)s ORDER BY x.id LIMIT %(limit)s"
    given = {"customer": customer_id, "after": after, "limit": limit}
    return tuple(_made(row, plans) for row in rows(connection, sql, given))


def _made(row: Values, plans: Catalogue) -> Subscription:
    status = SubscriptionStatus(row["status"])
    ended, paused = row["ended_at"] is not None, row["paused"] is not None
    prices, gate = row.pop("prices"), gate_of(row)
    row["metadata"].pop(GATE_MARK, None)
    row["items"], row["next_items"] = _items(row["items"]), _items(row["next_items"])
    return Subscription(
        **row,
        gate=gate,
        plan=plans.plan_of(prices[0]) if prices else None,
        active=states.is_active(status, ended=ended, paused=paused),
        is_paused=states.is_paused(status, ended=ended, paused=paused),
        past_due=states.is_past_due(status, ended=ended),
        ended=states.has_ended(status, ended=ended),
    )


def _items(stored: Sequence[Any]) -> tuple[Item, ...]:
    """What is to come may have no id yet."""
    return tuple(Item(each.get("id") or "", each["price"], each["quantity"]) for each in stored)
