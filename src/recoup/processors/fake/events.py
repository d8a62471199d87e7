"""
Events, as they are received: Stripe's envelope around a snapshot, kept as raw bytes.

A snapshot never changes afterwards. Events caused by one of our requests carry its id and key;
what happens by itself (a renewal, a late return) carries neither.
"""

from __future__ import annotations

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
from recoup.processors.fake.world import Session

Json = dict[str, Any]
_encode: Final = msgspec.json.Encoder().encode


def customer(s: Session, type_: str, thing: Customer, previous: Json | None = None) -> None:
    _emit(s, type_, shapes.customer(thing), previous)


def method(s: Session, type_: str, thing: Method, previous: Json | None = None) -> None:
    _emit(s, type_, shapes.method(thing, s.get(Instrument, thing.instrument)), previous)


def subscription(
    s: Session, type_: str, thing: Subscription, previous: Json | None = None
) -> None:
    prices = [s.get(Price, item.price) for item in thing.items]
    given = thing.discount
    found = None if given is None else s.get(Coupon, f"coupon_{given.coupon}")
    body = shapes.subscription(thing, prices, found, version=s.api_version)
    _emit(s, type_, body, previous)


def coupon(s: Session, type_: str, thing: Coupon, *, valid: bool) -> None:
    _emit(s, type_, shapes.coupon(thing, valid=valid), None)


def promotion_code(
    s: Session, type_: str, thing: PromotionCode, *, valid: bool, previous: Json | None = None
) -> None:
    of = s.get(Coupon, f"coupon_{thing.coupon}")
    body = shapes.promotion_code(thing, of, valid=valid, version=s.api_version)
    _emit(s, type_, body, previous)


def invoice(s: Session, type_: str, thing: Invoice, previous: Json | None = None) -> None:
    intent = None if thing.intent is None else s.get(Intent, thing.intent)
    _emit(s, type_, shapes.invoice(thing, intent, basil=s.basil), previous)


def intent(s: Session, type_: str, thing: Intent) -> str:
    """Tell of a payment intent; return the event's id."""
    return _emit(s, type_, shapes.intent(thing, basil=s.basil), None)


def setup(s: Session, type_: str, thing: SetupIntent) -> None:
    _emit(s, type_, shapes.setup(thing), None)


def charge(s: Session, type_: str, thing: Charge) -> str:
    """Tell of a charge; return the event's id."""
    paid_with = s.get(Method, thing.method)
    return _emit(s, type_, shapes.charge(thing, paid_with, basil=s.basil), None)


def refund(s: Session, type_: str, thing: Refund) -> None:
    _emit(s, type_, shapes.refund(thing), None)


def dispute(s: Session, type_: str, thing: Dispute) -> None:
    _emit(s, type_, shapes.dispute(thing), None)


def invoice_paid_by(s: Session, invoice_: Invoice, intent_: Intent) -> None:
    """Tell which payment intent paid the invoice; old versions do not know this event."""
    if s.basil:
        body = shapes.invoice_payment(invoice_, intent_)
        _emit(s, "invoice_payment.paid", body, None)


def _emit(s: Session, type_: str, body: Json, previous: Json | None) -> str:
    seq = s.count("evt")
    id_ = f"evt_fake_{seq:09d}"
    data: Json = {"object": body}
    if previous is not None:
        data["previous_attributes"] = previous
    event = {
        "id": id_,
        "object": "event",
        "api_version": s.api_version,
        "created": s.now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 1,
        "request": s.request,
        "type": type_,
    }
    s.tell(_encode(event), seq)
    return id_
