"""Subscriptions: started, changed, paused, ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from recoup.commands.changes import When
from recoup.commands.subscriptions import Feedback, Reason
from recoup.core.activation import LONGEST, PaymentGate, WhenLate
from recoup.core.billing.requests import Collection, ItemChange, PauseBehavior, Proration
from recoup.core.billing.views import Preview, Started, Subscription
from recoup.web.api.endpoint import Asked, Endpoint, Nothing, Paging, Rows
from recoup.web.api.shapes import Instant, paged, shape

_SHOWN = shape(Subscription)

Some = Annotated[int, Meta(ge=1, le=1_000_000)]


class PriceWanted(Struct, frozen=True, forbid_unknown_fields=True):
    price: str
    quantity: Some | None = None


class ItemWanted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to become of an item; without `item` a new one."""

    item: str | None = None
    price: str | None = None
    quantity: Some | None = None
    removed: bool = False


class GateWanted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Nothing is open, and nothing owed, before the first payment has come."""

    timeout_s: Annotated[int, Meta(ge=1, le=int(LONGEST.total_seconds()))] = 23 * 3600
    tries: Annotated[int, Meta(ge=1, le=50)] | None = None
    late: WhenLate = "refund"


class Listing(Paging, frozen=True, kw_only=True):
    customer: str | None = None


class NewSubscription(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    customer: str
    prices: Annotated[tuple[PriceWanted, ...], Meta(min_length=1, max_length=100)]
    trial_days: Annotated[int, Meta(ge=1, le=730)] | None = None
    trial_end: Instant | None = None
    anchor: Instant | None = None
    coupon: str | None = None
    promotion_code: str | None = None
    default_method: str | None = None
    metadata: dict[str, str] | None = None
    collection: Collection = "charge_automatically"
    days_until_due: Some | None = None
    allow_duplicate: bool = False
    gate: GateWanted | None = None
    backdate: Instant | None = None


class Cancellation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    when: Annotated[When, Meta(description="Unless `at` is given.")] = "now"
    at: Instant | None = None
    reason: Reason = "requested"
    feedback: Feedback | None = None
    comment: Annotated[str, Meta(max_length=500)] | None = None


class Pausing(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    behavior: PauseBehavior = "void"
    until: Instant | None = None


class Target(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    prices: Annotated[tuple[PriceWanted, ...], Meta(max_length=100)] | None = None
    items: Annotated[tuple[ItemWanted, ...], Meta(max_length=100)] | None = None
    when: When = "now"
    proration: Proration = "invoice_now"


class ChangePlan(Target, frozen=True, kw_only=True):
    preview: Annotated[str, Meta(description="Then nothing else says what changes.")] | None = None
    allow_duplicate: bool = False
    gate: GateWanted | None = None


def _list(asked: Asked) -> Rows:
    query: Listing = asked.query
    return Rows(
        asked.recoup.subscriptions.list(asked.whose(), after=query.after, limit=query.limit + 1)
    )


def _get(asked: Asked) -> Subscription:
    return asked.recoup.subscriptions.get(asked.id)


def _start(asked: Asked) -> Started:
    wish: NewSubscription = asked.body
    return asked.recoup.subscriptions.start(
        asked.customer(wish.customer),
        _prices(wish.prices),
        trial_days=wish.trial_days,
        trial_end=wish.trial_end,
        anchor=wish.anchor,
        coupon=wish.coupon,
        promotion_code=wish.promotion_code,
        default_method=wish.default_method,
        metadata=wish.metadata,
        collection=wish.collection,
        days_until_due=wish.days_until_due,
        allow_duplicate=wish.allow_duplicate,
        gate=_gate(wish.gate),
        backdate=wish.backdate,
        key=asked.key,
    )


def _cancel(asked: Asked) -> Subscription:
    told: Cancellation = asked.body
    return asked.recoup.subscriptions.cancel(
        asked.id,
        when=told.at or told.when,
        reason=told.reason,
        feedback=told.feedback,
        comment=told.comment,
        key=asked.key,
    )


def _resume(asked: Asked) -> Subscription:
    return asked.recoup.subscriptions.resume(asked.id, key=asked.key)


def _pause(asked: Asked) -> Subscription:
    told: Pausing = asked.body
    return asked.recoup.subscriptions.pause(
        asked.id, behavior=told.behavior, until=told.until, key=asked.key
    )


def _unpause(asked: Asked) -> Subscription:
    return asked.recoup.subscriptions.unpause(asked.id, key=asked.key)


def _preview(asked: Asked) -> Preview:
    told: Target = asked.body
    return asked.recoup.subscriptions.preview_change(
        asked.id,
        prices=None if told.prices is None else _prices(told.prices),
        items=_items(told.items),
        when=told.when,
        proration=told.proration,
    )


def _change(asked: Asked) -> Subscription:
    told: ChangePlan = asked.body
    return asked.recoup.subscriptions.change_plan(
        asked.id,
        preview=told.preview,
        prices=None if told.prices is None else _prices(told.prices),
        items=_items(told.items),
        when=told.when,
        proration=told.proration,
        allow_duplicate=told.allow_duplicate,
        gate=_gate(told.gate),
        key=asked.key,
    )


def _prices(given: Sequence[PriceWanted]) -> list[str | tuple[str, int]]:
    return [one.price if one.quantity is None else (one.price, one.quantity) for one in given]


def _items(given: Sequence[ItemWanted] | None) -> list[ItemChange] | None:
    if given is None:
        return None
    return [ItemChange(one.item, one.price, one.quantity, one.removed) for one in given]


def _gate(given: GateWanted | None) -> PaymentGate | None:
    if given is None:
        return None
    return PaymentGate(timedelta(seconds=given.timeout_s), given.tries, given.late)


def _command(
    word: Literal["cancel", "resume", "pause", "unpause", "change"],
    summary: str,
    run: Any,
    takes: type[Struct] = Nothing,
) -> Endpoint:
    return Endpoint(
        "POST",
        f"/subscriptions/{{id}}/{word}",
        "subscriptions:write",
        summary,
        run,
        _SHOWN,
        takes=takes,
        keyed=True,
    )


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "GET",
        "/subscriptions",
        "subscriptions:read",
        "List subscriptions, by id",
        _list,
        paged(_SHOWN),
        query=Listing,
        listed=True,
    ),
    Endpoint(
        "GET", "/subscriptions/{id}", "subscriptions:read", "Show a subscription", _get, _SHOWN
    ),
    Endpoint(
        "POST",
        "/subscriptions",
        "subscriptions:write",
        "Start a subscription",
        _start,
        shape(Started),
        takes=NewSubscription,
        keyed=True,
    ),
    _command("cancel", "End it now, with its period, or at an instant", _cancel, Cancellation),
    _command("resume", "Undo an end, or a change, that is scheduled", _resume),
    _command("pause", "Stop collecting", _pause, Pausing),
    _command("unpause", "Collect again", _unpause),
    _command("change", "Change what is bought, as a preview showed it or as said", _change,
             ChangePlan),
    Endpoint(
        "POST",
        "/subscriptions/{id}/preview",
        "subscriptions:write",
        "Show what a change would bill, pinned for an hour; nothing is billed",
        _preview,
        shape(Preview),
        takes=Target,
    ),
)  # fmt: skip
