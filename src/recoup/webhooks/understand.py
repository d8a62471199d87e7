"""From bytes to facts, or to the reason why there are none. Never raises."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from recoup.core.facts import CustomerFact, Fact, MethodFact, Reading
from recoup.errors import InvalidValue, Unreadable
from recoup.store import inbox

Read = Callable[[Mapping[str, Any]], Reading]
#: How an event names its customer, also one that tells us nothing.
_CUSTOMER: Final = re.compile(rb'"customer"\s*:\s*"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Understood:
    """A letter, and what it says: facts, or why it is ignored or parked."""

    letter: inbox.Letter
    facts: tuple[Fact, ...] = ()
    ignored: str | None = None
    parked: str | None = None
    key: str = ""  #: the event's id
    looks: tuple[Understood, ...] = ()  #: what it concerns, as it is now
    later: str | None = None  #: why it can not be absorbed just now, and is not to blame
    doubt: str | None = None  #: why it is not believed: what it claims is not so


def understood(letter: inbox.Letter, read: Read, *, live: bool | None = None) -> Understood:
    """
    Return what `letter` says. What can not be read is parked, with the reason.

    Args:
        live: Whether events of live mode belong here, and not those of test mode; None: both do.
    """
    envelope = inbox.opened(letter.raw)
    if envelope.event is None:
        return Understood(letter, parked=envelope.fault)
    misled = _misled(envelope.event, live)
    if misled is not None:
        return Understood(letter, parked=misled, key=envelope.key)
    try:
        reading = read(envelope.event)
    except (Unreadable, InvalidValue) as error:
        return Understood(letter, parked=str(error), key=envelope.key)
    return Understood(letter, reading.facts, reading.ignored, key=envelope.key)


def look(line: bytes, read: Read, *, live: bool | None = None) -> Understood:
    """Return what a look at an object says. It is not stored, so its letter has no id."""
    return understood(inbox.Letter(0, line, 0), read, live=live)


def _misled(event: Mapping[str, Any], live: bool | None) -> str | None:
    """Return why an event belongs elsewhere, if it does; the door refuses such ones by itself."""
    if live is None:
        return None
    mode = event.get("livemode")
    if isinstance(mode, bool) and mode is not live:
        return f"an event of {'live' if mode else 'test'} mode does not belong here"
    if event.get("account") is not None:
        return "an event of another account does not belong here"
    return None


def people(one: Understood) -> frozenset[str]:
    """Return the processor's names of the customers, or of the methods, a letter is about."""
    names = {found.decode(errors="replace") for found in _CUSTOMER.findall(one.letter.raw)}
    told = (fact for fact in one.facts if isinstance(fact, CustomerFact | MethodFact))
    return frozenset(names | {fact.processor_id for fact in told})
