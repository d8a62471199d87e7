"""
Addresses that nothing is sent to: they bounced for good, or their owner complained.

A suppression is of a customer, and holds for as long as the address is theirs. Of the address no
more is kept than a digest with a salt of its own, which tells whether it is still the same and
nothing else. Erasing a customer removes even that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.store import batch
from recoup.store.queries.pages import LIMIT, Page, page

#: Addresses are compared without regard to case: nobody tells two people apart by it.
_DIGEST: Final = "sha256(convert_to({salt}::text || lower({email}), 'UTF8'))"

_HOLDS: Final = f"""s.ended_at IS NULL AND c.email IS NOT NULL
        AND s.digest = {_DIGEST.format(salt="s.salt", email="c.email")}"""

_FOUND: Final = f"""
    SELECT DISTINCT ON (c.id) c.id, s.cause, s.since
    FROM suppressions s JOIN customers c ON c.id = s.customer_id
    WHERE c.id = ANY(%s) AND {_HOLDS} ORDER BY c.id, s.since"""

_ADD: Final = f"""
    INSERT INTO suppressions (customer_id, mail_id, salt, digest, cause, since)
    SELECT c.id, %s, g.salt, {_DIGEST.format(salt="g.salt", email="c.email")}, %s, %s
    FROM customers c CROSS JOIN LATERAL (SELECT c.id, gen_random_uuid() AS salt) g
    WHERE c.id = ANY(%s) AND c.email IS NOT NULL
      AND lower(c.email) = lower(coalesce(%s::text, c.email)) AND NOT EXISTS (
        SELECT FROM suppressions s WHERE s.customer_id = c.id AND {_HOLDS})
    RETURNING customer_id"""

_END: Final = f"""
    UPDATE suppressions s SET ended_at = greatest(%s, s.since), ended_by = %s, why = %s
    FROM customers c WHERE c.id = s.customer_id AND c.id = %s AND {_HOLDS} RETURNING s.id"""

_LISTING: Final = f"""
    SELECT c.id, c.processor_id, s.cause, s.since, m.type
    FROM suppressions s JOIN customers c ON c.id = s.customer_id
    LEFT JOIN mails m ON m.id = s.mail_id
    WHERE c.id > %(after)s AND {_HOLDS} ORDER BY c.id, s.since LIMIT %(limit)s"""


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why nothing is sent to a customer's present address."""

    cause: str  #: "bounce" or "complaint"
    since: datetime  #: UTC

    @property
    def words(self) -> str:
        """In a sentence, without the address."""
        what = "it bounced" if self.cause == "bounce" else "its owner complained"
        return f"nothing is sent to this address: {what} on {self.since:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A customer to whom nothing is sent, in a list."""

    id: int
    customer: str | None  #: the processor's id
    cause: str
    since: datetime
    mail: str | None  #: the type of the mail that bounced, or was complained of, where known


def of(connection: Connection, ids: Iterable[int]) -> Mapping[int, Suppression]:
    """Return, of these customers, those whose present address nothing is sent to."""
    found = batch.fetch(connection, _FOUND, (sorted(ids),))
    return {id: Suppression(cause, since) for id, cause, since in found}


def owners(connection: Connection, address: str) -> list[int]:
    """Return the customers whose address this is now."""
    sql = "SELECT id FROM customers WHERE lower(email) = lower(%s::text) ORDER BY id"
    return [id for (id,) in batch.fetch(connection, sql, (address,))]


def add(
    connection: Connection,
    ids: Collection[int],
    *,
    cause: str,
    mail_id: int | None,
    address: str | None,
    now: datetime,
) -> list[int]:
    """
    Send nothing more to the present addresses of these customers; return whose is new.

    Args:
        address: The one that it is about, where it is known: who has another by now is left out.
    """
    found = batch.fetch(connection, _ADD, (mail_id, cause, now, sorted(ids), address))
    return [id for (id,) in found]


def end(connection: Connection, id: int, *, by: str, why: str, now: datetime) -> bool:
    """Send to a customer's present address again; return whether nothing was sent to it."""
    return bool(batch.fetch(connection, _END, (now, by, why, id)))


def listing(connection: Connection, *, after: int = 0, limit: int = LIMIT) -> Page[Suppressed]:
    """Return customers to whose present address nothing is sent, by id."""
    return page(connection, _LISTING, {"after": after}, Suppressed, limit=limit)
