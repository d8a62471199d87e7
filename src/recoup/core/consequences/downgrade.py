from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.core import states
from recoup.core.account import Account, Case
from recoup.core.consequences.base import restricted


@dataclass(frozen=True, slots=True)
class Downgrade:
    """The subscription is moved to a smaller price, from the next bill on; it goes on."""

    name: str = "downgrade"
    inverse: str = "the plan is what it was"
    takes_away: bool = True
    lasts: bool = True
    to: str = ""  #: the price's id at the processor

    def hold(self, account: Account, case: Case, *, now: datetime) -> Account:
        bought = account.whole(case.scope)
        if bought is None or states.has_ended(bought.status):
            return account
        return restricted(account, case, consequence=f"{self.name}:{self.to}", now=now)
