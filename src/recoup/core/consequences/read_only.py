from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.core.account import Account, Case
from recoup.core.consequences.base import restricted


@dataclass(frozen=True, slots=True)
class ReadOnly:
    """What the scope bought can be read, not changed."""

    name: str = "read_only"
    inverse: str = "everything can be changed again"
    takes_away: bool = True
    lasts: bool = False

    def hold(self, account: Account, case: Case, *, now: datetime) -> Account:
        return restricted(account, case, consequence=self.name, now=now)
