"""
What became of mails after they were taken: written to their rows, their notices, their addresses.

News comes twice, late, and before we have recorded that the mail went out. It changes a row once,
and what is not known yet is waited for a little.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine

from recoup.core.account import Account, Case, Notice
from recoup.core.billing import contact
from recoup.core.dunning import campaign
from recoup.core.policy import Policies
from recoup.core.states import Trigger
from recoup.effects.base import World
from recoup.errors import InvalidValue, NotFound
from recoup.mail.hearing import Fate, Heard
from recoup.store import campaigns, observe, tables
from recoup.store.delivery import bounces, suppressions
from recoup.store.delivery.suppressions import Suppressed
from recoup.store.events import outbox
from recoup.store.queries.pages import LIMIT, Page
from recoup.store.records.mails import Mail
from recoup.store.writer import Writer

#: The channel of a step that is the host's own means.
_HOST: Final = "host"
_REASONS: Final[Mapping[Fate, str]] = {
    Fate.HARD: "it bounced",
    Fate.COMPLAINT: "its recipient complained",
    Fate.FAILED: "the provider could not send it",
}
#: What makes an address one that nothing is sent to.
_CAUSES: Final[Mapping[Fate, str]] = {Fate.HARD: "bounce", Fate.COMPLAINT: "complaint"}


@dataclass(frozen=True, slots=True)
class Came:
    """What a piece of news came to."""

    mails: tuple[int, ...] = ()  #: that it was about
    suppressed: tuple[int, ...] = ()  #: customers to whose address nothing more is sent, newly
    early: bool = False  #: no such mail is on record yet; nothing was changed

    @property
    def nothing(self) -> bool:
        """Whether it was about nobody we know."""
        return not (self.mails or self.suppressed or self.early)


class Hearing:
    """For hosts that hear of bounces themselves: by a provider of their own, or from a mailbox."""

    def __init__(
        self, database: Engine, world: World, now: Callable[[], datetime], actor: str = "host"
    ) -> None:
        self._database = database
        self._world = world
        self._now = now
        self._actor = actor

    def bounced(
        self,
        *,
        message_id: str | None = None,
        address: str | None = None,
        hard: bool = True,
        reason: str | None = None,
    ) -> bool:
        """
        Record that a mail came back; return whether it was one of ours, or to one of ours.

        Args:
            message_id: Of the mail that came back; the surest way to say which.
            address: Whom it was sent to. Alone it is taken to be the newest mail of five days.
            hard: It came back for good. One that may arrive later is only counted.
            reason: The other side's words.

        The same again changes nothing. After a hard bounce nothing more is sent to the address
        for as long as it is the customer's; a notice holds the climb, and a task is opened.

        Raises:
            InvalidValue: neither a mail nor an address is named.
        """
        return self._hear(Fate.HARD if hard else Fate.SOFT, message_id, address, reason)

    def complained(self, *, message_id: str | None = None, address: str | None = None) -> bool:
        """Record that who got a mail complained of it: as a hard bounce. See `bounced`."""
        return self._hear(Fate.COMPLAINT, message_id, address, None)

    def suppressed(self, *, after: int = 0, limit: int = LIMIT) -> Page[Suppressed]:
        """Return customers to whose present address nothing is sent, by id behind `after`."""
        with self._database.connect() as connection:
            return suppressions.listing(connection, after=after, limit=limit)

    def unsuppress(self, customer_id: int, *, reason: str, by: str = "host") -> bool:
        """
        Send to a customer's present address again; return whether nothing was sent to it.

        Args:
            reason: Why it will arrive now: kept, with `by`, who says so.

        Raises:
            InvalidValue: no reason, or a long one.
            NotFound: there is no such customer.
        """
        why, who = contact.words("reason", reason), contact.words("actor", by)
        with self._database.begin() as connection:
            if not observe.lock(connection, [customer_id]):
                raise NotFound(f"there is no customer {customer_id}")
            return suppressions.end(connection, customer_id, by=who, why=why, now=self._now())

    def _hear(
        self, fate: Fate, message_id: str | None, address: str | None, reason: str | None
    ) -> bool:
        if not (message_id or address):
            raise InvalidValue("name the mail by message_id, or whom it was sent to by address")
        for text in (message_id, address, reason):
            if text is not None and (not isinstance(text, str) or "\0" in text):
                raise InvalidValue("message_id, address and reason are texts without NUL")
        heard = Heard(fate, None, message_id, address, reason)
        with self._database.begin() as connection:
            came = hear(
                self._world, connection, heard, now=self._now(), actor=self._actor, wait=False
            )
        return not came.nothing


def hear(
    world: World,
    connection: Connection,
    heard: Heard,
    *,
    now: datetime,
    actor: str = "engine",
    wait: bool,
) -> Came:
    """
    Write what became of a mail, and decide again on whom that concerns.

    Args:
        wait: Whether to leave news alone that names a mail which is not on record as sent yet.
    """
    mail = _named(connection, heard)
    named = heard.name or heard.message_id
    if wait and named and (mail is None or mail.queued):
        return Came(early=True)
    owners = suppressions.owners(connection, heard.address) if heard.address else []
    ids = observe.lock(connection, {*owners, *([mail.customer_id] if mail else ())})
    if mail is None:
        found = [bounces.newest(connection, id, now=now) for id in owners]
        mails = [one for one in found if one is not None]
    else:
        mails = [mail]
    if heard.fate == Fate.SOFT:
        for one in mails:
            bounces.count_soft(connection, one)
        return Came(tuple(one.id for one in mails))
    writer = Writer(connection, now=now, actor=actor, cause="bounce")
    _came_back(world, writer, heard, bounces.out(connection, mails))
    return Came(tuple(one.id for one in mails), _suppressed(connection, heard, ids, mail, now))


def _named(connection: Connection, heard: Heard) -> Mail | None:
    if heard.message_id:
        return bounces.by_message_id(connection, heard.message_id)
    return bounces.by_digest(connection, heard.name) if heard.name else None


def _suppressed(
    connection: Connection, heard: Heard, ids: Collection[int], mail: Mail | None, now: datetime
) -> tuple[int, ...]:
    cause = _CAUSES.get(heard.fate)
    if cause is None:
        return ()
    mail_id = None if mail is None else mail.id
    return tuple(
        suppressions.add(
            connection, ids, cause=cause, mail_id=mail_id, address=heard.address, now=now
        )
    )


def _came_back(world: World, writer: Writer, heard: Heard, mails: Sequence[Mail]) -> None:
    """Write that mails did not reach anybody, and that their notices did not."""
    connection, now = writer.connection, writer.now
    said = _REASONS[heard.fate]
    for mail in mails:
        bounces.mark(writer, mail, reason=f"{said}: {heard.reason}" if heard.reason else said)
    told = {m.args["notice_id"]: m for m in mails if "notice_id" in m.args and not _again(m)}
    ids = sorted({mail.customer_id for mail in told.values()})
    seen = observe.observe(connection, ids, now=now) if ids else None
    heeds = seen is not None and outbox.is_wanted(connection, "dunning.notice")
    for account in seen.accounts if seen is not None else ():
        for notice in account.notices:
            if notice.id in told and notice.delivered_at is not None and not notice.bounced_at:
                _undelivered(writer, notice, account.id)
                if heeds:
                    _tell(writer, notice, account, world.policies)
    writer.flush()
    if ids:
        world.recompute(connection, ids, trigger=Trigger.NOTICE, now=now)


def _again(mail: Mail) -> bool:
    """Whether it repeats a notice: that counts for nothing, and so does its bounce."""
    return "again" in mail.args


def _undelivered(writer: Writer, notice: Notice, customer_id: int) -> None:
    before = {
        "id": notice.id,
        "customer_id": customer_id,
        "state": notice.state.value,
        "delivered_at": notice.delivered_at,
        "bounced_at": None,
    }
    after = {"bounced_at": writer.now}
    writer.update(tables.notices, before, after, occurred_at=writer.now, type="notice.bounced")


def _tell(writer: Writer, notice: Notice, account: Account, policies: Policies) -> None:
    """Have the host told, where its own means are a channel of that step and it was not."""
    case = next((case for case in account.open_cases() if _is_of(case, notice)), None)
    step = None if case is None else campaign.step_of(policies.named(case.policy), notice.step)
    if case is not None and step is not None and _HOST in step.channels[1:]:
        campaigns.tell(writer, notice, case, account.id, announces=step.announces)


def _is_of(case: Case, notice: Notice) -> bool:
    return (case.scope, case.anchor) == (notice.scope, notice.anchor)
