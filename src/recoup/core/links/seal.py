"""
What makes a link unforgeable: an HMAC with a key that is made of RECOUP_SECRET_KEY.

    v1.<the claim, base64url>.<HMAC-SHA256 of it, the first 160 bits, in hex>

Each use has a key of its own, so that nothing signed for one is anything for another. A token is
read by making it again: one text, and no other spelling of it, is the link.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from recoup.core.links.claim import Claim
from recoup.core.links.claim import read as read_claim

VERSION: Final = "v1"
#: No token is longer; nothing longer is looked at.
LONGEST: Final = 2000
#: How long a form may lie on a screen before it is shown anew.
PATIENCE: Final = timedelta(hours=1)
_DIGITS: Final = 40
_MARK_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Seal:
    """
    Signs, and recognises what it has signed.

    Args:
        secrets: RECOUP_SECRET_KEY, and behind it those from before, whose links still hold.
    """

    secrets: tuple[str, ...] = field(repr=False)

    def token(self, claim: Claim) -> str:
        """Return the claim as a text for a URL: letters, digits, "-", "_" and "."."""
        return _token(self.secrets[0], claim)

    def read(self, token: str) -> Claim | None:
        """Return what a token of ours says, though it may have expired; None: it is not ours."""
        claim = _claimed(token)
        if claim is None:
            return None
        ours = (_same(_token(secret, claim), token) for secret in self.secrets)
        return claim if any(ours) else None

    def mark(self, customer: int, email: str | None) -> str:
        """
        Return what tells whether the customer's address is still the one it was.

        Nobody learns an address from it: it is 48 bits of an HMAC.
        """
        return _mark(self.secrets[0], customer, email)

    def still(self, claim: Claim, email: str | None) -> bool:
        """Whether the address on file is the one for which the link was made."""
        marks = (_mark(secret, claim.customer, email) for secret in self.secrets)
        return any(_same(mark, claim.mark) for mark in marks)

    def challenge(self, token: str, *, now: datetime) -> str:
        """Return what a form of the page of this token carries, and nobody else can know."""
        return _challenge(self.secrets[0], token, int(now.timestamp()))

    def answers(self, token: str, given: str, *, now: datetime) -> bool:
        """Whether `given` came from a form of this token's page, within the last hour."""
        stamp, _, _ = given.partition(".")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
            return False
        made = (_same(_challenge(one, token, int(stamp)), given) for one in self.secrets)
        age = int(now.timestamp()) - int(stamp)
        return any(made) and 0 <= age < PATIENCE.total_seconds()


def _token(secret: str, claim: Claim) -> str:
    body = f"{VERSION}.{urlsafe_b64encode(claim.spelled().encode()).decode().rstrip('=')}"
    return f"{body}.{_signed(secret, 'token', body)[:_DIGITS]}"


def _claimed(token: str) -> Claim | None:
    """Return what a token says that may be anybody's."""
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != 3 or not token.isascii():
        return None
    try:
        spelled = urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)).decode()
    except ValueError:
        return None
    return read_claim(spelled)


def _mark(secret: str, customer: int, email: str | None) -> str:
    return _signed(secret, "address", f"{customer}:{email or ''}")[:_MARK_DIGITS]


def _challenge(secret: str, token: str, stamp: int) -> str:
    return f"{stamp}.{_signed(secret, 'form', f'{stamp}:{token}')[:_DIGITS]}"


def _signed(secret: str, use: str, text: str) -> str:
    key = hmac.new(secret.encode(), f"link:{VERSION}:{use}".encode(), "sha256").digest()
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def _same(made: str, given: str) -> bool:
    return hmac.compare_digest(made.encode(), given.encode("utf-8", "surrogatepass"))
