"""Every noun that people have commands for, and every kind of command by its name."""

from collections.abc import Mapping
from typing import Any, Final

from recoup.commands import (
    changes,
    coupons,
    customers,
    invoices,
    late,
    methods,
    offers,
    payments,
    scheduling,
    starting,
    subscriptions,
)
from recoup.commands.base import Kind

_NOUNS: Final = (
    changes,
    coupons,
    customers,
    invoices,
    late,
    methods,
    offers,
    payments,
    scheduling,
    starting,
    subscriptions,
)

KINDS: Final[Mapping[str, Kind[Any]]] = {kind.name: kind for noun in _NOUNS for kind in noun.KINDS}
