"""
Bodies and queries as Stripe takes them: `application/x-www-form-urlencoded` with brackets.

    items[0][price]=price_1&items[0][quantity]=2&expand[]=latest_invoice&metadata[plan]=pro

becomes maps and texts. What they mean is decided by `definitions`.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl

from recoup.testing.stripe_server.route import Refusal

#: By name: a text, a list of texts, or a map of all this; `a[0]=…` is a map with the name "0".
Form = dict[str, Any]

#: Nobody's request is larger; Stripe's own limit is not published.
LARGEST: Final = 1_000_000
DEEPEST: Final = 12
FORM: Final = "application/x-www-form-urlencoded"

_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART: Final = re.compile(r"\[([^\[\]]*)\]")


def decoded(text: str | bytes) -> Form:
    """
    Return the parameters of a body or a query. Of a name given twice the last one counts.

    Raises:
        Refusal: a name is not well formed, or is both a text and a map.
    """
    try:
        words = text if isinstance(text, str) else text.decode("ascii")
        pairs = parse_qsl(words, keep_blank_values=True, errors="strict", max_num_fields=5_000)
    except ValueError as error:
        raise Refusal("Invalid request: the parameters are not a form") from error
    form: Form = {}
    for name, value in pairs:
        _put(form, name, value)
    return form


def refuse_body(content_type: str | None, body: bytes) -> None:
    """
    Raises:
        Refusal: the body is not a form, or too large.
    """
    if len(body) > LARGEST:
        raise Refusal("Request body is too large", status=413)
    kind = (content_type or "").partition(";")[0].strip().lower()
    if body and kind != FORM:
        raise Refusal(
            f"Invalid request (check that your POST content type is {FORM})."
            " If you have questions, we can help at https://support.stripe.com/."
        )


def _put(form: Form, name: str, value: str) -> None:
    match = _NAME.fullmatch(name)
    if match is None or name.count("[") > DEEPEST:
        raise Refusal(f"Invalid parameter name: {name}", param=name)
    path = [match[1], *_PART.findall(match[2])]
    listed = path[-1] == ""
    *outer, last = path[:-1] if listed else path
    place = form
    for part in outer:
        place = place.setdefault(part, {}) if part else {}
        if not isinstance(place, dict):
            raise Refusal(f"Invalid object: {name} has a value already", param=name)
    there = place.setdefault(last, [] if listed else value)
    if not last or "" in outer or isinstance(there, list) != listed or isinstance(there, dict):
        raise Refusal(f"Invalid array: {name}; number its items", param=name)
    if listed:
        there.append(value)
    else:
        place[last] = value
