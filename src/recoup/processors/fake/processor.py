"""
The fake payment company: Stripe's behaviour, in a file.

Strict on purpose: never kinder than Stripe. Left out, visibly: retries of its own unless they
are switched on (`smart_retries`), partial payments, taxes of its own, metered
prices, items of several intervals, rate limits by themselves (script a `busy`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from heapq import heappop
from pathlib import Path
from typing import Any, Final

import msgspec

from recoup.core import states
from recoup.core.billing.answers import Answer, Quote
from recoup.core.billing.requests import ChangeSubscription, Request
from recoup.core.documents import Bill
from recoup.core.facts import PaymentFact, Reading
from recoup.errors import Busy
from recoup.processors.base import Kind, Page
from recoup.processors.fake import billing, books, idempotency, payments
from recoup.processors.fake.billing import retrying, showing
from recoup.processors.fake.desk import answering, changing, money, playing
from recoup.processors.fake.idempotency import Fault, Watch
from recoup.processors.fake.model import (
    Charge,
    Invoice,
    Subscription,
    instant,
)
from recoup.processors.fake.stage import Stage
from recoup.processors.fake.world import EPOCH, MICROSECOND, NEWEST, Session, micros
from recoup.processors.stripe import reader

_DEEDS: Final[Mapping[str, Callable[[Session, str], None]]] = {
    "renew": billing.renew,
    "collect": payments.collect,
    "settle": payments.settle,
    "overdue": billing.overdue,
    "expire": billing.expire,
    "lapse": billing.lapse,
    "unpause": billing.unpause,
    "habit": playing.habit,
    "withdraw": billing.withdraw_offer,
    "send_back": money.send_back,
    "retry": retrying.retry,
}


class FakeProcessor(Stage):
    """
    A payment company for tests, demos and simulations; proven by `ProcessorConformance`.

    Args:
        path: The world's file, shared by any number of processes; ":memory:" for one alone.
        seed: Of the dice and fingerprints. The same calls give the same bytes.
        start: The clock's first instant, UTC.
        api_version: How events are shaped: 2022-11-15 or newer.
        watch: Told when a request is received and when it is done, before the reply is sent.
    """

    name = "fake"
    events_kept = timedelta(days=30)

    def __init__(
        self,
        path: Path | str,
        *,
        seed: int = 0,
        start: datetime | None = None,
        api_version: str = NEWEST,
        watch: Watch = lambda _step, _key: None,
    ) -> None:
        super().__init__(path, seed=seed, start=start, api_version=api_version)
        self._watch = watch

    # -- what the engine asks for ---------------------------------------------------------

    def pay_invoice(
        self, invoice: str, *, method: str | None, key: str, off_session: bool = True
    ) -> PaymentFact:
        """Try to collect `invoice`. See `recoup.processors.base.Collects`."""

        def work(s: Session) -> bytes:
            owed = payments.payable(s, invoice)
            chosen = payments.chosen(s, owed, method)
            done = payments.attempt(
                s, owed, chosen, off_session=off_session, key=key, authenticated=False
            )
            return msgspec.json.encode(payments.fact(s, owed, done))

        asked = {"invoice": invoice, "method": method, "off_session": off_session}
        answer = idempotency.run(
            self._world, "pay_invoice", asked, work, key=key, watch=self._watch
        )
        return msgspec.json.decode(answer, type=PaymentFact)

    def find_payment(self, invoice: str, *, key: str, since: datetime) -> PaymentFact | None:
        """
        Return what became of a `pay_invoice`. See `recoup.processors.base.Collects`.

        Raises:
            Busy: it is being executed this moment, so nobody can say yet.
        """
        with self._world.session() as s:
            fault = idempotency.take_fault(s, "find_payment")
        idempotency.raise_if_asleep(fault)
        if fault is not None:
            idempotency.raise_if_asleep(Fault("outage"))
        with self._world.session() as s:
            if idempotency.in_flight(s, key):
                raise Busy(f"the request with the key {key!r} is being executed")
            # Stripe's clock has whole seconds: what happens in this one bears its beginning.
            first = micros(since) // 1_000_000
            found = payments.made_with(s, s.get(Invoice, invoice), key, first)
            return None if found is None else payments.fact(s, s.get(Invoice, invoice), found)

    def cancel_subscription(self, subscription: str, *, reason: str, key: str) -> None:
        """End `subscription` now; `reason` becomes its cancellation comment."""

        def work(s: Session) -> bytes:
            sub = s.get(Subscription, subscription)
            if not states.has_ended(sub.status):
                billing.end(s, sub, reason="cancellation_requested", comment=reason)
            return b""

        asked = {"subscription": subscription, "reason": reason}
        idempotency.run(
            self._world, "cancel_subscription", asked, work, key=key, watch=self._watch
        )

    def ask(self, request: Request, *, key: str) -> Answer:
        """Carry out `request`. See `recoup.processors.base.Bills`."""
        return answering.ask(self._world, request, key=key, watch=self._watch)

    def find(self, request: Request, *, key: str, since: datetime) -> Answer | None:
        """Return what became of an `ask`. See `recoup.processors.base.Bills`."""
        del request  # the fake remembers keys for ever; another processor may have to search
        return answering.find(self._world, key=key, since=since)

    def quote(self, change: ChangeSubscription) -> Quote:
        """Return what `change` would bill. See `recoup.processors.base.Bills`."""
        return changing.quote(self._world, change)

    def read(self, event: Mapping[str, Any]) -> Reading:
        """Return what one event says: the fake speaks Stripe's language."""
        return reader.read(event)

    # -- what it shows ----------------------------------------------------------------------

    def event_page(self, since: datetime, *, after: str | None = None) -> Page:
        """Return events of the last 30 days. See `recoup.processors.base.Shows`."""
        return showing.event_page(self._world, since, after=after, kept=self.events_kept)

    def object_page(self, kind: Kind, *, after: str | None = None, of: str | None = None) -> Page:
        """Return objects as they are now. See `recoup.processors.base.Shows`."""
        return showing.object_page(self._world, kind, after=after, of=of)

    def look_up(self, kind: Kind, id: str) -> bytes | None:
        """Return an object as it is now. See `recoup.processors.base.Shows`."""
        return showing.look_up(self._world, kind, id)

    def bill(self, invoice: str) -> Bill | None:
        """Return what an invoice shows to its customer. See `recoup.processors.base.Shows`."""
        return showing.bill(self._world, invoice)

    # -- the clock ------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The world's instant, UTC."""
        return EPOCH + self._world.clock() * MICROSECOND

    def advance(self, to: datetime) -> datetime:
        """
        Move the clock to `to`, and let everything due by then happen in order.

        One transaction: all of it, or, when the process dies, none. The clock never goes back;
        an instant that is already past changes nothing. Returns the clock's instant.
        """
        until = micros(to)
        with self._world.session() as s:
            if until > s.micros:
                agenda = s.agenda(until // 1_000_000)
                while agenda:
                    at, _, deed, subject = heappop(agenda)
                    s.set_clock(at * 1_000_000)
                    _DEEDS[deed](s, subject)
                    s.relieve()
                s.end_agenda()
                s.set_clock(until)
            return EPOCH + s.micros * MICROSECOND

    def next_event_at(self) -> datetime | None:
        """Return when something happens next by itself, if anything does."""
        with self._world.reading() as connection:
            (at,) = connection.execute("SELECT min(at) FROM due").fetchone()
        return None if at is None else instant(at)

    # -- what can be seen -----------------------------------------------------------------

    def events(self, after: int = 0, limit: int = 1_000) -> list[tuple[int, bytes]]:
        """Return (number, body) of up to `limit` events after number `after`, as received."""
        with self._world.reading() as connection:
            return connection.execute(
                "SELECT seq, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
            ).fetchall()

    def subscription(self, subscription: str) -> Subscription:
        with self._world.session() as s:
            return s.get(Subscription, subscription)

    def invoice(self, invoice: str) -> Invoice:
        with self._world.session() as s:
            return s.get(Invoice, invoice)

    def invoices_of(self, subscription: str) -> list[Invoice]:
        """Return the subscription's invoices, oldest first."""
        with self._world.session() as s:
            return s.owned(Invoice, subscription)

    def charges_of(self, invoice: str) -> list[Charge]:
        """Return what reached a bank for the invoice, oldest first."""
        with self._world.session() as s:
            return s.owned(Charge, invoice)

    def books(self) -> books.Books:
        """Return the totals of the fake's own double entry."""
        with self._world.reading() as connection:
            return books.read(connection)
