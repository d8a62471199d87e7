"""
Journeys through all that a processor holds: how far each has come, and whom it has met.

See `recoup.store.journeys.records` and `recoup.store.journeys.lookups`.
"""

from recoup.store.journeys.lookups import (
    changeable,
    debtors,
    known_charges,
    known_intents,
    methods_of,
    oldest_invoice,
    settled_intents,
    unexplained,
    unseen,
)
from recoup.store.journeys.records import (
    Journey,
    admitted,
    begin,
    customers_met,
    end,
    go_on,
    held,
    holding,
    last,
    let_go,
    meet,
    names_met,
    part,
    take_over,
    unfinished,
)

__all__ = [
    "Journey",
    "admitted",
    "begin",
    "changeable",
    "customers_met",
    "debtors",
    "end",
    "go_on",
    "held",
    "holding",
    "known_charges",
    "known_intents",
    "last",
    "let_go",
    "meet",
    "methods_of",
    "names_met",
    "oldest_invoice",
    "part",
    "settled_intents",
    "take_over",
    "unexplained",
    "unfinished",
    "unseen",
]
