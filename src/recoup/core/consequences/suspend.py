from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.core.account import Account, Case
from recoup.core.consequences.base import restricted


@dataclass(frozen=True, slots=True)
class Suspend:
    """Sign-in, export of one's data and payment remain, nothing else."""

    name: str = "suspend"
    inverse: str = "everything works again"
    takes_away: bool = True
    lasts: bool = False

    def hold(self, account: Account, case: Case, *, now: datetime) -> Account:
        return restricted(account, case, consequence=self.name, now=now)
