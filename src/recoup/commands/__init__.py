"""Every noun that people have commands for, and every kind of command by its name."""

from collections.abc import Mapping
from typing import Any, Final

from recoup.commands import (
    casework,
    changes,
    charging,
    coupons,
    customers,
    debts,
    holds,
    invoices,
    late,
    methods,
    offers,
    payments,
    refunds,
    replays,
    scheduling,
    starting,
    steps,
    subscriptions,
)
from recoup.commands.base import Kind

_NOUNS: Final = (
    casework,
    changes,
    charging,
    coupons,
    customers,
    debts,
    holds,
    invoices,
    late,
    methods,
    offers,
    payments,
    refunds,
    replays,
    scheduling,
    starting,
    steps,
    subscriptions,
)

KINDS: Final[Mapping[str, Kind[Any]]] = {kind.name: kind for noun in _NOUNS for kind in noun.KINDS}
