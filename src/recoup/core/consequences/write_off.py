from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.core.account import Account, Case
from recoup.core.consequences.base import restricted


@dataclass(frozen=True, slots=True)
class WriteOff:
    """The money is given up: what is owed is marked uncollectible. Nothing else is taken away."""

    name: str = "write_off"
    inverse: str = "what was given up can still be paid"
    takes_away: bool = False
    lasts: bool = True

    def hold(self, account: Account, case: Case, *, now: datetime) -> Account:
        return restricted(account, case, consequence=self.name, now=now)
