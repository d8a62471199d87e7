"""Customers and their payment methods."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from recoup.core.billing.views import Customer, PaymentMethod
from recoup.store.views.reading import LIMIT, Ref, one, rows

_CUSTOMER: Final = """
    SELECT x.id, x.owner_type, x.owner_id, x.processor, x.processor_id, x.version, x.email, x.name,
           x.locale, x.time_zone, x.country, x.currency, x.default_method, x.metadata, x.data,
           x.deleted, x.created_at
    FROM customers x"""

_METHOD: Final = """
    SELECT x.id, x.processor_id, x.customer_id, x.kind, x.instrument, x.brand, x.last4,
           x.exp_year, x.exp_month, (x.processor_id IS NOT DISTINCT FROM c.default_method
           AND NOT x.detached) AS "default", x.backup, x.consented_at, x.detached
    FROM payment_methods x JOIN customers c ON c.id = x.customer_id"""


def read_customer(connection: Connection, ref: Ref) -> Customer:
    """
    Return one customer.

    Raises:
        NotFound: there is none.
    """
    return Customer(**one(connection, _CUSTOMER, ref, table="customers"))


def find_customer(
    connection: Connection, owner_type: str, owner_id: str, *, processor: str
) -> Customer | None:
    """Return the owner's customer at this processor, if there is one."""
    sql = f"""{_CUSTOMER} WHERE x.owner_type = %(type)s AND x.owner_id = %(id)s
        AND x.processor = %(processor)s"""
    given = {"type": owner_type, "id": owner_id, "processor": processor}
    for row in rows(connection, sql, given):
        return Customer(**row)
    return None


def list_customers(
    connection: Connection, *, after: int = 0, limit: int = LIMIT
) -> tuple[Customer, ...]:
    """Return customers by id."""
    sql = f"{_CUSTOMER} WHERE x.id > %(after)s ORDER BY x.id LIMIT %(limit)s"
    found = rows(connection, sql, {"after": after, "limit": limit})
    return tuple(Customer(**row) for row in found)


def read_method(connection: Connection, ref: Ref) -> PaymentMethod:
    """
    Return one payment method, detached or not.

    Raises:
        NotFound: there is none.
    """
    return PaymentMethod(**one(connection, _METHOD, ref, table="payment_methods"))


def list_methods(
    connection: Connection, customer_id: int, *, detached: bool = False
) -> tuple[PaymentMethod, ...]:
    """Return the customer's methods: the default, the backups in their order, the others."""
    sql = f"""{_METHOD} WHERE x.customer_id = %(customer)s AND (%(detached)s OR NOT x.detached)
        ORDER BY "default" DESC, x.backup NULLS LAST, x.id"""
    found = rows(connection, sql, {"customer": customer_id, "detached": detached})
    return tuple(PaymentMethod(**row) for row in found)
