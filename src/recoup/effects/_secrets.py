"""
What posts to an endpoint are signed with, and how.

A secret is made of RECOUP_SECRET_KEY, the endpoint's id, the secret's number and its salt, each
time it is needed, and is stored nowhere. The scheme is Stripe's: `t=<seconds>,v1=<hex>[,v1=<hex>]`
with HMAC-SHA256 over `<seconds>.<the raw bytes>`, a v1 for each secret that is valid, newest
first. Source: docs/webhooks-out.md, "Verify".
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from recoup.errors import ConfigError

HEADER: Final = "Recoup-Signature"


class Signer:
    """
    Makes and uses the secrets of endpoints.

    Args:
        key: RECOUP_SECRET_KEY, in the clear; None where none is set.
    """

    def __init__(self, key: str | None) -> None:
        self._key = None if key is None else key.encode()

    @property
    def ready(self) -> bool:
        """Whether there is a key to make secrets of."""
        return self._key is not None

    def secret(self, endpoint_id: int, number: int, salt: str) -> str:
        """
        Return a secret, in the clear.

        Raises:
            ConfigError: there is no key.
        """
        return f"whsec_{self._made('secret', endpoint_id, number, salt)}"

    def mark(self, endpoint_id: int, number: int, salt: str) -> str:
        """
        Return what tells by which key a secret was made, and nothing of either.

        Raises:
            ConfigError: there is no key.
        """
        return self._made("mark", endpoint_id, number, salt)[:16]

    def _made(self, *parts: object) -> str:
        if self._key is None:
            raise ConfigError(
                "RECOUP_SECRET_KEY: expected 32 or more characters, because webhooks out are "
                "signed with secrets that are made of it. See docs/webhooks-out.md."
            )
        text = ":".join(map(str, ("endpoint", *parts)))
        return hmac.new(self._key, text.encode(), "sha256").hexdigest()


def signature(body: bytes, secrets: Iterable[str], *, at: datetime) -> str:
    """Return the header for `body` sent at `at` (UTC), with a v1 for each of `secrets`."""
    stamp = str(int(at.timestamp()))
    signed = b"%b.%b" % (stamp.encode(), body)
    made = (hmac.new(one.encode(), signed, "sha256").hexdigest() for one in secrets)
    return ",".join((f"t={stamp}", *(f"v1={one}" for one in made)))
