"""What a request came to at Stripe, and how each kind of request is made and found again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recoup.core.billing.answers import NextAction
from recoup.processors.stripe.calls.client import Client


@dataclass(frozen=True, slots=True)
class Told:
    """
    What a request came to: `object` and `status` as in `Answer`, and every object that Stripe
    showed with it, as JSON, parents before children. `at` is Stripe's time of the last look.
    """

    object: str
    shown: tuple[Mapping[str, Any], ...]
    at: datetime
    status: str | None = None
    action: NextAction | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """
    How one kind of request is made: `ask(client, request, key)`, and how it is found again:
    `find(client, request, key, since)`, None where it never took effect.

    A request of several calls gives each a key of its own, made of `key`: repeated, all of them
    are. `find` never relies on a key that Stripe may have forgotten.
    """

    ask: Callable[[Client, Any, str], Told]
    find: Callable[[Client, Any, str, datetime], Told | None]
