"""
A consequence: what is true for a scope while a case stands on a rung that names it.

To add one: a file here, a line in `CONSEQUENCES`, a test file of the same name, a heading in
docs/consequences.md. Consequences are held, not triggered: holding one twice is holding it once,
and what no rung holds any more is lifted by the diff. That is why each has an inverse. What needs
the processor is a restriction like the others; the loop records the command that asks for it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from recoup.core.account import Account, Case, Restriction


class Consequence(Protocol):
    """What a rung brings with it."""

    @property
    def name(self) -> str: ...

    @property
    def inverse(self) -> str:
        """What happens when it holds no longer, in words for the customer."""
        ...

    @property
    def takes_away(self) -> bool:
        """Whether a notice must have been delivered before it may hold."""
        ...

    @property
    def lasts(self) -> bool:
        """Whether it holds on after the ladder's end, until the bad debt is accounted for."""
        ...

    def hold(self, account: Account, case: Case, *, now: datetime) -> Account:
        """Return the account with this consequence in force for the case's scope. Pure."""
        ...


def restricted(account: Account, case: Case, *, consequence: str, now: datetime) -> Account:
    """Return the account with a restriction on the case's scope, the one it has if it has it."""
    if any(r.key == (case.scope, consequence) for r in account.restrictions):
        return account
    new = Restriction(None, case.scope, consequence, case.rung or "", now)
    return replace(account, restrictions=(*account.restrictions, new))
