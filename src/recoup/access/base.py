"""
What follows a customer's access in systems of the host's own.

To add one: a file here, a line in `STORES`, a test file of the same name that subclasses
`recoup.testing.suites.access.AccessStoreConformance`, a heading in docs/access.md.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from recoup.core.account.access import AccessState as AccessState
from recoup.errors import RecoupError


class NotApplied(RecoupError):
    """
    It was not followed, or nobody knows: it is told again, with the same version or a greater.

    Args:
        after: How long the host asks to be left alone.
    """

    def __init__(self, text: str, *, after: timedelta | None = None) -> None:
        super().__init__(text)
        self.after = after


class Ahead(NotApplied):
    """The host has a greater version than ours: ours becomes greater, and it is told again."""

    def __init__(self, version: int) -> None:
        super().__init__(f"the host has version {version} already")
        self.version = version


class CannotTell(RecoupError):
    """Nobody can say what the host holds; it need not be able to."""


class AccessStore(Protocol):
    """
    Systems of the host's own that open and close what customers use.

    It is told at least once, whole and not what has changed. It must not follow a version that is
    smaller than the one it has, and following the same one twice is following it once. What
    `stays` names stays whatever it is told.
    """

    def apply(self, state: AccessState) -> None:
        """
        Have the host follow. Returns when it has; no transaction is open meanwhile.

        Raises:
            Ahead: it has a greater version.
            NotApplied: it has not followed, or that is not known. So does every other exception.
        """
        ...

    def read(self, customer: int) -> AccessState | None:
        """
        Return what the host holds of a customer; None: nothing, so that all is open.

        Raises:
            CannotTell: it can not be asked.
        """
        ...
