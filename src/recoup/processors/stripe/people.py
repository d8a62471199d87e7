"""Customers and their payment methods."""

from __future__ import annotations

from typing import Any, Final

from recoup.core.facts import CustomerFact, MethodFact
from recoup.processors.stripe.event import Event
from recoup.processors.stripe.shapes import OURS, Shape

#: Of a customer, what is about nobody's person: no address, phone, tax or free text.
_KEPT: Final = (
    "id object balance created currency delinquent invoice_prefix livemode "
    "next_invoice_sequence test_clock"
).split()
_RENDERING: Final = ("amount_tax_display", "template")


def customer(event: Event) -> tuple[CustomerFact]:
    """Return the customer as the event shows it. Once deleted, nothing newer counts."""
    told = event.object
    deleted = event.type == "customer.deleted" or told.flag("deleted")
    address = told.opt_child("address")
    settings = told.opt_child("invoice_settings")
    method = settings.opt_ref("default_payment_method") if settings else None
    return (
        CustomerFact(
            processor_id=told.ref("id"),
            seen=event.seen(rank=int(deleted)),
            email=told.opt_text("email"),
            name=told.opt_text("name"),
            locale=next(iter(told.opt_texts("preferred_locales")), None),
            country=address.opt_text("country") if address else None,
            currency=told.currency() if told.opt_text("currency") else None,
            default_method=method or told.opt_ref("default_source"),
            metadata=told.metadata(),
            deleted=deleted,
            data=_kept(told, settings, method),
            idempotency_key=event.key
            if event.type == "customer.created"
            else told.texts("metadata").get(OURS),
        ),
    )


def _kept(told: Shape, settings: Shape | None, method: str | None) -> dict[str, Any]:
    """
    Return what may be kept of the object besides its own columns.

    A list of what is allowed: whatever Stripe adds is left out until somebody has looked at it.
    """
    rendering = settings.opt_child("rendering_options") if settings else None
    return told.scalars(_KEPT) | {
        "preferred_locales": told.opt_texts("preferred_locales"),
        "invoice_settings": {
            "default_payment_method": method,
            "rendering_options": rendering.scalars(_RENDERING) if rendering else None,
        },
    }


def method(event: Event) -> tuple[MethodFact, ...]:
    """
    Return the payment method as the event shows it. A detached one never comes back.

    Empty for one that belongs to nobody yet.
    """
    told = event.object
    told.present("customer")
    owner = told.opt_ref("customer")
    looked_at = event.type == "payment_method.fetched"
    # Who looks at one looks at one that somebody had: it is nobody's only once it is detached.
    detached = event.type == "payment_method.detached" or (looked_at and owner is None)
    if owner is None and not detached:
        return ()
    kind = told.text("type")
    details = told.opt_child(kind)
    # An address changed is no new card; only the instrument's own details are.
    replaced = not looked_at and (event.type != "payment_method.updated" or event.changed(kind))
    brand = details.opt_text("brand") if details else None
    return (
        MethodFact(
            processor_id=told.ref("id"),
            customer=None if detached else owner,
            seen=event.seen(rank=int(detached)),
            kind=kind,
            fingerprint=details.opt_text("fingerprint") if details else None,
            brand=brand.lower() if brand else None,
            last4=details.opt_text("last4") if details else None,
            country=details.opt_text("country") if details else None,
            exp_year=details.opt_integer("exp_year", high=9999) if details else None,
            exp_month=details.opt_integer("exp_month", low=1, high=12) if details else None,
            changed_at=event.at if replaced and not detached else told.instant("created"),
            detached=detached,
        ),
    )
