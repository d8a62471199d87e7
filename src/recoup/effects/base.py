"""
An effect does one thing in the world outside, at least once, and says how it went.

To add one: a file here with `handler(world) -> Handler`, a line in `EFFECTS`, a test file of the
same name, a heading in docs/effects.md. An effect never decides: what it learns is recorded as a
fact, and the loop goes on from there. No network call is made while a transaction is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from recoup.core.collection.rules import Rules
from recoup.core.policy import Policies
from recoup.mail.senders.base import Sender
from recoup.processors.base import Processor


class Recompute(Protocol):
    """The loop, with its policies and rules already in it."""

    def __call__(
        self, connection: Connection, customer_ids: Iterable[int], *, trigger: str, now: datetime
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside that effects reach, and the way back into the loop."""

    processor: Processor
    sender: Sender
    policies: Policies
    rules: Rules
    recompute: Recompute
    absorb: Callable[[], object]
    base_url: str
    mail_from: str
    business: str
