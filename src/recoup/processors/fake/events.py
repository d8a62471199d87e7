"""
Events, as they are received: Stripe's envelope around a snapshot, kept as raw bytes.

A snapshot never changes afterwards. Events caused by one of our requests carry its id and key;
what happens by itself (a renewal, a late return) carries neither. Besides the world's version they
are told in others, where somebody listens to those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from recoup.processors.fake import shapes
from recoup.processors.fake.model import (
    Charge,
    Coupon,
    Customer,
    Dispute,
    Instrument,
    Intent,
    Invoice,
    Method,
    Price,
    PromotionCode,
    Refund,
    SetupIntent,
    Subscription,
)
from recoup.processors.fake.shapes.wire import is_basil
from recoup.processors.fake.world import BASIL, Session

Json = dict[str, Any]
#: Version -> the object as that version shows it.
Shape = Callable[[str], Json]
_encode: Final = msgspec.json.Encoder().encode


def customer(s: Session, type_: str, thing: Customer, previous: Json | None = None) -> None:
    _emit(s, type_, lambda _: shapes.customer(thing), previous)


def method(s: Session, type_: str, thing: Method, previous: Json | None = None) -> None:
    behind = s.get(Instrument, thing.instrument)
    _emit(s, type_, lambda _: shapes.method(thing, behind), previous)


def subscription(
    s: Session, type_: str, thing: Subscription, previous: Json | None = None
) -> None:
    prices = [s.get(Price, item.price) for item in thing.items]
    given = thing.discount
    found = None if given is None else s.get(Coupon, f"coupon_{given.coupon}")

    def shape(version: str) -> Json:
        return shapes.subscription(thing, prices, found, version=version)

    _emit(s, type_, shape, previous)


def schedule(s: Session, type_: str, body: Json) -> None:
    """Tell of a subscription's schedule, which is made only by those who speak Stripe's API."""
    _emit(s, type_, lambda _: body, None)


def coupon(s: Session, type_: str, thing: Coupon, *, valid: bool) -> None:
    _emit(s, type_, lambda _: shapes.coupon(thing, valid=valid), None)


def promotion_code(
    s: Session, type_: str, thing: PromotionCode, *, valid: bool, previous: Json | None = None
) -> None:
    of = s.get(Coupon, f"coupon_{thing.coupon}")

    def shape(version: str) -> Json:
        return shapes.promotion_code(thing, of, valid=valid, version=version)

    _emit(s, type_, shape, previous)


def invoice(s: Session, type_: str, thing: Invoice, previous: Json | None = None) -> None:
    intent = None if thing.intent is None else s.get(Intent, thing.intent)
    _emit(s, type_, lambda v: shapes.invoice(thing, intent, basil=is_basil(v)), previous)


def intent(s: Session, type_: str, thing: Intent) -> str:
    """Tell of a payment intent; return the event's id."""
    return _emit(s, type_, lambda v: shapes.intent(thing, basil=is_basil(v)), None)


def setup(s: Session, type_: str, thing: SetupIntent) -> None:
    _emit(s, type_, lambda _: shapes.setup(thing), None)


def charge(s: Session, type_: str, thing: Charge) -> str:
    """Tell of a charge; return the event's id."""
    paid_with = s.get(Method, thing.method)
    return _emit(s, type_, lambda v: shapes.charge(thing, paid_with, basil=is_basil(v)), None)


def refund(s: Session, type_: str, thing: Refund) -> None:
    _emit(s, type_, lambda _: shapes.refund(thing), None)


def dispute(s: Session, type_: str, thing: Dispute) -> None:
    _emit(s, type_, lambda _: shapes.dispute(thing), None)


def invoice_paid_by(s: Session, invoice_: Invoice, intent_: Intent) -> None:
    """Tell which payment intent paid the invoice; old versions do not know this event."""
    if s.basil:
        type_ = "invoice_payment.paid"
        _emit(s, type_, lambda _: shapes.invoice_payment(invoice_, intent_), None, since=BASIL)


def named(seq: int) -> str:
    """Return the id of the event of this number; ids are in the order of what happened."""
    return f"evt_fake_{seq:09d}"


def _emit(s: Session, type_: str, shape: Shape, previous: Json | None, *, since: str = "") -> str:
    seq = s.count("evt")
    id_ = named(seq)

    def body(version: str) -> bytes:
        data: Json = {"object": shape(version)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = {
            "id": id_,
            "object": "event",
            "api_version": version,
            "created": s.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": s.request,
            "type": type_,
        }
        return _encode(event)

    s.tell(body(s.api_version), seq)
    for version in s.also:
        if version[:10] >= since:
            s.tell_also(body(version), seq, version)
    return id_
