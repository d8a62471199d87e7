"""Where the pages of links are, and how a link to one is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from recoup.core.links.claim import LASTS, Claim, Purpose, until
from recoup.core.links.seal import Seal

#: Below where customers reach the pages.
PATH: Final = "/links"


@dataclass(frozen=True, slots=True)
class Pages:
    """
    Makes links to the pages that are served below `where`.

    Args:
        where: A URL of the settings, without a slash at its end. Never what a request says.
        lasts: How long a link holds.
        mailed: Whether the buttons of mails lead there; else to the host's own pages.
    """

    where: str
    seal: Seal
    lasts: timedelta = LASTS
    mailed: bool = True

    def url(self, token: str) -> str:
        """Return the address of the page of a token."""
        return f"{self.where}{PATH}/{token}"

    def claim(
        self,
        purpose: Purpose,
        customer: int,
        email: str | None,
        *,
        now: datetime,
        scope: str = "",
        lasts: timedelta | None = None,
    ) -> Claim:
        """
        Return what a link made at `now` (UTC) says.

        Raises:
            InvalidValue: it would be none; the text says why.
        """
        expires = until(now, self.lasts if lasts is None else lasts)
        return Claim(purpose, customer, scope, expires, self.seal.mark(customer, email))

    def link(
        self, purpose: Purpose, customer: int, email: str | None, *, now: datetime, scope: str = ""
    ) -> str:
        """Return a link for a mail that is written at `now` (UTC)."""
        claim = self.claim(purpose, customer, email, now=now, scope=scope)
        return self.url(self.seal.token(claim))
