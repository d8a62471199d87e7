"""
/v1/invoices/create_preview: what a change of a subscription would bill, or its next invoice.

The change is carried out and taken back. "next" is the invoice that it makes, and where it makes
none the one of the next period; "recurring" is that of the next period without what waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NotRequired

from stripe.params import (
    InvoiceCreatePreviewParams,
    InvoiceCreatePreviewParamsSubscriptionDetails,
    InvoiceCreatePreviewParamsSubscriptionDetailsBillingCycleAnchor,
)

from recoup.core import states
from recoup.processors.fake.billing import changes, subscriptions
from recoup.processors.fake.billing.invoices import draft
from recoup.processors.fake.model import Customer, Invoice, Subscription
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server.definitions import widened
from recoup.testing.stripe_server.resources import invoices, subscription_updates
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

_HOUR: Final = 3_600
_MICROS: Final = 1_000_000


def create(call: Call) -> Json:
    """Answer `POST /v1/invoices/create_preview` of a subscription; nothing is kept of it."""
    s = call.session
    if "subscription" not in call.params:
        raise Refusal(
            "The server for tests previews only subscriptions",
            code="not_played",
            param="subscription",
        )
    s.flush()
    s.connection.execute("SAVEPOINT preview")
    try:
        return _previewed(Session(s.connection), call)
    finally:
        s.connection.execute("ROLLBACK TO preview")
        s.connection.execute("RELEASE preview")


def _previewed(s: Session, call: Call) -> Json:
    sub = s.get(Subscription, call.params["subscription"])
    if states.has_ended(sub.status):
        raise _none(sub)
    made = _changed(s, sub, call.params.get("subscription_details") or {}, call.version)
    recurring = call.params.get("preview_mode") == "recurring"
    if made is not None and not recurring:
        return _shape(s, made, call.version, at=s.now)
    at = sub.period_end
    ending = sub.ends_at is not None and sub.ends_at <= at
    if recurring:
        sub.pending = ()
    if ending and (recurring or not sub.pending):
        raise _none(sub)
    s.set_clock(at * _MICROS)
    lines = sub.pending if ending else subscriptions.next_period(s, sub)
    return _shape(s, draft(s, sub, lines, "upcoming"), call.version, at=at)


def _none(sub: Subscription) -> Refusal:
    return Refusal(
        f"No upcoming invoices for customer: {sub.customer}",
        status=404,
        code="invoice_upcoming_none",
    )


def _changed(
    s: Session, sub: Subscription, details: Mapping[str, Any], version: str
) -> Invoice | None:
    param = "subscription_details[billing_cycle_anchor]"
    anew = subscription_updates.restarts(details.get("billing_cycle_anchor"), version, param)
    if not details.get("items") and not anew:
        return None
    wanted = subscription_updates.change_of(sub, details, restart=anew, gated=False)
    coming = sub.next_items if sub.schedule is not None else None
    made = changes.change(s, sub, wanted)
    sub.next_items = coming
    return made


def _shape(s: Session, made: Invoice, version: str, *, at: int) -> Json:
    owner = s.get(Customer, made.customer)
    credit = owner.credit if owner.currency == made.currency else 0
    made.credit_before, made.amount = credit, max(made.total - credit, 0)
    shape = invoices.show(s, s.save(made).id, version)
    return shape | {
        "id": "upcoming_" + made.id,
        "auto_advance": False,
        "automatically_finalizes_at": None,
        "created": at,
        "next_payment_attempt": at + _HOUR,
        "period_end": at,
    }


_DETAILS: Final = (
    *("items.id", "items.price", "items.quantity", "items.deleted"),
    *("proration_behavior", "proration_date", "billing_cycle_anchor"),
)
#: As the SDK has them, with the anchor as it was before.
Params: Final = widened(
    InvoiceCreatePreviewParams,
    subscription_details=NotRequired[
        widened(
            InvoiceCreatePreviewParamsSubscriptionDetails,
            billing_cycle_anchor=NotRequired[
                Literal["now", "unchanged"]
                | int
                | InvoiceCreatePreviewParamsSubscriptionDetailsBillingCycleAnchor
            ],
        )
    ],
)

ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/invoices/create_preview": Route(
        create,
        Params,
        frozenset(
            {
                *("subscription", "customer", "preview_mode"),
                *(f"subscription_details.{name}" for name in _DETAILS),
            }
        ),
    ),
}
