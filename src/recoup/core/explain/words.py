"""Plain words for scopes, spans and standings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from recoup.core.account import BAD_DEBT, CURRENT, Account
from recoup.core.money import Money

_SUBJECT: Final = re.compile(r"\b(subscription|invoice):(\d+)\b")


def named(text: str, labels: Mapping[str, str]) -> str:
    """Return the text with our numbers replaced: "subscription:3" -> "subscription sub_1"."""
    return _SUBJECT.sub(lambda m: f"{m[1]} {labels[m[0]]}" if m[0] in labels else m[0], text)


def about(account: Account, scope: str) -> str:
    """Return a scope by the processor's id: "subscription sub_1"."""
    kind, _, number = scope.partition(":")
    subscription = account.subscription_of(scope)
    if subscription is not None:
        return f"{kind} {subscription.processor_id}"
    if kind == "invoice":
        found = next((i for i in account.invoices if str(i.id) == number), None)
        if found is not None:
            return f"{kind} {found.processor_id}"
    return f"{kind} {number}"


def span(lasted: timedelta) -> str:
    """Return a span as people say it, in its largest units: "9 d 4 h", "35 min"."""
    minutes = max(lasted, timedelta(0)) // timedelta(minutes=1)
    days, hours = minutes // 1440, minutes % 1440 // 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    return f"{hours} h" if hours else f"{minutes} min"


def standing_words(
    standing: str, owed: Sequence[Money], since: datetime | None, *, now: datetime
) -> str:
    """Return the standing as a sentence; `since` is when it, or the debt, began."""
    sums = " and ".join(map(str, owed))
    lasts = f" for {span(now - since)}" if since is not None else ""
    if standing == CURRENT:
        if not sums:
            return "Nothing is owed that has failed, and nothing is restricted."
        return f"{sums} is owed{lasts}; the ladder has not begun."
    if standing == BAD_DEBT:
        return f"Bad debt: the ladder has ended and {sums or 'something'} is still owed{lasts}."
    return f"On rung {standing}{lasts}; {sums or 'nothing'} is owed."
