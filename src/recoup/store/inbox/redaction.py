"""
What is left out of an event before it is kept: where somebody lives, how to ring them up, and
what a browser confirms a payment with.

A processor's events repeat a customer's address, phone, shipping and tax numbers, and an intent's
client secret. Nothing here reads them, so they are never stored; an address keeps its country,
which decisions read. All else stays as it was received. Source: the rule that tax locations are
the processor's alone, and docs.stripe.com/api/payment_intents/object (`client_secret`).
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

_ADDRESSES: Final = frozenset({"address", "customer_address", "account_address"})
_GONE: Final = frozenset(
    {"phone", "customer_phone", "shipping", "customer_shipping", "client_secret"}
)
_NUMBERS: Final = frozenset({"tax_ids", "customer_tax_ids", "account_tax_ids"})
_NEVER: Final = _GONE | _NUMBERS
_HOSTS: Final = "metadata"
_LOOKED_AT: Final = _ADDRESSES | _NEVER | {_HOSTS}
_BOXES: Final = frozenset({dict, list})
#: How those names end in an event's bytes, or what they may hide behind.
_ENDINGS: Final = (
    b'address"', b'phone"', b'shipping"', b'tax_ids"', b'client_secret"', b"\\",
)  # fmt: skip
#: What may have to be left out, as an event's bytes say it.
_TOLD: Final = re.compile(
    rb'"(?:(?:customer_|account_)?(?:phone|line1|line2|postal_code|city|state)"\s*:\s*"'
    rb'|client_secret"\s*:\s*"'
    rb'|(?:customer_|account_)?tax_ids"\s*:\s*[\[{]\s*[\[{"]'
    rb'|(?:customer_)?shipping"\s*:\s*\{)'
)

_encode = msgspec.json.Encoder().encode


def redacted(raw: bytes, event: dict[str, Any]) -> bytes:
    """
    Return an event as it is kept: the very same bytes, unless they tell where somebody is.

    Args:
        event: What `raw` says, decoded. It is cut in place.
    """
    # Looking for plain bytes is some ten times as fast, and may say no.
    if not any(ending in raw for ending in _ENDINGS):
        return raw
    # Of a name that is there twice the first is not decoded, so the bytes are looked at as well.
    return _encode(event) if _cut(event) or _TOLD.search(raw) else raw


def _cut(event: dict[str, Any]) -> bool:
    """Cut what is not kept, however deep it is; return whether there was anything."""
    found = False
    boxes: list[Any] = [event]
    for box in boxes:  # more are added on the way; a call for each would cost twice as much
        if type(box) is list:
            boxes += [each for each in box if type(each) in _BOXES]
            continue
        for name, value in box.items():
            if name not in _LOOKED_AT:
                if type(value) in _BOXES:
                    boxes.append(value)
            elif value:
                left = _left(name, value)
                if left != value:
                    box[name] = left
                    found = True
                if type(left) in _BOXES:
                    boxes.append(left)
    return found


def _left(name: str, value: Any) -> Any:
    """Return what is left of what stands behind a name that is looked at."""
    if name in _GONE:
        return None
    if name in _NUMBERS:
        return []
    if type(value) is not dict:
        return value
    if name == _HOSTS:  # a flat map of texts, and nothing else is to be put into it
        return {key: text for key, text in value.items() if key not in _NEVER}
    return {part: text if part == "country" else None for part, text in value.items()}
