"""
Whether bytes come from who shares a secret with us, and were sent just now.

The scheme is `t=<seconds>,v1=<hex>[,v1=<hex>…]`: HMAC-SHA256 over `<seconds>.<the raw bytes>`, one
v1 for each secret that is valid while secrets are rolled. Other schemes in the header (v0) count
for nothing. Pure: the time is passed in, and nothing here is ever parsed or raised.

Source: docs.stripe.com/webhooks, "Verify webhook signatures manually". The verifier of Stripe's
own library is not used: it takes timestamps of the future, and raises on odd bytes.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

HEADER: Final = "Stripe-Signature"
#: A signature is good for this long, its very last instant included. No setting changes it.
TOLERANCE: Final = timedelta(minutes=5)
#: How far the sender's clock may be ahead of ours: its timestamps have a grain of one second.
GRACE: Final = timedelta(seconds=1)
LONGEST_HEADER: Final = 4096
MOST_SIGNATURES: Final = 16

_ELEMENT: Final = re.compile(r"([a-z][a-z0-9]{0,7})=([!-+\--~]{1,512})")
_SECONDS: Final = re.compile(r"[0-9]{1,11}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Fault(StrEnum):
    """Why a signature is refused."""

    NO_SECRET = "no_secret"  # noqa: S105  the name of a fault
    MISSING = "signature_missing"
    MALFORMED = "signature_malformed"
    TOO_OLD = "signature_too_old"
    FROM_THE_FUTURE = "signature_from_the_future"
    WRONG = "signature_wrong"


def fault(
    body: bytes, header: str | None, *, secrets: Sequence[str], now: datetime
) -> Fault | None:
    """
    Return why `body` is not to be believed, or None: one of `secrets` has signed these very bytes.

    Args:
        body: The raw bytes, as they came over the wire.
        header: The value of `Stripe-Signature`.
        secrets: All that are valid now, several while they are rolled. Empty ones sign nothing.
        now: UTC instant of reception.

    At most five minutes old, and at most one second of the future, both included. Every secret is
    tried against every signature, in constant time, whichever matches.
    """
    if not secrets or not all(secret.strip() for secret in secrets):
        return Fault.NO_SECRET
    if header is None or not header:
        return Fault.MISSING
    read = _read(header)
    if read is None:
        return Fault.MALFORMED
    stamp, given = read
    age = now - (_EPOCH + timedelta(seconds=int(stamp)))
    if age > TOLERANCE:
        return Fault.TOO_OLD
    if -age > GRACE:
        return Fault.FROM_THE_FUTURE
    ours = [_digest(body, stamp, secret) for secret in secrets]
    # Both lists are short, and no match ends the search: how long it takes says nothing.
    matches = [hmac.compare_digest(one, other) for one in ours for other in given]
    return None if any(matches) else Fault.WRONG


def sign(body: bytes, *secrets: str, at: datetime) -> str:
    """Return the header for `body` sent at `at` (UTC), with a v1 for each of `secrets`."""
    stamp = str(int(at.timestamp()))
    signed = (f"v1={_digest(body, stamp, secret)}" for secret in secrets)
    return ",".join((f"t={stamp}", *signed))


def _read(header: str) -> tuple[str, list[str]] | None:
    """Return the timestamp and the v1 signatures; None unless all of it is as it should be."""
    if len(header) > LONGEST_HEADER:
        return None
    elements = list(_elements(header))
    stamps = [value for name, value in elements if name == "t"]
    given = [value for name, value in elements if name == "v1"]
    if len(elements) != header.count(",") + 1 or len(stamps) != 1:
        return None
    if not 1 <= len(given) <= MOST_SIGNATURES or not all(map(_DIGEST.fullmatch, given)):
        return None
    return (stamps[0], given) if _SECONDS.fullmatch(stamps[0]) else None


def _elements(header: str) -> Iterator[tuple[str, str]]:
    for element in header.split(","):
        found = _ELEMENT.fullmatch(element)
        if found:
            yield found[1], found[2]


def _digest(body: bytes, stamp: str, secret: str) -> str:
    return hmac.new(secret.encode(), b"%b.%b" % (stamp.encode(), body), "sha256").hexdigest()
