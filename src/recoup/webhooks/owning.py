"""
Giving imported customers their owners, by what the host wrote in their metadata.

Nothing of it is kept but the links themselves: whoever has no owner yet is looked at again every
time, so a run that was killed needs no place to go on from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Engine

from recoup.core.billing import contact
from recoup.errors import InvalidValue, NotPossible
from recoup.store import observe
from recoup.store.records import customers as records
from recoup.store.writer import Writer

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class OwnersFrom:
    """Where owners stand: the key in metadata that holds an owner's id, and the owners' type."""

    key: str
    type: str = "user"

    def __post_init__(self) -> None:
        """
        Refuse what can be neither.

        Raises:
            InvalidValue: one of them is empty; or the type is too long, or not printable.
        """
        if not self.key:
            raise InvalidValue("the key in metadata: expected text, got an empty one")
        contact.words("owner_type", self.type)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A customer that could not be given the owner that its metadata names."""

    customer: int
    reason: str


@dataclass(frozen=True, slots=True)
class Owned:
    """How many customers were given their owner, and who could not be."""

    linked: int = 0
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True, slots=True)
class Owning:
    """
    Links the customers of one processor to their owners.

    Args:
        now: Tells the UTC instant.
        cause: What brought it about, for the ledger: "import:3".
    """

    engine: Engine
    processor: str
    now: Callable[[], datetime]
    cause: str

    def run(self, owners: OwnersFrom) -> Owned:
        """Link everybody who can be, the one we have known longest first."""
        linked, after = 0, 0
        conflicts: list[Conflict] = []
        while page := self._page(owners, after):
            for id, value in page:
                try:
                    linked += self._link(id, owners.type.strip(), value)
                except (InvalidValue, NotPossible) as error:
                    conflicts.append(Conflict(id, str(error)))
            after = page[-1][0]
        return Owned(linked, tuple(conflicts))

    def _page(self, owners: OwnersFrom, after: int) -> list[tuple[int, str]]:
        with self.engine.connect() as connection:
            return records.unlinked(
                connection,
                self.processor,
                owners.key,
                owners.type.strip(),
                after=after,
                limit=_AT_ONCE,
            )

    def _link(self, id: int, owner_type: str, value: str) -> bool:
        """
        Link one customer in a transaction of its own.

        With several in one, two that wait for each other's customer and owner would never end.
        """
        owner_id = contact.words("owner_id", value)
        with self.engine.begin() as connection:
            observe.lock(connection, [id])
            writer = Writer(connection, now=self.now(), actor="engine", cause=self.cause)
            return records.link(writer, id, owner_type, owner_id)
