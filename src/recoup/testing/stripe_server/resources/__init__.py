"""
Every route of the server, by method and path, as Stripe's reference writes them.

A module has `ROUTES`, and where it has something to expand also `SHOWS` (prefix of an id -> how
its object is shown) and `PARTS` ("invoice.payments" -> what is there only when asked for).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from recoup.testing.stripe_server.expanding import Part, Show
from recoup.testing.stripe_server.route import Route

_RESOURCES: Final = (
    "charges",
    "coupons",
    "customers",
    "disputes",
    "events",
    "invoice_items",
    "invoice_payments",
    "invoices",
    "payment_intents",
    "payment_methods",
    "previews",
    "prices",
    "products",
    "promotion_codes",
    "refunds",
    "schedules",
    "setup_intents",
    "subscription_items",
    "subscriptions",
)
_ALL: Final = tuple(import_module(f"{__name__}.{name}") for name in _RESOURCES)


def _of_all(name: str) -> dict[str, Any]:
    return {key: value for one in _ALL for key, value in getattr(one, name, {}).items()}


ROUTES: Final[Mapping[str, Route]] = _of_all("ROUTES")
SHOWS: Final[Mapping[str, Show]] = _of_all("SHOWS")
PARTS: Final[Mapping[str, Part]] = _of_all("PARTS")
