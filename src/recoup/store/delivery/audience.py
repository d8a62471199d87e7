"""Whether customers live where the law wants a postal address below mails."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from recoup.store import batch

#: The European Union, by ISO 3166, and Canada. Source: Directive 2000/31/EC, article 5 and 6;
#: Canada's Anti-Spam Legislation, section 6 (2).
WANT_AN_ADDRESS: Final = (
    "AT", "BE", "BG", "CA", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)  # fmt: skip


def wants_an_address(connection: Connection) -> str | None:
    """Return a country in which a customer lives who is to be told an address, if there is one."""
    sql = "SELECT country FROM customers WHERE country = ANY(%s) AND NOT deleted LIMIT 1"
    found = batch.fetch(connection, sql, (list(WANT_AN_ADDRESS),))
    return str(found[0][0]) if found else None
