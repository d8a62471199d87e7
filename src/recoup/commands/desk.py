"""What every set of verbs on a customer's dunning holds: the office."""

from __future__ import annotations

from dataclasses import dataclass

from recoup.commands.base import Office


@dataclass(frozen=True, slots=True)
class Desk:
    """Where an operator works; `Dunning` is put together of its subclasses."""

    office: Office
