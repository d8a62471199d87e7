"""
Coupons and promotion codes.

People choose their ids, and may choose digits: text is the processor's id (or the code) first and
an id of ours only when there is no such thing.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.billing.views import Coupon, PromotionCode
from recoup.core.money import Money
from recoup.store.views.reading import LIMIT, Ref, Values, clean, first, our_id, rows

_COUPON: Final = """
    SELECT x.id, x.processor_id, x.name, trim_scale(x.percent_off)::text AS percent_off,
           x.amount_off, x.currency, x.duration, x.months, x.max_redemptions, x.redemptions,
           x.redeem_by, x.prices, x.deleted
    FROM coupons x"""

_CODE: Final = """
    SELECT x.id, x.processor_id, x.coupon_id, x.code, x.active, x.customer_id, x.max_redemptions,
           x.redemptions, x.expires_at, x.first_time, x.minimum, x.minimum_currency
    FROM promotion_codes x"""


def read_coupon(connection: Connection, ref: Ref) -> Coupon:
    """
    Return one coupon, deleted or not.

    Raises:
        NotFound: there is none.
    """
    sql = f"""{_COUPON} WHERE x.processor_id = %(name)s OR x.id = %(id)s
        ORDER BY x.processor_id = %(name)s DESC, x.id"""
    return _coupon(first(connection, sql, ref, "coupons", _names(ref)))


def list_coupons(
    connection: Connection, *, after: int = 0, limit: int = LIMIT
) -> tuple[Coupon, ...]:
    """Return coupons by id, deleted ones too."""
    sql = f"{_COUPON} WHERE x.id > %(after)s ORDER BY x.id LIMIT %(limit)s"
    return tuple(_coupon(row) for row in rows(connection, sql, {"after": after, "limit": limit}))


def read_promotion_code(connection: Connection, ref: Ref) -> PromotionCode:
    """
    Return one promotion code by id, or by the code itself in any case: the active one, else the
    newest.

    Raises:
        NotFound: there is none.
    """
    sql = f"""{_CODE} WHERE x.processor_id = %(name)s OR lower(x.code) = lower(%(name)s)
          OR x.id = %(id)s
        ORDER BY x.processor_id = %(name)s DESC, lower(x.code) = lower(%(name)s) DESC,
                 x.active DESC, x.id DESC"""
    return _code(first(connection, sql, ref, "promotion_codes", _names(ref)))


def list_promotion_codes(
    connection: Connection, *, coupon_id: int | None = None, after: int = 0, limit: int = LIMIT
) -> tuple[PromotionCode, ...]:
    """Return promotion codes by id: the coupon's, or all."""
    whose = "" if coupon_id is None else "x.coupon_id = %(coupon)s AND"
    sql = f"{_CODE} WHERE {whose} x.id > %(after)s ORDER BY x.id LIMIT %(limit)s"
    given = {"coupon": coupon_id, "after": after, "limit": limit}
    return tuple(_code(row) for row in rows(connection, sql, given))


def _names(ref: Ref) -> dict[str, Any]:
    return {"id": our_id(ref), "name": clean(ref) if isinstance(ref, str) else None}


def _coupon(row: Values) -> Coupon:
    amount, currency = row.pop("amount_off"), row.pop("currency")
    row["prices"] = tuple(row["prices"])
    return Coupon(**row, amount_off=None if amount is None else Money(amount, currency))


def _code(row: Values) -> PromotionCode:
    minimum, currency = row.pop("minimum"), row.pop("minimum_currency")
    return PromotionCode(**row, minimum=None if minimum is None else Money(minimum, currency))
