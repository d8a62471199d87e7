"""
What the fake shows of itself: the events it told, and its objects as they are now.

Only faults that name the call ("event_page", "object_page", "look_up", "bill") happen to it, and
outages that last until an instant: looking must not use up what is scripted for requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from recoup.core.documents import Bill
from recoup.errors import InvalidValue, Rejected
from recoup.processors.base import Kind, Page
from recoup.processors.fake import events, idempotency, shapes
from recoup.processors.fake.billing import discounts
from recoup.processors.fake.idempotency import Fault
from recoup.processors.fake.model import (
    PREFIXES,
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
    Subscription,
    instant,
)
from recoup.processors.fake.shapes.wire import Json
from recoup.processors.fake.world import Session, World, micros
from recoup.processors.stripe.snapshots import line, snapshot

#: Objects a page holds.
PAGE: Final = 100
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def event_page(world: World, since: datetime, *, after: str | None, kept: timedelta) -> Page:
    """Return events of the last `kept`, created at or after `since`, the newest first."""
    with world.session() as s:
        fault = _fault(s, "event_page")
        oldest = max(micros(since), s.micros - micros_of(kept)) / 1_000_000
        rows = s.connection.execute(
            "SELECT body FROM events WHERE seq < ? ORDER BY seq DESC LIMIT ?",
            (int(after or 2**62), PAGE),
        ).fetchall()
    idempotency.raise_if_asleep(fault)
    bodies = [body for (body,) in rows]
    found = [body for body in bodies if _decode(body)["created"] >= oldest]
    more = len(found) == len(rows) == PAGE
    return Page(tuple(found), str(_number(found[-1])) if more else None)


def micros_of(span: timedelta) -> int:
    """Return a span in microseconds."""
    return span // timedelta(microseconds=1)


def object_page(world: World, kind: Kind, *, after: str | None, of: str | None) -> Page:
    """Return objects of a kind, the newest first; see `recoup.processors.base.Shows`."""
    if kind == "payment_method" and of is None:
        raise InvalidValue("payment methods are listed for one customer")
    with world.session() as s:
        fault = _fault(s, "object_page")
        s.flush()
        found, next_ = _found(s, kind, after, of)
        lines = [_line(s, kind, thing) for thing in found]
    idempotency.raise_if_asleep(fault)
    return Page(tuple(one for one in lines if one is not None), next_)


def look_up(world: World, kind: Kind, id_: str) -> bytes | None:
    """Return one object; see `recoup.processors.base.Shows`."""
    with world.session() as s:
        fault = _fault(s, "look_up")
        name = discounts.key_of(id_) if kind == "coupon" else id_
        if kind == "invoice_payment":
            name = id_.replace("inpay_", "pi_", 1)
        try:
            thing: Any = s.get(_KINDS[kind][0], name)
        except Rejected:
            thing = None
        shown = None if thing is None else _line(s, kind, thing, gone_too=kind == "customer")
    idempotency.raise_if_asleep(fault)
    return shown


def bill(world: World, id_: str) -> Bill | None:
    """Return what an invoice shows to its customer; see `recoup.processors.base.Shows`."""
    with world.session() as s:
        fault = _fault(s, "bill")
        try:
            found = s.get(Invoice, id_)
        except Rejected:
            shown = None
        else:
            shown = shapes.bill(found, s.get(Customer, found.customer))
    idempotency.raise_if_asleep(fault)
    return shown


def _found(
    s: Session, kind: Kind, after: str | None, of: str | None
) -> tuple[list[Any], str | None]:
    of_kind = _KINDS[kind][0]
    prefix = PREFIXES[of_kind] + "_"
    rows = s.connection.execute(
        "SELECT id FROM objects WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?",
        (prefix, after or prefix[:-1] + "`", -1 if of else PAGE),
    ).fetchall()
    things: list[Any] = [s.get(of_kind, id_) for (id_,) in rows]
    if of is not None:
        things = [thing for thing in things if getattr(thing, "customer", None) == of][:PAGE]
    full = len(things) == PAGE
    return things, things[-1].id if full else None


def _line(s: Session, kind: Kind, thing: Any, *, gone_too: bool = False) -> bytes | None:
    """Return a thing told as an event; None for one that the processor does not show."""
    if getattr(thing, "deleted", False) and not gone_too:
        return None
    body = _KINDS[kind][1](s, thing)
    if body is None:
        return None
    # Nothing changes without an event, so their count orders the looks of one second.
    turn = s.counted("evt")
    told = snapshot(
        body,
        at=instant(s.now),
        livemode=False,
        version=s.api_version,
        last=events.named(turn) if turn else None,
        turn=turn,
    )
    return line(told)


def _subscription(s: Session, thing: Subscription) -> Json:
    prices = [s.get(Price, item.price) for item in thing.items]
    given = thing.discount
    coupon = None if given is None else s.get(Coupon, discounts.key_of(given.coupon))
    return shapes.subscription(thing, prices, coupon, version=s.api_version)


def _invoice(s: Session, thing: Invoice) -> Json:
    intent = None if thing.intent is None else s.get(Intent, thing.intent)
    return shapes.invoice(thing, intent, basil=s.basil)


def _payment(s: Session, thing: Intent) -> Json | None:
    return shapes.invoice_payment(s.get(Invoice, thing.invoice), thing) if s.basil else None


def _code(s: Session, thing: PromotionCode) -> Json:
    coupon = s.get(Coupon, discounts.key_of(thing.coupon))
    return shapes.promotion_code(thing, coupon, valid=True, version=s.api_version)


#: Kind -> what the fake keeps of it, and its shape. A payment is a view of its intent.
_KINDS: Final[Mapping[Kind, tuple[type, Callable[[Session, Any], Json | None]]]] = {
    "customer": (Customer, lambda _, it: shapes.customer(it)),
    "payment_method": (Method, lambda s, it: shapes.method(it, s.get(Instrument, it.instrument))),
    "subscription": (Subscription, _subscription),
    "invoice": (Invoice, _invoice),
    "invoice_payment": (Intent, _payment),
    "payment_intent": (Intent, lambda s, it: shapes.intent(it, basil=s.basil)),
    "charge": (Charge, lambda s, it: shapes.charge(it, s.get(Method, it.method), basil=s.basil)),
    "refund": (Refund, lambda _, it: shapes.refund(it)),
    "dispute": (Dispute, lambda _, it: shapes.dispute(it)),
    "coupon": (Coupon, lambda _, it: shapes.coupon(it, valid=True)),
    "promotion_code": (PromotionCode, _code),
}


def _fault(s: Session, call: str) -> Fault | None:
    for (doc,) in s.connection.execute("SELECT doc FROM faults ORDER BY id").fetchall():
        fault = msgspec.json.decode(doc, type=Fault)
        if fault.call == call:
            return idempotency.take_fault(s, call)
        lasting = fault.call is None and fault.times is None and not fault.skip
        if lasting and (fault.until is None or micros(fault.until) > s.micros):
            return fault
    return None


def _number(body: bytes) -> int:
    return int(_decode(body)["id"].rpartition("_")[2])
