"""
What a change would bill, by Stripe's own preview of it.

Stripe previews one invoice. Which one shows by its lines: one that is made with the change has no
line of the next period. What the invoice after that would be is asked for by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from stripe.params import (
    InvoiceCreatePreviewParams,
    InvoiceCreatePreviewParamsSubscriptionDetails,
    InvoiceCreatePreviewParamsSubscriptionDetailsItem,
)

from recoup.core.billing.answers import PreviewLine, Quote
from recoup.core.billing.requests import ChangeSubscription
from recoup.core.money import Money
from recoup.errors import Rejected
from recoup.processors.stripe.amounts import money
from recoup.processors.stripe.calls.client import Client
from recoup.processors.stripe.calls.errors import Denied
from recoup.processors.stripe.desk import changing, schedules
from recoup.processors.stripe.desk.subscribing import Json, has_ended, retrieve, second

#: Stripe's word for there being nothing to preview.
_NONE: Final = "invoice_upcoming_none"
_MORE: Final = "Further items"


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a preview; the amount less its discounts, and with its taxes."""

    description: str
    amount: Money
    price: str | None
    quantity: int
    start: int
    end: int
    proration: bool


@dataclass(frozen=True, slots=True)
class _Preview:
    lines: tuple[_Line, ...]
    total: int  #: minor units; below 0 it gives
    credit: int  #: minor units that the customer has to its good before

    @property
    def due(self) -> int:
        return max(self.total - self.credit, 0)

    @property
    def left(self) -> int:
        """What the customer has to its good afterwards."""
        return max(self.credit - self.total, 0)


def quote(client: Client, change: ChangeSubscription) -> Quote:
    """
    Return what `change` would bill. Nothing is changed.

    Where it does not say what it is prorated for, that is Stripe's second now.

    Raises:
        Rejected: the change can not be.
    """
    changing.check(change)
    reply = retrieve(client, change.subscription)
    sub = reply.body
    if has_ended(sub):
        raise Rejected(f"A canceled subscription can only update its metadata: {sub['id']}")
    at = second(change.prorate_at or reply.at)
    if change.at_period_end:
        return _later(client, sub, change, at)
    first = _preview(client, sub, _details(client, sub, change, at))
    if first is None or not _is_now(first, sub, change):
        return _with_next(sub, at, first or _Preview((), 0, 0))
    then = _preview(client, sub, _details(client, sub, change, at), recurring=True)
    return _now(sub, at, first, then)


# -- which invoice it is ----------------------------------------------------------------------


def _is_now(preview: _Preview, sub: Json, change: ChangeSubscription) -> bool:
    """Whether the change makes this invoice; or else it is that of the next period."""
    end = schedules.period(sub)[1]
    if any(line.start >= end for line in preview.lines):
        return False
    begun = any(not line.proration for line in preview.lines)
    return bool(preview.lines) and (begun or change.proration == "invoice_now")


def _now(sub: Json, at: int, first: _Preview, then: _Preview | None) -> Quote:
    currency = sub["currency"].upper()
    begun = [line.end for line in first.lines if not line.proration]
    next_at = begun[0] if begun else schedules.period(sub)[1]
    leaves = _ends_by(sub, next_at) or then is None
    return Quote(
        prorate_at=_instant(at),
        due_now=Money(first.due, currency),
        credit=Money(first.left, currency),
        lines=tuple(map(_shown, first.lines)),
        next_at=None if leaves else _instant(next_at),
        next_due=Money(0 if leaves or then is None else max(then.total - first.left, 0), currency),
    )


def _with_next(sub: Json, at: int, upcoming: _Preview) -> Quote:
    currency, end = sub["currency"].upper(), schedules.period(sub)[1]
    leaves = _ends_by(sub, end)
    made = [line for line in upcoming.lines if line.proration and line.start == at]
    return Quote(
        prorate_at=_instant(at),
        due_now=Money(0, currency),
        credit=Money(upcoming.credit, currency),
        lines=tuple(map(_shown, made)),
        next_at=None if leaves else _instant(end),
        next_due=Money(0 if leaves else upcoming.due, currency),
    )


def _later(client: Client, sub: Json, change: ChangeSubscription, at: int) -> Quote:
    """Return the quote of a change that comes with the next period: what waits is billed too."""
    schedules.after(sub, change.items)
    end, currency = schedules.period(sub)[1], sub["currency"].upper()
    if sub["cancel_at"] is not None:
        raise Rejected(f"The subscription {sub['id']} is set to cancel: resume it first")
    details: InvoiceCreatePreviewParamsSubscriptionDetails = {
        "items": _items(sub, change),
        "proration_behavior": "none",
    }
    then = _preview(client, sub, details, recurring=True)
    waits = _preview(client, sub, {})
    waiting = sum(line.amount.minor for line in waits.lines if line.proration) if waits else 0
    total, credit = (then.total, then.credit) if then else (0, 0)
    return Quote(
        prorate_at=_instant(at),
        due_now=Money(0, currency),
        credit=Money(credit, currency),
        lines=(),
        next_at=_instant(end),
        next_due=Money(max(total + waiting - credit, 0), currency),
    )


def _ends_by(sub: Json, at: int) -> bool:
    return sub["cancel_at"] is not None and sub["cancel_at"] <= at


# -- asked for --------------------------------------------------------------------------------


def _details(
    client: Client, sub: Json, change: ChangeSubscription, at: int
) -> InvoiceCreatePreviewParamsSubscriptionDetails:
    details: InvoiceCreatePreviewParamsSubscriptionDetails = {
        "proration_behavior": changing.PRORATIONS[change.proration]
    }
    if change.proration != "none":
        details["proration_date"] = at
    if change.items:
        details["items"] = _items(sub, change)
    if change.restart:
        details["billing_cycle_anchor"] = changing.anew(client)
    return details


def _items(
    sub: Json, change: ChangeSubscription
) -> list[InvoiceCreatePreviewParamsSubscriptionDetailsItem]:
    return [changing.item(sub, one) for one in change.items]


def _preview(
    client: Client,
    sub: Json,
    details: InvoiceCreatePreviewParamsSubscriptionDetails,
    *,
    recurring: bool = False,
) -> _Preview | None:
    """Return Stripe's preview; None: there will be no such invoice."""
    mode: Literal["next", "recurring"] = "recurring" if recurring else "next"
    params: InvoiceCreatePreviewParams = {"preview_mode": mode, "subscription": sub["id"]}
    if details:
        params["subscription_details"] = details
    try:
        bill = client.do(lambda sdk, options: sdk.v1.invoices.create_preview(params, options)).body
    except Denied as error:
        if error.code == _NONE:
            return None
        raise
    total = money(bill["total"], bill["currency"])
    lines = [_line(one) for one in bill["lines"]["data"]]
    if bill["lines"]["has_more"] and lines:
        rest = total.minor - sum(line.amount.minor for line in lines)
        lines.append(_rest(lines[-1], Money(rest, total.currency)))
    credit = money(-min(bill["starting_balance"], 0), bill["currency"])
    return _Preview(tuple(lines), total.minor, credit.minor)


# -- lines ------------------------------------------------------------------------------------


def _line(told: Mapping[str, Any]) -> _Line:
    amount = (
        told["amount"]
        - sum(one["amount"] for one in told.get("discount_amounts") or ())
        + sum(
            one["amount"]
            for one in told.get("taxes") or ()
            if one.get("tax_behavior") == "exclusive"
        )
    )
    parent = told.get("parent") or {}
    item = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    pricing = (told.get("pricing") or {}).get("price_details") or {}
    price = pricing.get("price")
    return _Line(
        description=told.get("description") or "",
        amount=money(amount, told["currency"]),
        price=price["id"] if isinstance(price, Mapping) else price,
        quantity=told.get("quantity") or 1,
        start=told["period"]["start"],
        end=told["period"]["end"],
        proration=bool(item.get("proration")),
    )


def _rest(last: _Line, amount: Money) -> _Line:
    """Return one line in the place of those that a preview does not list."""
    return _Line(_MORE, amount, None, 1, last.start, last.end, last.proration)


def _shown(line: _Line) -> PreviewLine:
    return PreviewLine(
        description=line.description,
        amount=line.amount,
        price=line.price,
        quantity=line.quantity,
        period_start=_instant(line.start),
        period_end=_instant(line.end),
        proration=line.proration,
    )


def _instant(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
