"""
Sends a mail that is still true, once.

The guard reads fresh rows under the customer's lock; the sending comes after that transaction,
and what became of it is recorded in the next one. Between the two a crash can make a mail go out
twice, with the same Message-ID, but never not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from email.message import EmailMessage
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.account import Account, Notice
from recoup.core.dunning import campaign
from recoup.core.states import MailState, NoticeState
from recoup.effects import _letters as letters
from recoup.effects.base import World
from recoup.errors import MailUnreachable, Undeliverable
from recoup.jobs.base import Cancel, Claim, Desk, Done, Fail, Handler, Snooze, Wish
from recoup.jobs.words import described
from recoup.mail.base import MailFacts
from recoup.mail.emails import EMAILS
from recoup.mail.message import compose
from recoup.store import observe, tables
from recoup.store.records import customers, mails
from recoup.store.records.mails import Mail
from recoup.store.writer import Writer

log: Final = logging.getLogger(__name__)

#: How long a mail that only a new fact can free is put aside; the fact itself cancels it.
LATER: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A mail that may be sent now."""

    mail: Mail
    notice: Notice | None
    message: EmailMessage


@dataclass(frozen=True, slots=True)
class _Gone:
    """A mail that was taken, or can never be: then `bounce` says why."""

    mail: Mail
    notice: Notice | None
    message_id: str | None
    bounce: str | None


def handler(world: World) -> Handler:
    """Return how effects of kind `send_mail` are run."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        made: dict[Claim, _Ready | _Gone | Wish] = {}
        with desk.engine.begin() as connection:
            batch = _Batch(world, connection, claims, desk.now())
            for claim in claims:
                made[claim] = batch.prepared(claim)
            batch.close()
        for claim, ready in made.items():
            if isinstance(ready, _Ready):
                made[claim] = _send(world, ready)
        gone = {claim: what for claim, what in made.items() if isinstance(what, _Gone)}
        wishes = {
            claim: Done() if isinstance(what, _Gone) else what
            for claim, what in made.items()
            if not isinstance(what, _Ready)
        }
        with desk.engine.begin() as connection:
            _record(world, connection, tuple(gone.values()), now=desk.now())
            desk.settle(connection, wishes)

    return Handler(run, batch=50, max_attempts=12)


def _send(world: World, ready: _Ready) -> _Gone | Wish:
    id = str(ready.message["Message-ID"])
    try:
        world.sender.send(ready.message)
    except Undeliverable as error:
        return _Gone(ready.mail, ready.notice, id, str(error))
    except MailUnreachable as error:
        return Fail(str(error))
    except Exception as error:
        # Passing it on would have the batch repeated, with what went out before it.
        log.exception("mail %s could not be sent", ready.mail.key)
        return Fail(described(error))
    return _Gone(ready.mail, ready.notice, id, None)


class _Batch:
    """Everything read for a batch of mails, under the locks of their customers."""

    def __init__(
        self, world: World, connection: Connection, claims: Sequence[Claim], now: datetime
    ) -> None:
        self._world = world
        self._now = now
        self._mails = mails.read(connection, [_mail_id(claim) for claim in claims])
        ids = observe.lock(connection, {mail.customer_id for mail in self._mails.values()})
        seen = observe.observe(connection, ids, now=now)
        self._accounts = {account.id: account for account in seen.accounts}
        self._contacts = customers.contacts(connection, ids)
        invoices = [i.id for account in seen.accounts for i in account.invoices]
        self._numbers = customers.invoice_numbers(connection, invoices)
        self._occasions = mails.occasions(connection, self._mails.values())
        self._writer = _writer(connection, now)

    def prepared(self, claim: Claim) -> _Ready | _Gone | Wish:
        """Return the mail if it may be sent now, else what becomes of it."""
        mail = self._mails.get(_mail_id(claim))
        if mail is None or not mail.queued:
            return Cancel("the mail has been dealt with")
        account = self._accounts[mail.customer_id]
        return (self._notice if "notice_id" in mail.args else self._word)(mail, account)

    def _word(self, mail: Mail, account: Account) -> _Ready | _Gone | Wish:
        """A mail that tells of something at once, at any hour."""
        occasion, contact = self._occasions.get(mail.id), self._contacts[account.id]
        why = letters.obstacle(mail, occasion, contact)
        if why is not None or occasion is None:
            return self._skipped(mail, str(why))
        facts = letters.about(self._world, occasion, contact)
        return self._composed(mail, None, facts, thread=None)

    def _notice(self, mail: Mail, account: Account) -> _Ready | _Gone | Wish:
        """A notice, if it is still true, and between the hours of its policy."""
        notice = next((n for n in account.notices if n.id == mail.args["notice_id"]), None)
        if notice is None:
            return self._skipped(mail, campaign.ENDED)
        held_up = campaign.obstacle(notice, account, now=self._now)
        if held_up is not None:
            if held_up.final:
                return self._skipped(mail, held_up.reason)
            return Snooze(held_up.until or self._now + LATER, held_up.reason)
        case = next(case for case in account.open_cases() if case.scope == notice.scope)
        policy = self._world.policies.named(case.policy)
        contact = self._contacts[account.id]
        at = campaign.contact_from(self._now, policy.contact_hours, [_zone(contact.time_zone)])
        if at > self._now:
            return Snooze(at, "outside contact hours")
        about = letters.Subject(account, contact, self._numbers)
        facts = letters.facts(self._world, notice, case, policy, about, now=self._now)
        return self._composed(mail, notice, facts, thread=f"case:{case.id}")

    def _composed(
        self, mail: Mail, notice: Notice | None, facts: MailFacts, *, thread: str | None
    ) -> _Ready | _Gone:
        try:
            email = EMAILS[mail.type].about(facts)
            message = compose(email, facts, key=mail.key, case=thread, date=self._now)
        except Undeliverable as error:
            return _Gone(mail, notice, None, str(error))
        return _Ready(mail, notice, message)

    def close(self) -> None:
        """Write what was skipped."""
        self._writer.flush()

    def _skipped(self, mail: Mail, reason: str) -> Wish:
        mails.mark(self._writer, mail, state=MailState.SKIPPED, reason=reason)
        return Cancel(reason)


def _record(world: World, connection: Connection, gone: Sequence[_Gone], *, now: datetime) -> None:
    """Write that mails were sent or bounced, and decide again on whom they concern."""
    if not gone:
        return
    ids = observe.lock(connection, {one.mail.customer_id for one in gone})
    seen = observe.observe(connection, ids, now=now)
    notices = {n.id: n for account in seen.accounts for n in account.notices}
    writer = _writer(connection, now)
    for one in gone:
        sent = one.bounce is None
        mails.mark(
            writer,
            one.mail,
            state=MailState.SENT if sent else MailState.BOUNCED,
            reason=one.bounce,
            message_id=one.message_id,
            sent_at=now if sent else None,
        )
        notice = notices.get(one.notice.id) if one.notice is not None else None
        # One that was called off while it was on its way stays called off; the mail's row tells.
        if notice is not None and states.is_scheduled(notice.state):
            values = {"delivered_at": now} if sent else {"bounced_at": now}
            _update_notice(writer, notice, one.mail.customer_id, values, now)
    writer.flush()
    world.recompute(connection, ids, trigger="notice", now=now)


def _update_notice(
    writer: Writer, notice: Notice, customer_id: int, values: Mapping[str, datetime], now: datetime
) -> None:
    before = {
        "id": notice.id,
        "customer_id": customer_id,
        "state": NoticeState.SCHEDULED.value,
        **dict.fromkeys(values),
    }
    after = {"state": NoticeState.SENT.value, **values}
    kind = "notice.delivered" if "delivered_at" in values else "notice.bounced"
    writer.update(tables.notices, before, after, occurred_at=now, type=kind)


def _writer(connection: Connection, now: datetime) -> Writer:
    return Writer(connection, now=now, actor="engine", cause="effect:send_mail")


def _mail_id(claim: Claim) -> int:
    return int(claim.args["mail_id"] or 0)


def _zone(name: str | None) -> tzinfo:
    """Return the customer's zone; unknown ones count as UTC, for no mail fails because of one."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
