"""What a verb consists of: how it is planned when it is recorded, and concluded when answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection

from recoup.core.billing.answers import Answer
from recoup.core.billing.catalogue import Catalogue
from recoup.core.billing.requests import Request
from recoup.core.money import Money
from recoup.core.states import Trigger
from recoup.errors import NotPossible, ProcessorError, RecoupError
from recoup.jobs.base import NewEffect, Scalar
from recoup.store.writer import Writer

R = TypeVar("R")
#: Why a command is refused: the processor's no, or that it can not be any more.
Refusal = ProcessorError | NotPossible


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

    def of(self, command_id: int) -> Recording:
        """Return the same transaction, for another command that is recorded in it."""
        return replace(self, command_id=command_id)


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What a command comes to.

    Either a `request` for the processor; or a `result` that is final already, or the `refusal`
    that the same key is answered with from now on. `args` are kept for the conclusion (scalars;
    nothing personal), `amount` is held back while it is under way.
    `effects` are written beside the command when it needs more than `ask`; `awaited` is the key
    of the one among them that whoever asked waits for. `decides`: what was written already makes
    the loop decide, so it does in the same transaction.
    """

    request: Request | None = None
    result: object = None
    refusal: RecoupError | None = None
    args: Mapping[str, Scalar] = field(default_factory=dict)
    amount: Money | None = None
    effects: tuple[NewEffect, ...] = ()
    awaited: str | None = None
    decides: bool = False
    trigger: Trigger = Trigger.COMMAND


def _ask(_work: Work, _request: Any) -> None:
    """Whether it is so already, the processor knows best."""


def _nothing(_work: Work, _error: Refusal) -> None:
    """Nothing was written that would have to be taken back."""


def _as_concluded(_work: Work, result: R, _decide: Callable[[], object]) -> R:
    """Return what was concluded: nothing of it waits for a decision."""
    return result


@dataclass(frozen=True, slots=True)
class Kind(Generic[R]):
    """
    One verb: its name, "subscriptions.cancel", and how its answer becomes its result.

    `so_already` returns the result when what is wanted has come about while the command waited,
    where a processor would refuse to do it twice; it raises `NotPossible` when it can not be any
    more. `undone` takes back what `prepare` wrote when the command is refused. `settled` reads
    the result again once the loop has decided, where it depends on that. `current` turns the
    result that was kept into how the same thing stands now, where it goes on after the command is
    over.
    """

    name: str
    result: type[R]
    concluded: Callable[[Work, Answer], R]
    undone: Callable[[Work, Refusal], None] = _nothing
    current: Callable[[Connection, R], R] | None = None
    so_already: Callable[[Work, Any], R | None] = _ask
    settled: Callable[[Work, R, Callable[[], object]], R] = _as_concluded

    def conclude(self, work: Work, answer: Answer) -> R:
        return self.concluded(work, answer)

    def already(self, work: Work, request: Request) -> R | None:
        return self.so_already(work, request)

    def settle(self, work: Work, result: Any, decide: Callable[[], object]) -> R:
        return self.settled(work, result, decide)

    def refused(self, work: Work, error: Refusal) -> None:
        self.undone(work, error)
