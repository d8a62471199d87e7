"""
Whom the calendar has mails sent to: cards that expire, trials that end.

Asked for as often as one likes: who has been told is left out. A page at a time, so that no
transaction is long.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine

from recoup.core.occasions import Posted
from recoup.core.occasions.base import stamp
from recoup.core.occasions.days import TRIAL, Expiry, expiries
from recoup.store import batch
from recoup.store.mails.post import post, switched_off
from recoup.store.mails.used import USED

PAGE: Final = 1000

_CARDS: Final = f"""
    SELECT m.id, m.customer_id FROM payment_methods m
    WHERE m.exp_year = %s AND m.exp_month = %s AND NOT m.detached AND m.changed_at < %s
      AND m.id > %s AND {USED}
      AND NOT EXISTS (SELECT FROM mails WHERE key = 'method:' || m.id || ':' || %s)
    ORDER BY m.id LIMIT %s"""
_TRIALS: Final = """
    SELECT s.id, s.customer_id, s.trial_end FROM subscriptions s
    JOIN customers c ON c.id = s.customer_id AND NOT c.deleted
    WHERE s.status = 'trialing' AND s.ended_at IS NULL AND s.trial_end > %s AND s.trial_end <= %s
      AND s.id > %s AND coalesce(s.activated_at, s.period_start) <= s.trial_end - %s
      AND NOT EXISTS (
          SELECT FROM mails WHERE key = 'subscription:' || s.id || ':trial:' ||
              to_char(s.trial_end AT TIME ZONE 'UTC', 'YYYY-MM-DD'))
    ORDER BY s.id LIMIT %s"""


def tell(database: Engine, *, now: datetime) -> int:
    """Write the mails that are due by the calendar at `now` (UTC); return how many are new."""
    made = sum(_told(database, now, _cards, one) for one in expiries(now))
    return made + _told(database, now, _trials, None)


def _told(database: Engine, now: datetime, find: Any, about: Expiry | None) -> int:
    """Write page by page what `find` finds, a transaction each."""
    made, last, page = 0, 0, PAGE
    while page == PAGE:
        with database.begin() as connection:
            found = list(find(connection, about, last, now))
            off = sorted(switched_off(connection))
            made += len(post(connection, [mail for _, mail in found], off=off, now=now))
        page, last = len(found), max((id for id, _ in found), default=last)
    return made


def _cards(
    connection: Connection, about: Expiry, last: int, _: datetime
) -> Iterator[tuple[int, Posted]]:
    given = (about.year, about.month, about.since, last, about.key, PAGE)
    for id, customer in batch.fetch(connection, _CARDS, given):
        month = f"{about.year}-{about.month:02}"
        args = {"method_id": id, "month": month, "days": about.days}
        yield id, Posted("card_expiring_soon", f"method:{id}:{about.key}", customer, args)


def _trials(
    connection: Connection, _: Expiry | None, last: int, now: datetime
) -> Iterator[tuple[int, Posted]]:
    for id, customer, ends in batch.fetch(
        connection, _TRIALS, (now, now + TRIAL, last, TRIAL, PAGE)
    ):
        day = stamp(ends)[:10]
        args = {"subscription_id": id, "day": day}
        yield id, Posted("trial_ending", f"subscription:{id}:trial:{day}", customer, args)
