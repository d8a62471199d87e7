"""
How an operator's verb is carried out: tried out on values, then written with who and why.

A wish is a fact of its own (a hold, another policy) put into the snapshot; the rules decide what
follows. What the state of things forbids is on record as well: as a command that was refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NoReturn

from sqlalchemy import Connection

from recoup.commands.base import Kind, Office, Plan, Recording, Work
from recoup.core.account import Account
from recoup.core.billing import contact
from recoup.core.billing.answers import Answer
from recoup.core.dunning.acts import Acted, Rehearsal, rehearsed
from recoup.core.states import Trigger
from recoup.errors import InProgress, NotPossible, RecoupError
from recoup.store import views
from recoup.store.records import money
from recoup.store.views.reading import Ref

#: What is on record when it is refused; anything else leaves nothing behind.
REFUSED: Final = (NotPossible, InProgress)


def never_asked(_work: Work, _answer: Answer) -> Acted:
    """No processor is asked: what follows at one is asked for by the loop."""
    raise NotPossible("an operator's decision is not asked of the processor")


def kind_of(verb: str, **more: Any) -> Kind[Acted]:
    """Return the kind of a verb that only decides something here."""
    return Kind(f"dunning.{verb}", Acted, never_asked, **more)


@dataclass(frozen=True, slots=True)
class Wish:
    """
    What somebody decides: in words, in the snapshot, and how it is written.

    `after` is None where the customer's rows can not be read; then only writing is possible.
    `write` returns the id of the hold it makes, if it makes one.
    """

    words: tuple[str, ...]
    after: Account | None
    write: Callable[[Recording], int | None] = lambda _: None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One operator's verb: who does it, to whom, and why."""

    office: Office
    kind: Kind[Acted]
    customer_id: int | None
    reason: str
    dry_run: bool = False
    subject: str = ""
    trigger: Trigger = Trigger.COMMAND

    def carried_out(
        self,
        asked: Mapping[str, Any],
        wish: Callable[[Connection, Account | None], Wish],
        *,
        key: str | None = None,
    ) -> Acted:
        """
        Record what is wished, let the rules decide, and return both in words.

        Args:
            wish: Looks at the customer; may raise what is then on record as refused. With
                `dry_run` it is only tried out.

        Raises:
            NotPossible, InProgress: the state of things forbids it.
        """
        if self.dry_run:
            with self.office.reading() as connection:
                now = self.office.now()
                account, trouble = self._account(connection, now)
                return self._told(account, trouble, wish(connection, account), now)

        def planned(recording: Recording) -> Plan:
            account, trouble = self._account(recording.connection, recording.now)
            wished = wish(recording.connection, account)
            told = self._told(account, trouble, wished, recording.now)
            made = wished.write(recording)
            recording.writer.flush()
            args = {"step": asked["step"]} if "step" in asked else {}  # people are told of it
            return Plan(result=replace(told, hold_id=made), trigger=self.trigger, args=args)

        return self.recorded({**asked, "reason": self.reason}, planned, key=key)

    def recorded(
        self,
        asked: Mapping[str, Any],
        planned: Callable[[Recording], Plan],
        *,
        key: str | None = None,
    ) -> Acted:
        """Record what `planned` says, with the reason; and that it was refused, if it is."""
        refused: list[RecoupError] = []

        def prepare(recording: Recording) -> Plan:
            try:
                plan = planned(recording)
            except REFUSED as error:
                refused.append(error)
                raise
            return replace(plan, args={**plan.args, "reason": self.reason})

        try:
            return self._run(asked, prepare, key)
        except REFUSED as error:
            if not refused:
                raise
            self._on_record(asked, error)

    def told(self, *changes: str, **more: Any) -> Acted:
        """Return what this came to, in words."""
        return Acted(
            verb=self.kind.name,
            customer_id=self.customer_id,
            actor=self.office.actor,
            reason=self.reason,
            dry_run=self.dry_run,
            changes=changes,
            why=more.pop("why", ()),
            **more,
        )

    def _on_record(self, asked: Mapping[str, Any], error: RecoupError) -> NoReturn:
        plan = Plan(refusal=error, args={"reason": self.reason})
        self._run(asked, lambda _: plan, None)
        raise error  # in a host's transaction the record alone does not raise it

    def _run(
        self, asked: Mapping[str, Any], prepare: Callable[[Recording], Plan], key: str | None
    ) -> Acted:
        return self.office.run(
            self.kind,
            asked=asked,
            prepare=prepare,
            customer=self.customer_id,
            subject=self.subject,
            key=key,
        )

    def _account(self, connection: Connection, now: datetime) -> tuple[Account | None, str | None]:
        try:
            return money.account(connection, self.customer_id or 0, now=now), None
        except Exception as problem:  # noqa: BLE001  a hold must be possible where rows are spoilt
            return None, f"{type(problem).__name__}: {problem}"[:500]

    def _told(
        self, account: Account | None, trouble: str | None, wish: Wish, now: datetime
    ) -> Acted:
        book, follows = self.office.engine, Rehearsal(failed=trouble)
        if account is not None and wish.after is not None and book is not None:
            follows = rehearsed(
                account, wish.after, policies=book.policies, rules=book.rules, now=now
            )
        return self.told(
            *wish.words,
            *follows.changes,
            why=follows.why,
            until=wish.until,
            failed=follows.failed,
        )


def reason_of(given: str) -> str:
    """
    Return a reason.

    Raises:
        InvalidValue: it is empty, longer than 500 characters, or not on one line.
    """
    return contact.words("reason", given)


def customer_of(office: Office, customer: Ref) -> int:
    """
    Return our id of the customer.

    Raises:
        NotFound: there is none.
    """
    with office.reading() as connection:
        return views.read_customer(connection, customer).id
