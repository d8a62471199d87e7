"""
Changes of plan whose bill was refused with the customer there: no debt, and not for ever.

What was asked for with a gate, or in a way that is refused as a whole, leaves no bill. One that
took effect before it was paid does: asked for elsewhere, or by a debit that failed days later. Its
bill is withdrawn an hour after the first refusal and never makes a case, whoever tried it again.
Source: docs/dunning.md, "Upgrades".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from recoup.core.account import Account


def withdrawn(account: Account, *, after: timedelta, now: datetime) -> Account:
    """Return the account with every bill withdrawn that was refused `after` ago or earlier."""
    return account.but(
        upgrades=tuple(
            replace(one, withdrawn_at=now)
            if one.withdrawn_at is None and not one.moving and one.failed_at + after <= now
            else one
            for one in account.upgrades
        )
    )


def wakes(account: Account, *, after: timedelta) -> Iterator[datetime]:
    """Yield the instants at which a bill is to be withdrawn."""
    return (
        one.failed_at + after
        for one in account.upgrades
        if one.withdrawn_at is None and not one.moving
    )
