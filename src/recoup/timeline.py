"""What happened to a customer, and what was true of it at any instant: the ledger, for hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Engine

from recoup.core.ledger import upcast
from recoup.core.periods import utc
from recoup.store import ledger
from recoup.store.queries import customers

_decode: Final = msgspec.json.Decoder(dict[str, tuple[Any, Any]]).decode


@dataclass(frozen=True, slots=True)
class Change:
    """
    One entry: what changed, who did it, what brought it about.

    `changes` is field -> (before, after); instants in it are ISO 8601 text. `occurred_at` is when
    it happened, `recorded_at` when we came to know; both UTC.
    """

    seq: int
    type: str
    subject: str  #: "invoice:7"
    changes: Mapping[str, tuple[Any, Any]]
    actor: str
    cause: str
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Ledger:
    """
    The append-only record of everything that changed.

    `customer` is our id, the processor's, or an owner as `type:id`.
    """

    database: Engine

    def timeline(
        self, customer: int | str, *, subject: str | None = None, until: datetime | None = None
    ) -> tuple[Change, ...]:
        """
        Return what was recorded about a customer, oldest first.

        Args:
            subject: Only this one, for example "invoice:7".
            until: Only what was recorded up to and including this instant.

        Raises:
            NotFound: there is no such customer.
        """
        with self.database.connect() as connection:
            id = customers.find(connection, str(customer))
            found = ledger.timeline(
                connection, id, subject=subject, until=None if until is None else utc(until)
            )
        return tuple(
            Change(
                seq=entry.seq,
                type=entry.type,
                subject=entry.subject,
                changes=upcast(entry.subject, entry.version, _decode(entry.body)),
                actor=entry.actor,
                cause=entry.cause,
                occurred_at=entry.occurred_at,
                recorded_at=entry.recorded_at,
            )
            for entry in found
        )

    def state_as_of(self, customer: int | str, instant: datetime) -> dict[str, dict[str, Any]]:
        """
        Return subject -> field -> value as the tables held them at `instant`.

        Values are JSON's: instants are text. A field that was never set is not there, and before
        the first entry there is nothing.

        Raises:
            NotFound: there is no such customer.
            InvalidPeriod: the instant has no time zone.
            StoreError: the entries do not fit one another, or one has an unknown version.
        """
        at = utc(instant)
        with self.database.connect() as connection:
            id = customers.find(connection, str(customer))
            return ledger.state_as_of(connection, id, at)
