"""Plain words for scopes, spans and standings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from recoup.core.account import BAD_DEBT, CURRENT, LIFTING, Account, Hold, scopes
from recoup.core.collection.limits import stamp
from recoup.core.money import Money

_SUBJECT: Final = re.compile(r"\b(subscription|invoice):(\d+)\b")


def named(text: str, labels: Mapping[str, str]) -> str:
    """Return the text with our numbers replaced: "subscription:3" -> "subscription sub_1"."""
    return _SUBJECT.sub(lambda m: f"{m[1]} {labels[m[0]]}" if m[0] in labels else m[0], text)


def about(account: Account, scope: str) -> str:
    """Return a scope by the processor's id: "subscription sub_1"."""
    kind, _, number = scope.partition(":")
    subscription = account.subscription_of(scope)
    sold = ", ".join(sorted(scopes.prices_of(scope)))
    if subscription is not None and sold:
        return f"{sold} of subscription {subscription.processor_id}"
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
    standing: str,
    owed: Sequence[Money],
    since: datetime | None,
    *,
    now: datetime,
    hold: Hold | None = None,
) -> str:
    """
    Return the standing as a sentence; `since` is when it, or the debt, began.

    Args:
        hold: What is in force now, of those the one that says most.
    """
    sums = " and ".join(map(str, owed))
    still = "" if hold is None else f" {capitalized(hold_words(hold))}."
    lasts = f" for {span(now - since)}" if since is not None else ""
    if standing == CURRENT:
        if not sums:
            return "Nothing is owed that has failed, and nothing is restricted."
        if hold is not None and hold.gives_back:
            return f"{sums} is owed{lasts}; {hold_words(hold)}: nothing is taken away."
        return f"{sums} is owed{lasts}; the ladder has not begun.{still}"
    if standing == LIFTING:
        return "Nothing is owed; what was restricted is lifted, and the host is undoing it."
    if standing == BAD_DEBT:
        return f"Bad debt: the ladder has ended and {sums or 'something'} is still owed{lasts}."
    return f"On rung {standing}{lasts}; {sums or 'nothing'} is owed.{still}"


def hold_words(hold: Hold) -> str:
    """Return what a hold is and how long it lasts: "held until 2026-03-01 12:00 UTC (asked)"."""
    until = "a person ends it" if hold.during.end is None else stamp(hold.during.end)
    return f"{hold.what} until {until} ({hold.reason})"


def capitalized(words: str) -> str:
    """Return the words as a sentence begins."""
    return f"{words[0].upper()}{words[1:]}"
