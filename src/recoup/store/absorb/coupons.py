"""Coupons and promotion codes: nobody's in particular."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from recoup.core.facts import CouponFact, PromotionCodeFact
from recoup.store.absorb.known import Known, Told
from recoup.store.absorb.mirror import Row
from recoup.store.absorb.waiting import Waiting
from recoup.store.records.erasure import ERASED
from recoup.store.writer import Writer


def coupons(writer: Writer, processor: str, told: Told, known: Known, waiting: Waiting) -> None:
    """A coupon needs no parent. How often it was redeemed is counted here, not there."""
    for _, fact in told.coupons:
        row = known.coupons.get(fact.processor_id)
        if row is None:
            row = known.coupons.new(
                writer,
                {
                    "processor": processor,
                    "processor_id": fact.processor_id,
                    "redemptions": 0,
                    "prices": [],
                },
            )
        row.offer(fact.seen, _coupon(fact))
        waiting.arrived(f"coupon:{fact.processor_id}")


def codes(writer: Writer, processor: str, told: Told, known: Known, waiting: Waiting) -> None:
    """A code belongs to a coupon and, when it names one, to a customer."""
    for event, fact in told.codes:
        row = known.codes.get(fact.processor_id)
        if row is None:
            coupon = known.coupons.get(fact.coupon)
            if coupon is None:
                waiting.wait(event, f"coupon:{fact.coupon}")
                continue
            owner = known.customers.get(fact.customer)
            if owner is None and fact.customer is not None:
                waiting.wait(event, f"customer:{fact.customer}")
                continue
            row = known.codes.new(
                writer,
                {
                    "coupon_id": coupon["id"],
                    "processor": processor,
                    "processor_id": fact.processor_id,
                    "customer_id": owner["id"] if owner else None,
                    "redemptions": 0,
                },
            )
        news = _code(fact)
        if row["customer_id"] is not None and known.erased(row["customer_id"]):
            news["code"] = row["code"] or f"{ERASED}-{row['id']}"  # people's names are in codes
        row.offer(fact.seen, news)
    _one_active(known.codes.by_id.values())


def _one_active(rows: Iterable[Row]) -> None:
    """
    Of codes with one text for the same people only the newest is active.

    The processor gives a text out again only when it is free, so the older one is closed, and
    the news of that is still to come.
    """
    alike: dict[tuple[str, int | None], list[Row]] = {}
    for row in rows:
        if row["active"]:
            alike.setdefault((row["code"].lower(), row["customer_id"]), []).append(row)
    for group in alike.values():
        newest = max(group, key=_newness)
        for row in group:
            if row is not newest:
                row.values["active"] = False


def _newness(row: Row) -> tuple[object, ...]:
    return (row["seen_at"], row["seen_event"])


def _coupon(fact: CouponFact) -> dict[str, object]:
    said = {} if fact.prices is None else {"prices": list(fact.prices)}
    return said | {
        "name": fact.name,
        "percent_off": Decimal(fact.percent_off) if fact.percent_off else None,
        "amount_off": fact.amount_off.minor if fact.amount_off else None,
        "currency": fact.amount_off.currency if fact.amount_off else None,
        "duration": fact.duration,
        "months": fact.months,
        "max_redemptions": fact.max_redemptions,
        "redeem_by": fact.redeem_by,
        "deleted": fact.deleted,
    }


def _code(fact: PromotionCodeFact) -> dict[str, object]:
    return {
        "code": fact.code,
        "active": fact.active,
        "max_redemptions": fact.max_redemptions,
        "expires_at": fact.expires_at,
        "first_time": fact.first_time,
        "minimum": fact.minimum.minor if fact.minimum else None,
        "minimum_currency": fact.minimum.currency if fact.minimum else None,
    }
