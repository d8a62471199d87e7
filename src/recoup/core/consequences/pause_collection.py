from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.core import states
from recoup.core.account import Account, Case
from recoup.core.consequences.base import restricted


@dataclass(frozen=True, slots=True)
class PauseCollection:
    """Nothing more is billed: the processor pauses collecting, what it bought rests meanwhile."""

    name: str = "pause_collection"
    inverse: str = "what was bought goes on and is billed again"
    takes_away: bool = True
    lasts: bool = True

    def hold(self, account: Account, case: Case, *, now: datetime) -> Account:
        bought = account.whole(case.scope)
        if bought is None or states.has_ended(bought.status):
            return account
        return restricted(account, case, consequence=self.name, now=now)
