"""
An effect does one thing in the world outside, at least once, and says how it went.

To add one: a file here with `handler(world) -> Handler`, a line in `EFFECTS`, a test file of the
same name, a heading in docs/effects.md. An effect never decides: what it learns is recorded as a
fact, and the loop goes on from there. No network call is made while a transaction is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection

from recoup.core.billing.answers import Answer
from recoup.core.billing.catalogue import NOTHING_SOLD, Catalogue
from recoup.core.billing.requests import Request
from recoup.core.collection.rules import Rules
from recoup.core.links import Pages
from recoup.core.policy import Policies
from recoup.core.states import Trigger
from recoup.effects._papers import Papers
from recoup.errors import NotPossible, ProcessorError
from recoup.mail.base import Brand
from recoup.mail.overrides import Mails
from recoup.mail.senders.base import Sender
from recoup.processors.base import Processor
from recoup.store.writer import Writer


class Ran(Protocol):
    """What a run of the loop came to."""

    @property
    def failed(self) -> Mapping[int, str]:
        """Return customer -> why nothing could be decided on it."""
        ...


class Recompute(Protocol):
    """The loop, with its policies and rules already in it."""

    def __call__(
        self,
        connection: Connection,
        customer_ids: Iterable[int],
        *,
        trigger: Trigger,
        now: datetime,
    ) -> Ran: ...


@dataclass(frozen=True, slots=True)
class Work:
    """A command in hand: its transaction, with its customer locked."""

    writer: Writer
    processor: str
    customer_id: int | None
    command_id: int
    args: Mapping[str, Any]  #: what was kept for this moment when it was recorded
    plans: Catalogue = NOTHING_SOLD


class Kind(Protocol):
    """A kind of command, as far as whoever carries it out must know it."""

    def conclude(self, work: Work, answer: Answer) -> object:
        """
        Return the result, from rows that have absorbed the answer's facts, and write what else
        follows from it. The writer is flushed before and after.
        """
        ...

    def already(self, work: Work, request: Request) -> object | None:
        """
        Return the result, if what is about to be asked for the first time has come about by
        itself since it was recorded; None: ask.

        Raises:
            NotPossible: it can not be any more; nobody is asked, and the command is refused.
        """
        ...

    def settle(self, work: Work, result: Any, decide: Callable[[], object]) -> object:
        """
        Return the result that was concluded, or read it again after calling `decide`, which lets
        the loop decide on what the answer said.
        """
        ...

    def refused(self, work: Work, error: ProcessorError | NotPossible) -> None:
        """Take back what was written when the command was recorded."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside that effects reach, and the way back into the loop."""

    processor: Processor
    sender: Sender
    policies: Policies
    rules: Rules
    recompute: Recompute
    absorb: Callable[[], object]
    brand: Brand
    mails: Mails = field(default_factory=Mails)  #: makes messages, as the host wants them
    papers: Papers | None = None  #: makes the documents that some mails bring
    pages: Pages | None = None  #: makes the links of mails; None: they lead to the host's own
    kinds: Mapping[str, Kind] = field(default_factory=dict)  #: of commands, by name
    #: By command, what must not be stored, not even until it is asked.
    unstored: dict[int, Request] = field(default_factory=dict, repr=False)
    plans: Catalogue = NOTHING_SOLD
