"""From bytes to facts, or to the reason why there are none. Never raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from recoup.core.facts import Fact, Reading
from recoup.errors import InvalidValue, Unreadable
from recoup.store import inbox

Read = Callable[[Mapping[str, Any]], Reading]


@dataclass(frozen=True, slots=True)
class Understood:
    """A letter, and what it says: facts, or why it is ignored or parked."""

    letter: inbox.Letter
    facts: tuple[Fact, ...] = ()
    ignored: str | None = None
    parked: str | None = None


def understood(letter: inbox.Letter, read: Read) -> Understood:
    """Return what `letter` says. What can not be read is parked, with the reason."""
    envelope = inbox.opened(letter.raw)
    if envelope.event is None:
        return Understood(letter, parked=envelope.fault)
    try:
        reading = read(envelope.event)
    except (Unreadable, InvalidValue) as error:
        return Understood(letter, parked=str(error))
    return Understood(letter, facts=reading.facts, ignored=reading.ignored)
