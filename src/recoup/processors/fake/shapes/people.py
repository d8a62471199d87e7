"""Customers and their ways to pay."""

from __future__ import annotations

from typing import Final

from recoup.processors.fake.model import Customer, Instrument, Method
from recoup.processors.fake.shapes.wire import Json, amount

_ADDRESS: Final = ("city", "country", "line1", "line2", "postal_code", "state")


def customer(c: Customer) -> Json:
    if c.deleted:
        return {"id": c.id, "object": "customer", "deleted": True}
    return {
        "id": c.id,
        "object": "customer",
        "address": _address(c),
        "balance": amount(-c.credit, c.currency) if c.credit and c.currency else 0,
        "created": c.created,
        "currency": c.currency and c.currency.lower(),
        "default_source": None,
        "delinquent": c.delinquent,
        "email": c.email,
        "invoice_settings": {"default_payment_method": c.default_method, "footer": None},
        "livemode": False,
        "metadata": c.metadata,
        "name": c.name,
        "phone": c.phone,
        "preferred_locales": [c.locale] if c.locale else [],
        "shipping": c.shipping and {"address": c.shipping, "name": c.name or "", "phone": c.phone},
    }


def _address(c: Customer) -> Json | None:
    known = {"country": c.country} if c.address is None and c.country else c.address
    return {**dict.fromkeys(_ADDRESS), **known} if known else None


def method(m: Method, instrument: Instrument) -> Json:
    return {
        "id": m.id,
        "object": "payment_method",
        "billing_details": {"email": None, "name": None, "phone": None},
        "created": m.created,
        "customer": m.customer,
        "livemode": False,
        "metadata": {},
        "type": m.kind,
        m.kind: details(m, instrument.id),
    }


def details(m: Method, fingerprint: str) -> Json:
    """Return what is known of the card or account behind a method."""
    if m.kind == "card":
        year, month = m.expires or (None, None)
        return {
            "brand": m.brand,
            "country": m.country,
            "exp_month": month,
            "exp_year": year,
            "fingerprint": fingerprint,
            "funding": "credit",
            "last4": m.last4,
        }
    return {"country": m.country, "fingerprint": fingerprint, "last4": m.last4}
