"""Uses of coupons: counted where they are limited, one row each, and given back once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from recoup.store import batch, tables
from recoup.store.writer import Writer

#: Counts one use if one is left. Whoever comes second waits for the first and sees its count.
_TAKE: Final = """
    UPDATE {table} SET redemptions = redemptions + 1
    WHERE id = %s AND (max_redemptions IS NULL OR redemptions < max_redemptions)
    RETURNING id"""
_RETURN: Final = "UPDATE {table} SET redemptions = redemptions - 1 WHERE id = %s RETURNING id"

_HELD: Final = """
    SELECT r.id, r.customer_id, r.coupon_id, r.promotion_code_id FROM redemptions r
    WHERE {which} AND r.given_back_at IS NULL ORDER BY r.coupon_id, r.id FOR UPDATE"""
#: A subscription that somebody has paid for has used its coupon, however it ended.
_UNPAID: Final = """NOT EXISTS (SELECT FROM invoices i
    WHERE i.subscription_id = r.subscription_id AND i.amount_paid > 0)"""


def restrict(connection: Connection, coupon_id: int, prices: Sequence[str]) -> None:
    """Say which prices the coupon is for; none: every price."""
    sql = "UPDATE coupons SET prices = %s WHERE id = %s RETURNING id"
    batch.fetch(connection, sql, (list(prices), coupon_id))


def take(connection: Connection, coupon_id: int, code_id: int | None) -> bool:
    """
    Count one use of the coupon, and of the code; return whether both had one left.

    When it returns False the caller must roll back: one of them may be counted.
    """
    taken = batch.fetch(connection, _TAKE.format(table="coupons"), (coupon_id,))
    if not taken or code_id is None:
        return bool(taken)
    return bool(batch.fetch(connection, _TAKE.format(table="promotion_codes"), (code_id,)))


def record(
    writer: Writer,
    *,
    customer_id: int,
    coupon_id: int,
    code_id: int | None,
    command_id: int,
    subscription_id: int | None,
) -> None:
    """Record one use that was counted."""
    values = {
        "customer_id": customer_id,
        "coupon_id": coupon_id,
        "promotion_code_id": code_id,
        "command_id": command_id,
        "subscription_id": subscription_id,
        "redeemed_at": writer.now,
        "given_back_at": None,
        "reason": None,
    }
    writer.insert(tables.redemptions, values, type="coupon.redeemed")


def link(writer: Writer, command_id: int, subscription_id: int) -> None:
    """Say which subscription the command's uses were for."""
    sql = "SELECT id, customer_id, subscription_id FROM redemptions WHERE command_id = %s"
    for id, customer_id, before in batch.fetch(writer.connection, sql, (command_id,)):
        writer.update(
            tables.redemptions,
            {"id": id, "customer_id": customer_id, "subscription_id": before},
            {"subscription_id": subscription_id},
        )
    writer.flush()


def give_back(writer: Writer, *, command_id: int, reason: str) -> None:
    """Give back what a command used; what was given back already is not again."""
    _give_back(writer, _HELD.format(which="r.command_id = %s"), (command_id,), reason)


def give_back_unlived(writer: Writer, subscription_ids: Sequence[int], *, reason: str) -> None:
    """Give back what these subscriptions used, unless somebody has paid for them."""
    which = f"r.subscription_id = ANY(%s) AND {_UNPAID}"
    _give_back(writer, _HELD.format(which=which), (list(subscription_ids),), reason)


def has_paid(connection: Connection, customer_id: int) -> bool:
    """Return whether the customer has ever paid for anything."""
    sql = "SELECT EXISTS (SELECT FROM invoices WHERE customer_id = %s AND amount_paid > 0)"
    ((found,),) = batch.fetch(connection, sql, (customer_id,))
    return bool(found)


def _give_back(writer: Writer, sql: str, parameters: Sequence[Any], reason: str) -> None:
    held = batch.fetch(writer.connection, sql, parameters)
    for id, customer_id, coupon_id, code_id in held:
        writer.update(
            tables.redemptions,
            {"id": id, "customer_id": customer_id, "given_back_at": None, "reason": None},
            {"given_back_at": writer.now, "reason": reason},
            type="coupon.given_back",
        )
        batch.fetch(writer.connection, _RETURN.format(table="coupons"), (coupon_id,))
        if code_id is not None:
            batch.fetch(writer.connection, _RETURN.format(table="promotion_codes"), (code_id,))
    if held:
        writer.flush()
