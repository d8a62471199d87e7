"""
What Resend posts about mails, and whether it was Resend.

Its posts are signed in Svix's manner: `svix-signature` holds `v1,<base64>` for each secret that
is valid, over `<svix-id>.<svix-timestamp>.<the raw bytes>`. The three headers travel as one text.
Source: resend.com/docs/webhooks/emails/bounced, docs.svix.com/receiving/verifying-payloads/
how-manual.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from recoup.errors import Unreadable
from recoup.mail.hearing.base import Fate, Heard
from recoup.mail.senders.resend import TAG
from recoup.mail.wording import one_line

#: A signature is good for so long, and its sender's clock may be as far ahead.
TOLERANCE: Final = timedelta(minutes=5)
HEADERS: Final = ("svix-id", "svix-timestamp", "svix-signature")
MOST_SIGNATURES: Final = 16

_ID: Final = re.compile(r"[!-~]{1,200}")
_SECONDS: Final = re.compile(r"[0-9]{1,11}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

#: A bounce is for good when its type says so; whatever else it is called may pass.
_PERMANENT: Final = "permanent"
_FATES: Final[Mapping[str, Fate]] = {
    "email.complained": Fate.COMPLAINT,
    "email.suppressed": Fate.HARD,
    "email.failed": Fate.FAILED,
}


def joined(value: Callable[[str, str], str]) -> str | None:
    """Return the three headers as one text; None when one is missing. `value` looks one up."""
    values = [value(name, "") for name in HEADERS]
    return "\n".join(values) if all(values) else None


def signed(body: bytes, header: str | None, *, secrets: Sequence[str], now: datetime) -> bool:
    """
    Whether one of `secrets` has signed these very bytes, within the last five minutes.

    Args:
        header: The three headers, see `joined`. Every secret is tried against every signature,
            in constant time.
    """
    parts = (header or "").split("\n")
    if len(parts) != len(HEADERS):
        return False
    id, stamp, signatures = parts
    if not _ID.fullmatch(id) or not _SECONDS.fullmatch(stamp):
        return False
    if abs(now - (_EPOCH + timedelta(seconds=int(stamp)))) > TOLERANCE:
        return False
    given = [one[3:] for one in signatures.split(" ")[:MOST_SIGNATURES] if one.startswith("v1,")]
    ours = [signature(body, id=id, stamp=stamp, secret=secret) for secret in secrets]
    same = [hmac.compare_digest(a.encode(), b.encode()) for a in ours if a for b in given]
    return any(same)


def signature(body: bytes, *, id: str, stamp: str, secret: str) -> str:
    """Return what a secret makes of a post, in base64; empty when the secret is none."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return ""
    content = f"{id}.{stamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, content, sha256)).decode() if key else ""


def read(raw: bytes) -> Heard | str:
    """
    Return what a post says became of a mail, or why it is nothing to us.

    Raises:
        Unreadable: it is none of Resend's.
    """
    try:
        told = json.loads(raw)
        type, data = told["type"], told["data"]
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise Unreadable(f"no post of Resend's: {error.__class__.__name__}") from error
    if not isinstance(type, str) or not isinstance(data, dict):
        raise Unreadable("no post of Resend's: its type or data is none")
    fate = _bounced(data) if type == "email.bounced" else _FATES.get(type)
    if fate is None:
        return one_line(f"{type} changes nothing here", longest=100)
    return Heard(fate, _tagged(data), None, _recipient(data), _reason(data))


def _bounced(data: Mapping[str, Any]) -> Fate:
    bounce = data.get("bounce")
    kind = bounce.get("type") if isinstance(bounce, dict) else None
    return Fate.HARD if str(kind).casefold() == _PERMANENT else Fate.SOFT


def _tagged(data: Mapping[str, Any]) -> str | None:
    """Return the mail's name. Tags come as names and values, or as they were sent: a list."""
    tags = data.get("tags")
    if isinstance(tags, list):
        tags = {t.get("name"): t.get("value") for t in tags if isinstance(t, dict)}
    value = tags.get(TAG) if isinstance(tags, dict) else None
    return value if isinstance(value, str) and value.isalnum() else None


def _recipient(data: Mapping[str, Any]) -> str | None:
    to = data.get("to")
    one = to[0] if isinstance(to, list) and len(to) == 1 else to
    return one if isinstance(one, str) and "\0" not in one else None


def _reason(data: Mapping[str, Any]) -> str | None:
    for name, field in (("bounce", "message"), ("failed", "reason"), ("suppressed", "message")):
        about = data.get(name)
        if isinstance(about, dict) and isinstance(about.get(field), str):
            return one_line(about[field], longest=300)
    return None
