"""
Ways to pay: putting one on file, taking it off, and which are used, in which order.

One instrument is on file once. Attached again it keeps the newer expiry: the other method is
detached, and what it was, default or backup, the one that stays becomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.commands import paying
from recoup.commands.base import Kind, Office, Plan, Recording, Work
from recoup.commands.following import follow, see_to_followers
from recoup.commands.options import verb
from recoup.core.billing.answers import Answer
from recoup.core.billing.requests import (
    AttachMethod,
    CreateSetupIntent,
    DetachMethod,
    UpdateCustomer,
)
from recoup.core.billing.views import PaymentMethod, Setup
from recoup.core.facts import CustomerFact
from recoup.errors import InvalidValue
from recoup.store import views
from recoup.store.records import commands, money
from recoup.store.records.customers import at_processor
from recoup.store.records.money import Row
from recoup.store.views.reading import Ref

Methods_ = tuple[PaymentMethod, ...]


def _method_now(connection: Connection, kept: PaymentMethod) -> PaymentMethod:
    return views.read_method(connection, kept.id)


def _attached(work: Work, answer: Answer) -> PaymentMethod:
    # A token for tests, "pm_card_visa", has become a method with a name of its own.
    made = views.read_method(work.writer.connection, answer.object)
    return _once(work, made, default=bool(work.args["default"]))


def _detached(work: Work, answer: Answer) -> PaymentMethod:
    connection, id = work.writer.connection, int(work.args["method_id"])
    gone = money.method(connection, id)
    money.place(work.writer, gone, None, None)
    left = [row for row in money.methods(connection, gone["customer_id"]) if row["backup"]]
    for number, row in enumerate(sorted(left, key=lambda row: int(row["backup"])), 1):
        money.place(work.writer, row, number, row)
    work.writer.flush()
    if work.args.get("twin") and _took_the_default(answer):
        _default_to_twin(work, gone)
    return views.read_method(connection, id)


def _took_the_default(answer: Answer) -> bool:
    people = (fact for fact in answer.facts if isinstance(fact, CustomerFact))
    return any(fact.default_method is None for fact in people)


def _default_to_twin(work: Work, gone: Row) -> None:
    """
    Make the method that stays the default: the one that went was it when it went.

    Several attached at once may each have been made the default in the meantime.
    """
    connection, who = work.writer.connection, int(gone["customer_id"])
    same = (gone["kind"], gone["instrument"])
    twins = [m for m in money.methods(connection, who) if (m["kind"], m["instrument"]) == same]
    if twins:
        stays = max(twins, key=lambda row: _newest(row, None))
        _follow_default(work, who, stays)


def _follow_default(work: Work, who: int, stays: Row) -> None:
    name = at_processor(work.writer.connection, who)
    request = UpdateCustomer(name, default_method=stays["processor_id"])
    args = {"method_id": stays["id"]}
    follow(work, SET_DEFAULT, request, name="default", subject=f"customer:{who}", args=args)


def _chosen(work: Work, _answer: Answer) -> PaymentMethod:
    return views.read_method(work.writer.connection, int(work.args["method_id"]))


def _set_up(work: Work, answer: Answer) -> Setup:
    name = work.args.get("method")
    if name is not None and money.is_attached(work.writer.connection, str(name)):
        _once(work, views.read_method(work.writer.connection, str(name)), default=False)
    return Setup(
        processor_id=answer.object,
        customer_id=work.customer_id or 0,
        status=answer.status or "",
        method=None if name is None else str(name),
        action=answer.action,
    )


def _placed(_work: Work, _answer: Answer) -> Methods_:
    raise InvalidValue("the order of backups is nothing a processor is asked for")


ATTACH: Final = Kind("methods.attach", PaymentMethod, _attached, current=_method_now)
DETACH: Final = Kind("methods.detach", PaymentMethod, _detached)
SET_DEFAULT: Final = Kind("methods.set_default", PaymentMethod, _chosen)
SET_BACKUPS: Final = Kind("methods.set_backups", tuple[PaymentMethod, ...], _placed)
CLEAR_BACKUPS: Final = Kind("methods.clear_backups", tuple[PaymentMethod, ...], _placed)
SETUP: Final = Kind("methods.setup", Setup, _set_up)

KINDS: Final[Sequence[Kind[Any]]] = (
    ATTACH,
    DETACH,
    SET_DEFAULT,
    SET_BACKUPS,
    CLEAR_BACKUPS,
    SETUP,
)


@dataclass(frozen=True, slots=True)
class Methods:
    """What people do with ways to pay. Every verb takes our id of one, or the processor's."""

    office: Office

    @verb
    def get(self, method: Ref) -> PaymentMethod:
        """
        Return the method, detached or not.

        Raises:
            NotFound: there is none.
        """
        with self.office.reading() as connection:
            return views.read_method(connection, method)

    @verb
    def list(self, customer: Ref, *, detached: bool = False) -> tuple[PaymentMethod, ...]:
        """Return the customer's methods: the default, the backups in their order, the others."""
        with self.office.reading() as connection:
            who = views.read_customer(connection, customer)
            return views.list_methods(connection, who.id, detached=detached)

    @verb
    def attach(
        self, customer: Ref, method: str, *, default: bool = False, key: str | None = None
    ) -> PaymentMethod:
        """
        Put a method on file that the browser was given; return the one that is on file.

        That is another one when the same instrument was there already with a later expiry.

        Args:
            method: The processor's id.
            default: Invoices are paid with it from now on.

        Raises:
            NotPossible: the customer can not be billed.
            Rejected: the method is somebody else's, or was used up.
        """
        who = self._customer(customer)

        def prepare(recording: Recording) -> Plan:
            name = at_processor(recording.connection, who)
            return Plan(
                AttachMethod(name, method, default), args={"method": method, "default": default}
            )

        kept = self.office.run(
            ATTACH,
            asked={"customer": who, "method": method, "default": default},
            prepare=prepare,
            customer=who,
            key=key,
        )
        return self._without_twins(kept)

    @verb
    def detach(self, method: Ref, *, key: str | None = None) -> PaymentMethod:
        """Take a method off file, and its place among the backups; what is off stays off."""
        found = self.get(method)

        def prepare(recording: Recording) -> Plan:
            now = views.read_method(recording.connection, found.id)
            if now.detached:
                return Plan(result=now)
            return Plan(DetachMethod(now.processor_id), args={"method_id": now.id})

        return self.office.run(
            DETACH,
            asked={"method": found.id},
            prepare=prepare,
            customer=found.customer_id,
            subject=f"method:{found.id}",
            key=key,
        )

    @verb
    def set_default(self, customer: Ref, method: Ref, *, key: str | None = None) -> PaymentMethod:
        """
        Have the customer's invoices paid with this method from now on.

        Raises:
            NotFound: the customer has no such method.
            NotPossible: it was detached.
        """
        who, found = self._customer(customer), self.get(method)

        def prepare(recording: Recording) -> Plan:
            now = paying.method_of(recording.connection, who, found.id)
            others = commands.under_way(recording.connection, subject=f"customer:{who}")
            if now.default and not others:
                return Plan(result=now)
            name = at_processor(recording.connection, who)
            request = UpdateCustomer(name, default_method=now.processor_id)
            return Plan(request, args={"method_id": now.id})

        return self.office.run(
            SET_DEFAULT,
            asked={"customer": who, "method": found.id},
            prepare=prepare,
            customer=who,
            key=key,
        )

    @verb
    def set_backups(
        self,
        customer: Ref,
        methods: Sequence[Ref],
        *,
        consented_at: datetime,
        consented_by: str,
        key: str | None = None,
    ) -> tuple[PaymentMethod, ...]:
        """
        Say which methods may be used when the default fails, in which order; return them.

        Methods that are not named are backups no more. When the default one is barred, out of
        date, used up or missing, a debt is tried with the first of them that may be.

        Args:
            consented_at: When the customer agreed to that. Kept with each.
            consented_by: Who says so, in your words. Kept with each.

        Raises:
            InvalidValue: no methods, one twice, or a consent that is empty or yet to come.
            NotFound: the customer has no such method.
            NotPossible: one was detached.
        """
        if not consented_by.strip() or consented_at > self.office.now():
            raise InvalidValue("backups need a consent: who gave it, and when, not after now")
        who = self._customer(customer)
        named = [self.get(method).id for method in methods]
        if not named or len({*named}) < len(named):
            raise InvalidValue("the backups are at least one method, each named once")
        consent = {"consented_at": consented_at, "consented_by": consented_by}

        def prepare(recording: Recording) -> Plan:
            for id in named:
                paying.method_of(recording.connection, who, id)
            return Plan(result=_arranged(recording, who, named, consent))

        return self.office.run(
            SET_BACKUPS,
            asked={"customer": who, "methods": named, **consent},
            prepare=prepare,
            customer=who,
            key=key,
        )

    @verb
    def clear_backups(self, customer: Ref, *, key: str | None = None) -> tuple[PaymentMethod, ...]:
        """Have no method used but the default; the consents are forgotten. Returns none."""
        who = self._customer(customer)
        return self.office.run(
            CLEAR_BACKUPS,
            asked={"customer": who},
            prepare=lambda recording: Plan(result=_arranged(recording, who, [], None)),
            customer=who,
            key=key,
        )

    @verb
    def setup(self, customer: Ref, *, method: str | None = None, key: str | None = None) -> Setup:
        """
        Prepare to keep a method for later; with `method` it is confirmed at once.

        A challenge is a result: `requires_action`, with what the customer must do. Other results
        are `succeeded`, `processing` and `requires_payment_method`, which a browser brings.
        """
        who = self._customer(customer)

        def prepare(recording: Recording) -> Plan:
            name = at_processor(recording.connection, who)
            return Plan(CreateSetupIntent(name, method), args={"method": method})

        done = self.office.run(
            SETUP,
            asked={"customer": who, "method": method},
            prepare=prepare,
            customer=who,
            key=key,
        )
        see_to_followers(self.office, f"customer:{who}")
        return done

    def _customer(self, customer: Ref) -> int:
        with self.office.reading() as connection:
            return views.read_customer(connection, customer).id

    def _without_twins(self, kept: PaymentMethod) -> PaymentMethod:
        if self.office.bound is not None:
            return kept
        see_to_followers(self.office, f"customer:{kept.customer_id}")
        return self.get(kept.id)


def _once(work: Work, made: PaymentMethod, *, default: bool) -> PaymentMethod:
    """Leave the instrument of `made` on file once; return the method that stays."""
    connection, writer = work.writer.connection, work.writer
    twins = [
        row
        for row in money.methods(connection, made.customer_id)
        if (row["kind"], row["instrument"]) == (made.kind, made.instrument)
    ]
    if len(twins) < 2:
        return made
    stays = max(twins, key=lambda row: _newest(row, made))
    others = [row for row in twins if row is not stays]
    placed = [row for row in twins if row["backup"]]
    if placed:
        best = min(placed, key=lambda row: row["backup"])
        for row in others:
            money.place(writer, row, None, None)
        money.place(writer, stays, best["backup"], best)
        writer.flush()
    who = views.read_customer(connection, made.customer_id)
    was_default = who.default_method in {row["processor_id"] for row in others}
    if (default or was_default) and who.default_method != stays["processor_id"]:
        _follow_default(work, who.id, stays)
    for row in others:
        name, request = f"detach:{row['id']}", DetachMethod(row["processor_id"])
        args = {"method_id": row["id"], "twin": True}
        follow(work, DETACH, request, name=name, subject=f"customer:{who.id}", args=args)
    return views.read_method(connection, stays["id"])


def _newest(row: Row, made: PaymentMethod | None) -> tuple[int, int, bool, int]:
    """Order by expiry; of two alike the one attached now is newer."""
    month = row["exp_year"] or 0, row["exp_month"] or 0
    return (*month, made is not None and row["id"] == made.id, row["id"])


def _arranged(
    recording: Recording, who: int, named: Sequence[int], consent: Row | None
) -> Methods_:
    """Give the methods named their places, and no place to any other; return them in order."""
    places = {id: place for place, id in enumerate(named, 1)}
    for row in money.methods(recording.connection, who):
        place = places.get(row["id"])
        money.place(recording.writer, row, place, consent if place else None)
    recording.writer.flush()
    return tuple(views.read_method(recording.connection, id) for id in named)
