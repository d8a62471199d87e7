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


def people(one: Understood) -> frozenset[str]:
    """Return the processor's names of the customers, or of the methods, a letter is about."""
    names = {found.decode(errors="replace") for found in _CUSTOMER.findall(one.letter.raw)}
    told = (fact for fact in one.facts if isinstance(fact, CustomerFact | MethodFact))
    return frozenset(names | {fact.processor_id for fact in told})
