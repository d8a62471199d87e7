"""
What Stripe's events say, in our words.

Old shapes (2022-11-15, 2024-06-20) and new ones (2025-03-31.basil and later) are told apart by
what is there, not by the version they claim. Nothing is fetched and nothing is guessed: a field
that is needed and missing raises.
Source: docs.stripe.com/api, docs.stripe.com/changelog/basil/2025-03-31.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from recoup.core.facts import Fact, Reading
from recoup.errors import Unreadable
from recoup.processors.stripe import billing, coupons, payments, people
from recoup.processors.stripe.event import Event
from recoup.processors.stripe.shapes import Shape

Facts = Callable[[Event], tuple[Fact, ...]]

#: Types by their exact name.
_EXACT: Final[Mapping[str, tuple[str, Facts]]] = {
    "customer.created": ("customer", people.customer),
    "customer.updated": ("customer", people.customer),
    "customer.deleted": ("customer", people.customer),
    "customer.fetched": ("customer", people.customer),
    "charge.refund.updated": ("refund", payments.refund),
}
#: Types by how they begin; the longer beginnings first.
_FAMILIES: Final[tuple[tuple[str, str, Facts], ...]] = (
    ("customer.subscription.", "subscription", billing.subscription),
    ("payment_method.", "payment_method", people.method),
    ("coupon.", "coupon", coupons.coupon),
    ("promotion_code.", "promotion_code", coupons.promotion_code),
    ("invoice_payment.", "invoice_payment", payments.invoice_payment),
    ("invoice.", "invoice", billing.invoice),
    ("payment_intent.", "payment_intent", payments.intent),
    ("charge.dispute.", "dispute", payments.dispute),
    ("charge.", "charge", payments.charge),
    ("refund.", "refund", payments.refund),
)
#: Previews of what does not exist yet: they have no id.
_PREVIEWS: Final = frozenset({"invoice.upcoming"})


def read(event: Mapping[str, Any]) -> Reading:
    """
    Return what one decoded event says. Pure.

    An event of a type that is not read, or about something that is not kept (a charge for no
    invoice, a method of nobody's), is `ignored` with a reason.

    Raises:
        Unreadable: the event has no id, type or time, or lacks a field that its type must have;
            the text names the event's type and the field.
    """
    head = Shape("event", "event", dict(event))
    type_, id_, at = head.text("type"), head.ref("id"), head.instant("created")
    if type_ in _PREVIEWS:
        return Reading(ignored=f"{type_} is a preview")
    found = _reader(type_)
    if found is None:
        return Reading(ignored=f"{type_} is not read")
    kind, facts = found
    data = Shape(type_, "data", event.get("data"))
    object_ = data.child("object")
    if object_.text("object") != kind:
        raise Unreadable(f"{type_}: data.object.object is not {kind!r}")
    told = facts(Event(id_, type_, at, object_, data, _our_key(event)))
    return Reading(told) if told else Reading(ignored=f"{type_} is about nothing that is kept")


def _reader(type_: str) -> tuple[str, Facts] | None:
    exact = _EXACT.get(type_)
    if exact is not None:
        return exact
    for beginning, kind, facts in _FAMILIES:
        if type_.startswith(beginning):
            return kind, facts
    return None


def _our_key(event: Mapping[str, Any]) -> str | None:
    """Return the idempotency key of the request behind the event, when the request was ours."""
    request = event.get("request")
    key = request.get("idempotency_key") if isinstance(request, Mapping) else None
    return key if isinstance(key, str) and key.startswith("recoup:") else None
