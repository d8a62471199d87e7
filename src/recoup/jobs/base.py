"""
Effects: things to do after a commit, kept as rows. This part knows nothing of billing.

An effect's row is the truth. It is written in the transaction of its cause, claimed in batches,
and acknowledged only by the claim that holds it. What wakes a worker is a carrier, and losing
every wake-up costs latency, never an effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy import Connection, Engine

from recoup import config
from recoup.telemetry import about, span

Scalar = str | int | bool | None

QUEUES: Final = config.QUEUES


@dataclass(frozen=True, slots=True)
class NewEffect:
    """
    Something to do, once, not before `due_at` (our clock, UTC).

    `key` is unique while the effect is live (scheduled, running or parked); enqueuing a live key
    again does nothing.
    """

    kind: str
    key: str
    due_at: datetime
    queue: str = "default"
    customer_id: int | None = None
    args: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """An effect that this worker holds until its lease runs out."""

    id: int
    kind: str
    key: str
    customer_id: int | None
    args: Mapping[str, Scalar] = field(hash=False)
    due_at: datetime
    attempt: int  #: 1 for the first run; counted when claimed
    claim_id: UUID


@dataclass(frozen=True, slots=True)
class Done:
    """It is done. `result` is kept with the row."""

    result: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancel:
    """It need not be done any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Snooze:
    """Not yet: again at `until`. Costs no attempt."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Fail:
    """It did not work: again after the backoff, parked when its attempts are used up."""

    error: str
    after: timedelta | None = None  #: how long to wait, instead of the backoff


@dataclass(frozen=True, slots=True)
class Park:
    """A person must look at it; trying again cannot help."""

    reason: str


Wish = Done | Cancel | Snooze | Fail | Park


class Desk(Protocol):
    """What a handler is given: the database, the clock, and the way to say how it went."""

    engine: Engine

    def now(self) -> datetime:
        """Return our clock's UTC instant."""
        ...

    def settle(self, connection: Connection, wishes: Mapping[Claim, Wish]) -> None:
        """
        Acknowledge claims, in the transaction that holds what they changed.

        Raises:
            LostClaim: a newer claim holds one of them. Roll back; write nothing.
        """
        ...

    def keep(self, claims: Sequence[Claim]) -> bool:
        """
        Whether these may be settled after their handler returns, by a thread of its own: where a
        worker runs until it is stopped. Nobody renews the lease of what is kept.

        Where work is done until nothing is left they may not; settle them before returning.
        """
        ...


#: Runs claims of one kind, and settles every one of them.
Run = Callable[[Sequence[Claim], Desk], None]


@dataclass(frozen=True, slots=True)
class Handler:
    """How effects of one kind are run."""

    run: Run
    batch: int = 100  #: most claims handed over at once
    lease: timedelta = timedelta(minutes=5)  #: renewed by the heartbeat while running
    max_attempts: int = 10
    aside: bool = False  #: may take long: a running worker gives such a thread of their own
    first: bool = False  #: claimed before all others; a running worker gives such another thread


Handlers = Mapping[str, Handler]


def perform(handler: Handler, claims: Sequence[Claim], desk: Desk) -> None:
    """Run claims of one kind, as a span whose log lines name them."""
    kind = claims[0].kind.partition(":")[0]  # what follows is a name that a host chose
    with (
        span(f"effect {kind}", claims=len(claims)),
        about(kind=kind, effects=tuple(claim.id for claim in claims)),
    ):
        handler.run(claims, desk)
