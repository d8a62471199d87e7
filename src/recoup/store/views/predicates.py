"""
The words for a subscription, in SQL: the twins of the predicates in `recoup.core.states`.

Each returns a condition on a row of `subscriptions` called `name`, made of the answers of its
twin, so that there is one definition; a test proves that they agree on every row.
"""

from __future__ import annotations

from collections.abc import Callable

from recoup.core import states
from recoup.core.states import SubscriptionStatus


def active(name: str = "s") -> str:
    """Return SQL for `states.is_active`."""
    running = _among(name, lambda s: states.is_active(s, ended=False, paused=False))
    return f"({running} AND {name}.ended_at IS NULL AND {name}.pause_behavior IS NULL)"


def paused(name: str = "s") -> str:
    """Return SQL for `states.is_paused`."""
    resting = _among(name, lambda s: states.is_paused(s, ended=False, paused=False))
    return f"(({resting} OR {name}.pause_behavior IS NOT NULL) AND NOT {ended(name)})"


def past_due(name: str = "s") -> str:
    """Return SQL for `states.is_past_due`."""
    return f"({_among(name, states.is_past_due)} AND {name}.ended_at IS NULL)"


def ended(name: str = "s") -> str:
    """Return SQL for `states.has_ended`."""
    return f"({_among(name, states.has_ended)} OR {name}.ended_at IS NOT NULL)"


def _among(name: str, holds: Callable[[SubscriptionStatus], bool]) -> str:
    statuses = ", ".join(f"'{status}'" for status in SubscriptionStatus if holds(status))
    return f"{name}.status IN ({statuses})"
