"""What a link says: who may do what, until when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from recoup.errors import InvalidValue

#: How long a link opens what it is for, if nobody says otherwise.
LASTS: Final = timedelta(days=30)
#: Longer ones would be kept, and found, by others.
LONGEST: Final = timedelta(days=365)
#: Characters of a scope that a link may carry: an address has an end.
_ROOM: Final = 500
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}|0")
_MARK: Final = re.compile(r"[0-9a-f]{12}")


class Purpose(StrEnum):
    """The one thing that a link is for. It opens nothing else."""

    PAY = "pay"  #: pay what is owed, of one scope or all of it
    UPDATE = "update"  #: put another payment method in the place of the default one
    VIEW = "view"  #: see what is owed, and do nothing


@dataclass(frozen=True, slots=True)
class Claim:
    """
    What a link says. It holds no name and no address.

    Args:
        customer: Our id.
        scope: What the debt bought, as in `core.account.scopes`; "" is all that is owed.
        expires: UTC instant, a whole second; from then on it opens nothing.
        mark: Of the address that was on file when it was made; see `Seal.mark`.
    """

    purpose: Purpose
    customer: int
    scope: str
    expires: datetime
    mark: str

    def __post_init__(self) -> None:
        if not 0 < self.customer < 10**18 or not _MARK.fullmatch(self.mark):
            raise InvalidValue("a link is of a customer, and marked")
        if len(self.scope) > _ROOM or not self.scope.isprintable():
            raise InvalidValue(f"scope: up to {_ROOM} characters that are printed")
        if self.purpose is Purpose.UPDATE and self.scope:
            raise InvalidValue("scope: a link for a payment method is about no debt")
        if self.expires.tzinfo is not UTC or self.expires.microsecond:
            raise InvalidValue("expires: a whole second of UTC")

    def holds(self, now: datetime) -> bool:
        """Whether it opens anything at `now` (UTC): up to its last instant, and not at it."""
        return now < self.expires

    def spelled(self) -> str:
        """Return it as one text, from which `read` makes the same."""
        seconds = int(self.expires.timestamp())
        return f"{self.purpose}|{self.customer}|{seconds}|{self.mark}|{self.scope}"


def read(text: str) -> Claim | None:
    """Return the claim that `text` spells; None: it spells none."""
    parts = text.split("|", 4)
    if len(parts) < 5 or parts[0] not in set(Purpose):
        return None
    purpose, customer, seconds, mark, scope = parts
    if not (_NUMBER.fullmatch(customer) and _NUMBER.fullmatch(seconds)):
        return None
    try:
        expires = datetime.fromtimestamp(int(seconds), UTC)
        return Claim(Purpose(purpose), int(customer), scope, expires, mark)
    except (InvalidValue, ValueError, OverflowError, OSError):
        return None


def until(now: datetime, lasts: timedelta) -> datetime:
    """
    Return the whole second at which a link made at `now` ends.

    Raises:
        InvalidValue: it would last for no time, or longer than a year.
    """
    if not timedelta(seconds=1) <= lasts <= LONGEST:
        raise InvalidValue(f"a link lasts from a second to {LONGEST.days} days, not {lasts}")
    return (now.astimezone(UTC) + lasts).replace(microsecond=0)
