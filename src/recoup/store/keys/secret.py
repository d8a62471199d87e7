"""The text of a key: made, read, hashed."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from typing import Final

LENGTH: Final = 32
_LETTERS: Final = string.ascii_letters + string.digits
_KEY: Final = re.compile(r"rk_([1-9][0-9]{0,17})_([A-Za-z0-9]{32})", re.ASCII)


def new() -> str:
    """Return a secret that nobody has seen."""
    return "".join(secrets.choice(_LETTERS) for _ in range(LENGTH))


def text(id: int, secret: str) -> str:
    """Return the key as its holder presents it."""
    return f"rk_{id}_{secret}"


def parted(presented: str) -> tuple[int, str] | None:
    """Return the id and the secret of a key, or None where it has not the shape of one."""
    found = _KEY.fullmatch(presented)
    return None if found is None else (int(found[1]), found[2])


def hashed(secret: str) -> bytes:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()
