"""What a verb consists of: how it is planned when it is recorded, and concluded when answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection

from recoup.core.billing.answers import Answer
from recoup.core.billing.catalogue import Catalogue
from recoup.core.billing.requests import Request
from recoup.core.money import Money
from recoup.errors import ProcessorError
from recoup.jobs.base import NewEffect, Scalar
from recoup.store.writer import Writer

R = TypeVar("R")


class Work(Protocol):
    """A command in hand: its transaction, its customer locked. See `recoup.effects.base.Work`."""

    @property
    def writer(self) -> Writer: ...
    @property
    def processor(self) -> str: ...
    @property
    def customer_id(self) -> int | None: ...
    @property
    def command_id(self) -> int: ...
    @property
    def args(self) -> Mapping[str, Any]: ...
    @property
    def plans(self) -> Catalogue: ...


@dataclass(frozen=True, slots=True)
class Recording:
    """What `prepare` is given: the transaction, and the id that the command will have."""

    writer: Writer
    processor: str
    customer_id: int | None
    command_id: int

    @property
    def connection(self) -> Connection:
        return self.writer.connection

    @property
    def now(self) -> datetime:
        return self.writer.now


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What a command comes to.

    Either a `request` for the processor, or a `result` that is final already. `args` are kept
    for the conclusion (scalars; nothing personal), `amount` is held back while it is under way.
    `effects` are written beside the command when it needs more than `ask`; `awaited` is the key
    of the one among them that whoever asked waits for.
    """

    request: Request | None = None
    result: object = None
    args: Mapping[str, Scalar] = field(default_factory=dict)
    amount: Money | None = None
    effects: tuple[NewEffect, ...] = ()
    awaited: str | None = None


def _nothing(_work: Work, _error: ProcessorError) -> None:
    """Nothing was written that would have to be taken back."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[R]):
    """
    One verb: its name, "subscriptions.cancel", and how its answer becomes its result.

    `undone` takes back what `prepare` wrote when the processor refuses. `current` turns the result
    that was kept into how the same thing stands now, where it goes on after the command is over.
    """

    name: str
    result: type[R]
    concluded: Callable[[Work, Answer], R]
    undone: Callable[[Work, ProcessorError], None] = _nothing
    current: Callable[[Connection, R], R] | None = None

    def conclude(self, work: Work, answer: Answer) -> R:
        return self.concluded(work, answer)

    def refused(self, work: Work, error: ProcessorError) -> None:
        self.undone(work, error)
