from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.core.account import Account, Case
from recoup.core.consequences.base import restricted


@dataclass(frozen=True, slots=True)
class RestrictFeatures:
    """Growth features are closed: new seats, new projects, exports to third parties."""

    name: str = "restrict_features"
    inverse: str = "growth features are open again"
    takes_away: bool = True
    lasts: bool = False

    def hold(self, account: Account, case: Case, *, now: datetime) -> Account:
        return restricted(account, case, consequence=self.name, now=now)
