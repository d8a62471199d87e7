"""
What is to begin on a day to come: recorded now, asked of the processor on its day.

The day is one of our own and not the processor's: so a coupon is taken and a plan is not sold
twice from now on, and until then everything can be taken back without asking anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from recoup.commands.base import Kind, Plan, Recording, Work
from recoup.commands.calling_off import give_up
from recoup.commands.changes import Changes
from recoup.commands.following import later
from recoup.commands.lifecycle import coupon_refusals
from recoup.commands.options import verb
from recoup.commands.starting import START, starting, wished
from recoup.core import states
from recoup.core.activation import GATE_MARK, PaymentGate
from recoup.core.billing import terms
from recoup.core.billing.answers import Answer
from recoup.core.billing.items import Prices
from recoup.core.billing.requests import Collection
from recoup.core.billing.views import Scheduled
from recoup.errors import InvalidValue, NotPossible
from recoup.store import tables, views
from recoup.store.records import activation as gates
from recoup.store.records import commands
from recoup.store.records.commands import Kept
from recoup.store.views.reading import Ref

#: Beyond it nobody plans, and a slip of a digit is likelier.
FURTHEST: Final = timedelta(days=5 * 366)


def _never_asked(_work: Work, _answer: Answer) -> Scheduled:
    """Nobody is asked to schedule something, or to take it back."""
    raise NotPossible("what is scheduled is asked for by a command of its own")


def _as_it_stands(connection: Connection, kept: Scheduled) -> Scheduled:
    return views.read_scheduled(connection, kept.id)


SCHEDULE: Final = Kind("subscriptions.schedule", Scheduled, _never_asked, current=_as_it_stands)
CALL_OFF: Final = Kind("subscriptions.call_off", Scheduled, _never_asked, current=_as_it_stands)
REMOVE_GATE: Final = Kind(
    "subscriptions.remove_gate", Scheduled, _never_asked, current=_as_it_stands
)

KINDS: Final[Sequence[Kind[Any]]] = (SCHEDULE, CALL_OFF, REMOVE_GATE)

#: What becomes of something scheduled, whose command is locked and whose day is to come.
_Becomes = Callable[[Recording, Kept, Scheduled], None]


class Scheduling(Changes):
    """Subscriptions that begin on a day to come."""

    __slots__ = ()

    @verb
    def schedule(
        self,
        customer: Ref,
        prices: Prices,
        starts_at: datetime,
        *,
        quantity: int = 1,
        trial_days: int | None = None,
        trial_end: datetime | None = None,
        anchor: datetime | None = None,
        coupon: Ref | None = None,
        promotion_code: Ref | None = None,
        default_method: Ref | None = None,
        metadata: Mapping[str, str] | None = None,
        collection: Collection = "charge_automatically",
        days_until_due: int | None = None,
        allow_duplicate: bool = False,
        gate: PaymentGate | None = None,
        key: str | None = None,
    ) -> Scheduled:
        """
        Start a subscription at `starts_at`; the options are those of `start`, counted from then.

        The coupon is used and the plan taken from now on. Nobody is asked before the day. What is
        refused then is a task for a person, and the gate, whose time begins then, has failed.

        Raises:
            DuplicatePlan: the customer has this plan, or a start of it is to come.
            CouponRefused: the coupon or code can not be used here and now.
        """
        day = terms.whole(starts_at)
        wish = wished(
            prices, quantity=quantity, trial_days=trial_days, trial_end=trial_end, anchor=anchor,
            coupon=coupon, promotion_code=promotion_code, default_method=default_method,
            metadata=metadata, collection=collection, days_until_due=days_until_due,
            allow_duplicate=allow_duplicate, gate=gate,
        )  # fmt: skip
        with self.office.reading() as connection:
            owner = views.read_customer(connection, customer).id

        def prepare(recording: Recording) -> Plan:
            _within_reach(day, recording.now)
            own = recording.of(commands.reserve(recording.writer))
            start = starting(own, owner, wish, self.office.plans, begins=day)
            return Plan(result=later(own, START, start, wish.prices, recording.command_id, day))

        with coupon_refusals():
            return self.office.run(
                SCHEDULE,
                asked={"customer": owner, "at": day, "start": wish},
                prepare=prepare,
                customer=owner,
                key=key,
            )

    @verb
    def scheduled(
        self, customer: Ref | None = None, *, after: int = 0, limit: int = 50
    ) -> tuple[Scheduled, ...]:
        """Return what is still to begin, by id: the customer's starts and changes, or all."""
        with self.office.reading() as connection:
            who = None if customer is None else views.read_customer(connection, customer).id
            return views.list_scheduled(connection, customer_id=who, after=after, limit=limit)

    @verb
    def call_off(self, scheduled: Ref, *, key: str | None = None) -> Scheduled:
        """
        Let it not begin: a start or a change, by its id or its key. What it used is given back.

        Raises:
            NotPossible: it has begun, or was refused.
        """

        def drop(recording: Recording, kept: Kept, _: Scheduled) -> None:
            give_up(self.office, recording, kept)

        return self._becomes(CALL_OFF, scheduled, drop, key)

    @verb
    def remove_gate(self, scheduled: Ref, *, key: str | None = None) -> Scheduled:
        """
        Let it begin without waiting for its payment. Where no gate is, nothing happens.

        Raises:
            NotPossible: it has begun, and its gate decides now; or it is a change, whose gate is
                all there is to it.
        """

        def remove(recording: Recording, kept: Kept, now: Scheduled) -> None:
            if now.subscription_id is not None:
                raise NotPossible(
                    f"{now.id} is a change, which only a gate can hold back: call it off, and "
                    "change the plan without one"
                )
            if now.gate is not None:
                gates.not_applicable(recording.writer, now.gate.id)
                _unmark(recording, kept)

        return self._becomes(REMOVE_GATE, scheduled, remove, key)

    def _becomes(
        self, kind: Kind[Scheduled], scheduled: Ref, become: _Becomes, key: str | None
    ) -> Scheduled:
        with self.office.reading() as connection:
            found = views.read_scheduled(connection, scheduled)

        def prepare(recording: Recording) -> Plan:
            kept = commands.locked(recording.connection, found.id)
            now = views.read_scheduled(recording.connection, found.id)
            over = kind is CALL_OFF and states.was_taken_back(now.state)
            if not over:
                if kept is None or not kept.to_come:
                    raise NotPossible(_begun(now))
                become(recording, kept, now)
            return Plan(result=views.read_scheduled(recording.connection, found.id))

        return self.office.run(
            kind,
            asked={"scheduled": found.id},
            prepare=prepare,
            customer=found.customer_id,
            subject=f"command:{found.id}",
            key=key,
        )


def _within_reach(day: datetime, now: datetime) -> None:
    terms.future("starts_at", day, now)
    if day > now + FURTHEST:
        raise InvalidValue(f"starts_at: expected at most {FURTHEST.days} days from now")


def _begun(now: Scheduled) -> str:
    if not states.has_begun(now.state):
        return f"what was scheduled as {now.id} was {now.state.replace('_', ' ')}"
    tail = "" if now.gate is None else "; its gate decides now"
    return f"what was scheduled as {now.id} has begun{tail}"


def _unmark(recording: Recording, kept: Kept) -> None:
    """Take the gate's mark out of the start that is to be asked."""
    ((name, fields),) = (kept.request or {}).items()
    metadata = {k: v for k, v in fields["metadata"].items() if k != GATE_MARK}
    before = {"id": kept.id, "customer_id": kept.customer_id, "request": kept.request}
    after = {name: {**fields, "metadata": metadata}}
    recording.writer.update(tables.commands, before, {"request": after})
    recording.writer.flush()
