from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.core.account import Account, Case


@dataclass(frozen=True, slots=True)
class Notify:
    """The customer is told, nothing is taken away. The campaign does the telling."""

    name: str = "notify"
    inverse: str = "nothing was taken away"
    takes_away: bool = False
    lasts: bool = False

    def hold(self, account: Account, case: Case, *, now: datetime) -> Account:  # noqa: ARG002
        return account
