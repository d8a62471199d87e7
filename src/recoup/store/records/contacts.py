"""How to reach customers, read fresh when a mail is rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from recoup.store import batch


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom a mail goes to. Nothing of it is kept in job arguments or logs."""

    email: str | None
    name: str | None
    locale: str | None
    time_zone: str | None
    country: str | None


def contacts(connection: Connection, ids: Sequence[int]) -> Mapping[int, Contact]:
    """Return how to reach these customers."""
    sql = "SELECT id, email, name, locale, time_zone, country FROM customers WHERE id = ANY(%s)"
    return {id: Contact(*rest) for id, *rest in batch.fetch(connection, sql, (list(ids),))}


def invoice_numbers(connection: Connection, ids: Sequence[int]) -> Mapping[int, str]:
    """Return what is printed on these invoices; those without a number are left out."""
    sql = "SELECT id, number FROM invoices WHERE id = ANY(%s) AND number IS NOT NULL"
    return dict(batch.fetch(connection, sql, (list(ids),)))
