"""
Every class of drift, the store in which it shows, and whether it may be repaired by itself.

Repaired is only what has a tested inverse: the decision is made again, or what the processor shows
is absorbed again. Everything else is a person's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

Store = Literal["decision", "ledger", "access", "processor"]


class Class(StrEnum):
    """What is wrong."""

    STANDING = "standing"
    CASE = "case"
    INVOICE = "invoice"
    DEBT = "debt"
    RESTRICTION_MISSING = "restriction_missing"
    RESTRICTION_FALSE = "restriction_false"
    NOTICE_MISSING = "notice_missing"
    NOTICE_FALSE = "notice_false"
    ATTEMPT = "attempt"
    SUBSCRIPTION = "subscription"
    GATE = "gate"
    TASK = "task"
    WAKE = "wake"
    UNDECIDABLE = "undecidable"
    ROW_CHANGED = "row_changed"
    ROW_UNRECORDED = "row_unrecorded"
    ROW_MISSING = "row_missing"
    LEDGER_UNREADABLE = "ledger_unreadable"
    ACCESS_OPEN = "access_open"
    ACCESS_CLOSED = "access_closed"
    MIRROR_CHANGED = "mirror_changed"
    MIRROR_UNKNOWN = "mirror_unknown"
    MIRROR_REFUSED = "mirror_refused"


@dataclass(frozen=True, slots=True)
class About:
    """What a class means, and by what it is undone; None: by a person."""

    meaning: str
    inverse: str | None


_AGAIN: Final = "decide again"
_FRESH: Final = "absorb what the processor shows"

CLASSES: Final[Mapping[Class, About]] = {
    Class.STANDING: About("the standing is not what follows from the cases", _AGAIN),
    Class.CASE: About("a case is missing, on the wrong rung, or not over", _AGAIN),
    Class.INVOICE: About("a debt is in no case, or in the wrong one", _AGAIN),
    Class.DEBT: About("bad debt is not recorded, or recorded and none any more", _AGAIN),
    Class.RESTRICTION_MISSING: About("what should be restricted is not", _AGAIN),
    Class.RESTRICTION_FALSE: About("what is restricted should not be", _AGAIN),
    Class.NOTICE_MISSING: About("a notice that is due is not there", _AGAIN),
    Class.NOTICE_FALSE: About("a notice waits to be sent that should not be", _AGAIN),
    Class.ATTEMPT: About("a try that is due is not there, or one that is not is", None),
    Class.SUBSCRIPTION: About(
        "a subscription should be ended, or is not what its gate says", None
    ),
    Class.GATE: About("a gate, or money that came late, is not decided", None),
    Class.TASK: About("a task is missing, or its cause is gone", _AGAIN),
    Class.WAKE: About("nobody would look again in time", _AGAIN),
    Class.UNDECIDABLE: About("nothing can be decided about the customer", None),
    Class.ROW_CHANGED: About("a row is not what the ledger tells of it", _FRESH),
    Class.ROW_UNRECORDED: About("the ledger does not tell of a row", None),
    Class.ROW_MISSING: About("the ledger tells of a row that is not there", None),
    Class.LEDGER_UNREADABLE: About("the ledger's entries do not fit one another", None),
    Class.ACCESS_OPEN: About("the host has not taken away what is restricted", "tell the host"),
    Class.ACCESS_CLOSED: About("the host takes away what is not restricted", "tell the host"),
    Class.MIRROR_CHANGED: About("the processor shows something else", _FRESH),
    Class.MIRROR_UNKNOWN: About("the processor has something that is not here", _FRESH),
    Class.MIRROR_REFUSED: About("what the processor shows contradicts what is known", None),
}


def repairable(name: str) -> bool:
    """Return whether a class may be repaired by itself."""
    return CLASSES[Class(name)].inverse is not None
