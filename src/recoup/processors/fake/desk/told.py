from __future__ import annotations

from dataclasses import dataclass

from recoup.core.billing.answers import NextAction


@dataclass(frozen=True, slots=True)
class Told:
    """What a request came to, beside the events it caused."""

    object: str
    status: str | None = None
    action: NextAction | None = None
