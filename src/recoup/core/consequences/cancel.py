from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from recoup.core import states
from recoup.core.account import Account, Case

#: The reason that the processor and the ledger are given.
REASON = "dunning_exhausted"


@dataclass(frozen=True, slots=True)
class Cancel:
    """
    The subscription is ended. Our wish is recorded; the processor's echo makes it so.

    A debt for a part of it, an add-on or overage, never ends it: what the part opened stays
    closed, as bad debt, until that is paid.
    """

    name: str = "cancel"
    inverse: str = "the customer may subscribe again"
    takes_away: bool = True
    lasts: bool = False

    def hold(self, account: Account, case: Case, *, now: datetime) -> Account:
        doomed = account.whole(case.scope)
        if doomed is None or states.has_ended(doomed.status):
            return account
        # An end that somebody scheduled for later does not wait for the debt to be paid.
        if doomed.end_requested_at is not None and doomed.end_reason == REASON:
            return account
        ending = replace(doomed, end_requested_at=now, end_reason=REASON)
        return replace(
            account,
            subscriptions=tuple(ending if s is doomed else s for s in account.subscriptions),
        )
