"""Which fields of an object the SDK's own definitions do not know."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from functools import cache
from typing import Any, ForwardRef, Union, get_args, get_origin

import stripe
from stripe import StripeObject

OBJECTS: dict[str, type[StripeObject]] = {
    "charge": stripe.Charge,
    "coupon": stripe.Coupon,
    "customer": stripe.Customer,
    "dispute": stripe.Dispute,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "invoiceitem": stripe.InvoiceItem,
    "line_item": stripe.InvoiceLineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "price": stripe.Price,
    "product": stripe.Product,
    "promotion_code": stripe.PromotionCode,
    "refund": stripe.Refund,
    "setup_intent": stripe.SetupIntent,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
    "subscription_schedule": stripe.SubscriptionSchedule,
}


def strangers(shown: dict[str, Any]) -> Iterator[str]:
    """Yield "invoice.subscription" and the like: what the SDK of this version would not show."""
    yield from _within(shown, OBJECTS[shown["object"]], shown["object"])


def _within(shown: dict[str, Any], known: type, path: str) -> Iterator[str]:
    hints = _hints(known)
    for name, value in shown.items():
        if name not in hints:
            yield f"{path}.{name}"
            continue
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                continue
            if part.get("object") == "list":
                for one in part["data"]:
                    yield from _within(one, OBJECTS[one["object"]], f"{path}.{name}")
                continue
            inner = OBJECTS.get(part.get("object", "")) or _inner(hints[name])
            if inner is not None:
                yield from _within(part, inner, f"{path}.{name}")


@cache
def _hints(known: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in known.__mro__:
        if base.__module__.startswith("stripe.") and base is not StripeObject:
            names = vars(sys.modules[base.__module__]) | vars(known)
            for name, hint in vars(base).get("__annotations__", {}).items():
                found.setdefault(name, _meant(hint, names))
    return found


def _meant(hint: Any, names: dict[str, Any]) -> Any:
    text = hint.__forward_arg__ if isinstance(hint, ForwardRef) else hint
    if not isinstance(text, str):
        return hint
    try:
        return eval(text, dict(names))
    except NameError:  # imported for type checkers alone: another object, known by its name
        return None


def _inner(hint: Any) -> type | None:
    """Return the class of a part that is a map of known fields."""
    if get_origin(hint) in {Union, types.UnionType, list}:
        found = [_inner(one) for one in get_args(hint)]
        return next((one for one in found if one is not None), None)
    own = isinstance(hint, type) and issubclass(hint, StripeObject)
    return hint if own and "__annotations__" in vars(hint) else None
