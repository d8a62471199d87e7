"""What became of a mail after a server took it, whoever tells it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What became of a mail that had been taken."""

    HARD = "hard"  #: it came back for good: nothing will ever arrive at that address
    SOFT = "soft"  #: it came back for now: a full mailbox, a server that is away
    COMPLAINT = "complaint"  #: who got it told their provider that they do not want it
    FAILED = "failed"  #: the provider did not send it after all; the address may be right


@dataclass(frozen=True, slots=True)
class Heard:
    """One piece of news about a mail; the more of it is known, the surer is which mail."""

    fate: Fate
    name: str | None = None  #: of the mail: its Message-ID before the @, without the <
    message_id: str | None = None  #: whole
    address: str | None = None  #: whom it was sent to
    reason: str | None = None  #: the other side's words, on one line
