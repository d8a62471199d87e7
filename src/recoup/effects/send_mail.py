"""
Sends a mail that is still true, once.

The guard reads fresh rows under the customer's lock; the sending comes after that transaction,
and what became of it is recorded in the next one. A mail that a server took is noted at once, by
itself: only between the server's yes and that note can a crash make a mail go out twice, with the
same Message-ID, and never not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.account import Account, Case, Notice
from recoup.core.dunning import campaign
from recoup.core.occasions.obstacles import ASKED, NO_ADDRESS, Around, Obstacle, obstacle
from recoup.core.occasions.story import Story
from recoup.core.policy import Policy
from recoup.core.states import MailState, NoticeState, Trigger
from recoup.effects import _letters as letters
from recoup.effects import _links as links
from recoup.effects import _told as words
from recoup.effects._attaching import Attachment, Wait, attached
from recoup.effects._sending import Letter, Sent, send
from recoup.effects.base import World
from recoup.errors import InvalidPolicy
from recoup.jobs.base import Cancel, Claim, Desk, Done, Handler, Snooze, Wish
from recoup.jobs.claims import LEASE_RAN_OUT
from recoup.mail.base import MailFacts
from recoup.mail.zones import where
from recoup.store import campaigns, observe, tables
from recoup.store.delivery import suppressions, taken
from recoup.store.events import outbox
from recoup.store.links import FRESH
from recoup.store.mails import post, told
from recoup.store.records import customers, mails
from recoup.store.records.mails import Mail
from recoup.store.writer import Writer

log: Final = logging.getLogger(__name__)

#: The channel that is the host's own means, and why no mail is sent then, or nobody can be told.
HOST: Final = "host"
BY_HOST: Final = "the host was told instead"
UNHEARD: Final = "nobody listens to dunning.notice"
#: How long a mail that only a new fact can free is put aside; the fact itself cancels it.
LATER: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class _Telling:
    """What the host is told when it is to reach the customer itself."""

    case: Case
    announces: str | None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A mail that may be sent now. Should it bounce, the host is told, where `telling` is."""

    mail: Mail
    notice: Notice | None
    compose: Callable[[], EmailMessage]
    telling: _Telling | None = None

    @property
    def letter(self) -> Letter:
        """What is to be sent."""
        return Letter(self.mail.id, self.mail.key, self.compose)


@dataclass(frozen=True, slots=True)
class _Gone:
    """A mail that was taken, or can never be (`bounce`), or is none because of `by_host`."""

    mail: Mail
    notice: Notice | None
    message_id: str | None
    bounce: str | None
    telling: _Telling | None = None
    by_host: bool = False
    off: bool = False  #: its type is switched off; for a notice that is as if it bounced


def handler(world: World) -> Handler:
    """Return how effects of kind `send_mail` are run."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        made: dict[Claim, _Ready | _Gone | Wish] = {}
        brings = attached(world, desk, [_mail_id(claim) for claim in claims])
        with desk.engine.begin() as connection:
            batch = _Batch(world, connection, claims, desk.now(), brings)
            for claim in claims:
                made[claim] = batch.prepared(claim)
            batch.close()
        ready = {claim: what for claim, what in made.items() if isinstance(what, _Ready)}
        letters = {claim: one.letter for claim, one in ready.items()}
        sent = send(world.sender, desk.engine, letters, now=desk.now)
        for claim, outcome in sent.outcomes.items():
            made[claim] = _gone(ready[claim], outcome)
        gone = {claim: what for claim, what in made.items() if isinstance(what, _Gone)}
        wishes = {
            claim: Done() if isinstance(what, _Gone) else what
            for claim, what in made.items()
            if not isinstance(what, _Ready)
        }
        with desk.engine.begin() as connection:
            taken.doubt(connection, sent.doubts)
            _record(world, connection, tuple(gone.values()), now=desk.now())
            desk.settle(connection, wishes)

    return Handler(run, batch=50, max_attempts=12)


def _gone(ready: _Ready, sent: Sent | Wish) -> _Gone | Wish:
    if not isinstance(sent, Sent):
        return sent
    return _Gone(ready.mail, ready.notice, sent.message_id, sent.refused, ready.telling)


class _Batch:
    """Everything read for a batch of mails, under the locks of their customers."""

    def __init__(
        self,
        world: World,
        connection: Connection,
        claims: Sequence[Claim],
        now: datetime,
        brings: Mapping[int, Attachment | Wait],
    ) -> None:
        self._world = world
        self._now = now
        self._brings = brings
        self._mails = mails.read(connection, [_mail_id(claim) for claim in claims])
        ids = observe.lock(connection, {mail.customer_id for mail in self._mails.values()})
        seen = observe.observe(connection, ids, now=now)
        self._accounts = {account.id: account for account in seen.accounts}
        self._contacts = customers.contacts(connection, ids)
        invoices = [i.id for account in seen.accounts for i in account.invoices]
        self._numbers = customers.invoice_numbers(connection, invoices)
        others = [mail for mail in self._mails.values() if "notice_id" not in mail.args]
        self._stories = told.stories(connection, others)
        self._off = post.switched_off(connection)
        self._writer = _writer(connection, now)
        self._heard = outbox.is_wanted(connection, "dunning.notice")
        self._suppressed = suppressions.of(connection, ids)
        again = {claim.id: _mail_id(claim) for claim in claims if claim.attempt > 1}
        lost = taken.lost(connection, again, reason=LEASE_RAN_OUT) if again else ()
        taken.doubt(connection, self._unknown(again[id] for id in lost))

    def prepared(self, claim: Claim) -> _Ready | _Gone | Wish:
        """Return the mail if it may be sent now, else what becomes of it."""
        mail = self._mails.get(_mail_id(claim))
        if mail is None or not mail.queued:
            return Cancel("the mail has been dealt with")
        account = self._accounts[mail.customer_id]
        if mail.accepted_at is not None:  # its worker died before it could say so
            notice = next((n for n in account.notices if n.id == mail.args.get("notice_id")), None)
            return _Gone(mail, notice, mail.message_id, None)
        if mail.type == FRESH:
            return self._fresh(mail)
        return (self._notice if "notice_id" in mail.args else self._word)(mail, account)

    def _fresh(self, mail: Mail) -> _Ready | _Gone | Wish:
        """A fresh link, which a customer has asked for on the page of one that had expired."""
        contact = self._contacts[mail.customer_id]
        facts = links.fresh(self._world, mail, contact, now=self._now)
        if isinstance(facts, str):
            return self._skipped(mail, facts)
        return self._composed(mail, None, facts, thread=None)

    def _word(self, mail: Mail, account: Account) -> _Ready | _Gone | Wish:
        """A mail that tells of something at once, at any hour."""
        if mail.type in self._off:
            return self._skipped(mail, post.SWITCHED_OFF)
        story, contact = self._stories[mail.id], self._contacts[account.id]
        asked = mail.key.startswith(ASKED)
        around = Around(self._now, noticed=self._noticed(story), asked=asked)
        against = obstacle(story, around) if contact.email else Obstacle(NO_ADDRESS)
        if against is not None and against.until is not None:
            return Snooze(against.until, against.reason)
        if against is not None:
            return self._skipped(mail, against.reason)
        thread = None if story.case is None else f"case:{story.case.id}"
        found = words.facts(self._world, story, contact)
        return self._composed(mail, None, found, thread=thread, scope=links.scope_of(story))

    def _noticed(self, story: Story) -> bool:
        """Whether a campaign tells of what the story's case is about."""
        if story.case is None:
            return False
        try:
            return bool(self._world.policies.named(story.case.policy).steps)
        except InvalidPolicy:
            return False  # the loop says so too, and has the customer marked

    def _notice(self, mail: Mail, account: Account) -> _Ready | _Gone | Wish:
        """A notice, if it is still true, and between the hours of its policy."""
        notice = next((n for n in account.notices if n.id == mail.args["notice_id"]), None)
        scope = None if notice is None else notice.scope
        case = next((case for case in account.open_cases() if case.scope == scope), None)
        if notice is None or case is None:
            return self._skipped(mail, campaign.ENDED)
        policy = self._world.policies.named(case.policy)
        again = "again" in mail.args
        held_up = campaign.obstacle(notice, account, now=self._now, policy=policy, again=again)
        if held_up is not None and held_up.final:
            return self._skipped(mail, held_up.reason)
        if held_up is not None:
            return Snooze(held_up.until or self._now + LATER, held_up.reason)
        contact = self._contacts[account.id]
        zones = where(contact.time_zone, contact.country)
        at = campaign.contact_from(self._now, policy.contact_hours, zones)
        if at > self._now:
            return Snooze(at, "outside contact hours")
        about = letters.Subject(account, contact, self._numbers)
        return self._by_channel(mail, notice, case, policy, about)

    def _by_channel(
        self, mail: Mail, notice: Notice, case: Case, policy: Policy, about: letters.Subject
    ) -> _Ready | _Gone | Wish:
        """The mail of a notice, or the host's own means, in the order of its step."""
        step = campaign.step_of(policy, notice.step)
        channels = ("mail",) if step is None else step.channels
        telling = None
        if self._heard and HOST in channels:
            telling = _Telling(case, None if step is None else step.announces)
        if channels[0] == HOST and telling is not None:
            return _Gone(mail, notice, None, None, telling, by_host=True)
        if "mail" not in channels:
            return _Gone(mail, notice, None, UNHEARD)
        if mail.type in self._off:
            return _Gone(mail, notice, None, post.SWITCHED_OFF, telling, off=True)
        facts = letters.facts(self._world, notice, case, policy, about, now=self._now)
        return self._composed(mail, notice, facts, thread=f"case:{case.id}", telling=telling)

    def _composed(
        self,
        mail: Mail,
        notice: Notice | None,
        facts: MailFacts,
        *,
        thread: str | None,
        telling: _Telling | None = None,
        scope: str | None = None,
    ) -> _Ready | _Gone | Wish:
        suppressed = self._suppressed.get(mail.customer_id)
        if suppressed is not None and notice is None:
            return self._skipped(mail, suppressed.words)
        if suppressed is not None:
            return _Gone(mail, notice, None, suppressed.words, telling)
        brought = self._brings.get(mail.id)
        if isinstance(brought, Wait):
            return Snooze(brought.until, brought.reason)
        files = () if brought is None else (brought.parts,)
        scope = notice.scope if notice is not None else scope
        facts = links.linked(self._world, mail, facts, scope=scope, now=self._now)
        compose = partial(
            self._world.mails.compose, mail.type, facts, key=mail.key, case=thread,
            date=self._now, attachments=files,
        )  # fmt: skip
        return _Ready(mail, notice, compose, telling)

    def _unknown(self, ids: Iterable[int]) -> frozenset[int]:
        """Return those that were not noted as taken: their worker died, and nobody knows when."""
        found = (self._mails.get(id) for id in ids)
        return frozenset(m.id for m in found if m is not None and m.queued and not m.accepted_at)

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
    observe.lock(connection, {one.mail.customer_id for one in gone})
    # What is decided depends on notices only: the others are on record, and that is all.
    ids = sorted({one.mail.customer_id for one in gone if one.notice is not None})
    notices = taken.notices(connection, [one.notice for one in gone if one.notice is not None])
    writer = _writer(connection, now)
    for one in gone:
        sent = one.bounce is None
        notice = notices.get(one.notice.id) if one.notice is not None else None
        # One that was called off while it was on its way stays called off; the mail's row tells.
        mails.mark(writer, one.mail, **_became(one, now))
        if notice is not None and _true_still(one, notice):
            _tell(writer, one, notice)
        if notice is not None and states.is_scheduled(notice.state):
            values = {"delivered_at": now} if sent else {"bounced_at": now}
            _update_notice(writer, notice, one.mail.customer_id, values, now)
    writer.flush()
    if ids:
        world.recompute(connection, ids, trigger=Trigger.NOTICE, now=now)


def _true_still(one: _Gone, notice: Notice) -> bool:
    """Whether what was not called off meanwhile is to be told by whatever other means."""
    return states.is_scheduled(notice.state) or "again" in one.mail.args


def _tell(writer: Writer, one: _Gone, notice: Notice) -> None:
    """Have the host told, where it is its turn: first, or because the mail could not be."""
    about = one.telling
    if about is not None and (one.by_host or one.bounce is not None):
        owner, announces = one.mail.customer_id, about.announces
        campaigns.tell(writer, notice, about.case, owner, announces=announces)


def _became(one: _Gone, now: datetime) -> dict[str, Any]:
    """Return what the mail's row says of what became of it."""
    if one.by_host:
        return {"state": MailState.SKIPPED, "reason": BY_HOST}
    if one.off:
        return {"state": MailState.SKIPPED, "reason": one.bounce}
    if one.bounce is not None:
        return {
            "state": MailState.BOUNCED, "reason": one.bounce, "message_id": one.message_id,
        }  # fmt: skip
    return {"state": MailState.SENT, "message_id": one.message_id, "sent_at": now}


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
