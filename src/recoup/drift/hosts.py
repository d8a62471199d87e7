"""What the host holds of access, against what is restricted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from recoup.access.base import CannotTell
from recoup.jobs.words import described
from recoup.store import drift as rows
from recoup.store.drift import Class, Found

log: Final = logging.getLogger(__name__)
_OPEN: Final = "open"


@dataclass(frozen=True, slots=True)
class Host:
    """
    Asks the host about customers of whom it has confirmed everything that it was told.

    Args:
        differences: What is closed on one side only: (scope consequence) -> (ours, theirs).
        tell: Has the host told again.
    """

    differences: Callable[[int], Mapping[str, tuple[str, str]]]
    tell: Callable[[int], object]

    def asks(self, connection: Connection, ids: Sequence[int]) -> list[int]:
        """Return whom to ask the host about: whoever was ever restricted while it followed."""
        return rows.followers(connection, ids[0], ids[-1])

    def differing(self, ids: Sequence[int]) -> tuple[list[Found], list[int]]:
        """
        Return where the host is of another mind, and about whom it could not be asked.

        No transaction is open meanwhile.
        """
        found: list[Found] = []
        silent: list[int] = []
        for place, id in enumerate(ids):
            try:
                found.extend(self._one(id))
            except CannotTell:
                return found, [*silent, *ids[place:]]
            except Exception as error:  # noqa: BLE001  whatever it is, it is the host's
                log.warning("the host can not be asked about customer %d: %s", id,
                            described(error))  # fmt: skip
                silent.append(id)
        return found, silent

    def _one(self, id: int) -> Iterator[Found]:
        for what, (ours, theirs) in self.differences(id).items():
            class_ = Class.ACCESS_OPEN if theirs == _OPEN else Class.ACCESS_CLOSED
            yield Found(id, "access", f"access:{id}", what, class_, theirs, ours, cause="the host")
