"""
Holds: a person's decision that dunning stands still for a customer, until an instant.

The time of a hold counts neither on the ladder nor in the campaign, and no hold keeps anything
from being given back. Overlapping ones count once; when the last one ends, the customer is looked
at again by itself. Source: docs/operators.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from recoup.commands.acting import Act, Wish, customer_of, kind_of, reason_of
from recoup.commands.base import Kind, Recording
from recoup.commands.desk import Desk
from recoup.commands.options import verb
from recoup.core.account import Account
from recoup.core.collection.limits import stamp
from recoup.core.dunning import acts
from recoup.core.dunning.acts import Acted
from recoup.core.periods import utc
from recoup.core.states import HoldKind
from recoup.errors import InvalidValue, NotFound, NotPossible
from recoup.jobs import queue
from recoup.store.operators import holds
from recoup.store.operators.holds import HoldRow
from recoup.store.views.reading import Ref

HOLD: Final = kind_of("hold")
PROMISE: Final = kind_of("promise")
GRACE: Final = kind_of("extend_grace")
EXEMPT: Final = kind_of("exempt")
RELEASE: Final = kind_of("release")

KINDS: Final[Sequence[Kind[Any]]] = (HOLD, PROMISE, GRACE, EXEMPT, RELEASE)

_WORDS: Final = {
    HoldKind.HOLD: "hold",
    HoldKind.PROMISE: "wait for the payment that was promised",
    HoldKind.GRACE: "give grace",
    HoldKind.EXEMPT: "exempt",
}


@dataclass(frozen=True, slots=True)
class Holds(Desk):
    """What a person may decide about the time that a customer is given."""

    @verb
    def hold(
        self,
        customer: Ref,
        *,
        until: datetime,
        reason: str,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """
        Let everything stand still until an instant: no notice, no try by itself, no climb.

        Args:
            until: Ahead, and at most 365 days away.
            reason: Kept with the hold, and shown wherever it is; forgotten with the customer.
            dry_run: Say what would change, and write nothing.

        Raises:
            NotFound: there is no such customer.
            InvalidValue: `until` or the reason can not be.
        """
        return self._held(HOLD, HoldKind.HOLD, customer, until, reason, dry_run, key)

    @verb
    def promise(
        self,
        customer: Ref,
        *,
        until: datetime,
        reason: str,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """Keep still until the customer pays as promised, as `hold`; then what is due is tried."""
        return self._held(PROMISE, HoldKind.PROMISE, customer, until, reason, dry_run, key)

    @verb
    def extend_grace(
        self,
        customer: Ref,
        *,
        until: datetime | None = None,
        days: int | None = None,
        reason: str,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """
        Give more time: no notice and no climb, while tries go on. Otherwise as `hold`.

        Args:
            days: Instead of `until`, whole days from now.

        Raises:
            InvalidValue: both or neither of `until` and `days`.
        """
        if (until is None) == (days is None):
            raise InvalidValue("extend_grace needs one of until and days")
        if days is not None and not 1 <= days <= acts.LONGEST.days:
            raise InvalidValue(f"days: expected 1 to {acts.LONGEST.days}, got {days:.9g}")
        end = until or self.office.now() + timedelta(days=days or 0)
        asked = {"days": days} if until is None else None
        return self._held(GRACE, HoldKind.GRACE, customer, end, reason, dry_run, key, asked)

    @verb
    def exempt(
        self,
        customer: Ref,
        *,
        until: datetime,
        reason: str,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """As `extend_grace`; and what was taken away is given back while it lasts."""
        return self._held(EXEMPT, HoldKind.EXEMPT, customer, until, reason, dry_run, key)

    @verb
    def release(
        self,
        customer: Ref,
        *,
        hold: int | None = None,
        reason: str,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """
        End a customer's holds now, or the one named. Dunning goes on where it stood.

        Raises:
            NotFound: the customer has no such hold.
            NotPossible: none is in force.
        """
        office, why = self.office, reason_of(reason)
        id = customer_of(office, customer)
        if hold is not None:
            with office.reading() as connection:
                if holds.read(connection, hold).customer_id != id:
                    raise NotFound(f"customer {id} has no hold {hold}")

        def wish(connection: Connection, account: Account | None) -> Wish:
            mine = holds.listing(connection, now=office.now(), customer_id=id, limit=1000)
            ending = tuple(one for one in mine if hold in (None, one.id))
            if not ending:
                raise NotPossible(f"no hold of customer {id} is in force")
            ids = [one.id for one in ending]

            def write(recording: Recording) -> None:
                holds.end(recording.writer, ending)
                # What was put off until the hold's end is looked at now.
                put_off = holds.put_off(recording.connection, id)
                queue.hasten(recording.connection, put_off, now=recording.now)

            after = account and acts.released(account, ids, now=office.now())
            return Wish(tuple(f"release hold {one}" for one in ids), after, write)

        act = Act(office, RELEASE, id, why, dry_run)
        return act.carried_out({"hold": hold}, wish, key=key)

    @verb
    def holds(
        self,
        *,
        customer: Ref | None = None,
        over: bool = False,
        after: int = 0,
        limit: int = 50,
    ) -> tuple[HoldRow, ...]:
        """Return holds by id, behind the id `after`: those in force; with `over` all."""
        id = None if customer is None else customer_of(self.office, customer)
        with self.office.reading() as connection:
            return holds.listing(
                connection,
                now=self.office.now(),
                customer_id=id,
                over=over,
                after=after,
                limit=limit,
            )

    def _held(
        self,
        kind: Kind[Acted],
        what: HoldKind,
        customer: Ref,
        until: datetime,
        reason: str,
        dry_run: bool,
        key: str | None,
        asked: dict[str, Any] | None = None,
    ) -> Acted:
        office, why = self.office, reason_of(reason)
        end, id = utc(until), customer_of(office, customer)

        def wish(_: Connection, account: Account | None) -> Wish:
            # Not before: asked again with its key, what was done stays done when it is over.
            acts.until_checked(end, now=office.now())

            def write(recording: Recording) -> int:
                return holds.write(recording.writer, id, what, reason=why, until=end)

            after = account and acts.with_hold(
                account, what, reason=why, until=end, actor=office.actor, now=office.now()
            )
            return Wish((f"{_WORDS[what]} until {stamp(end)}",), after, write, until=end)

        act = Act(office, kind, id, why, dry_run)
        return act.carried_out(asked or {"until": end.isoformat()}, wish, key=key)
