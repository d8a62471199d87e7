"""
Changes of what is bought: another plan, another quantity, more or fewer items.

A change is computed once, shown, and billed as shown: the preview pins the instant that it is
computed for, and holds until it is too old or the subscription has changed. Without a preview one
is made on the way. What was billed is compared with what was shown; a difference is a task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from recoup.commands import offers
from recoup.commands.base import Kind, Plan, Recording, Work
from recoup.commands.kinds import Refusal
from recoup.commands.lifecycle import begun, refuse_duplicates
from recoup.commands.offers import Offers
from recoup.commands.options import verb
from recoup.commands.starting import GATE
from recoup.commands.targets import Target, is_so, target_of
from recoup.commands.targets import When as When
from recoup.core.activation import PaymentGate
from recoup.core.billing import items as lists
from recoup.core.billing import terms
from recoup.core.billing.answers import Answer
from recoup.core.billing.items import Prices, count
from recoup.core.billing.requests import ChangeSubscription, ItemChange, Proration
from recoup.core.billing.views import Preview, Subscription
from recoup.core.facts import InvoiceFact
from recoup.core.money import Money
from recoup.errors import (
    InProgress,
    InvalidValue,
    NotPaid,
    NotPossible,
    PreviewExpired,
    StaleRecord,
)
from recoup.store import upgrades, views
from recoup.store.records import commands, previews
from recoup.store.records import subscriptions as rows
from recoup.store.views.reading import Ref

#: How long what was shown may be bought.
HOLDS: Final = timedelta(hours=1)
#: What a processor calls the invoice of a change. Source: Stripe, `invoice.billing_reason`.
_OF_A_CHANGE: Final = "subscription_update"


def _changed(work: Work, answer: Answer) -> Subscription:
    """Remember what comes with the next period; compare what was billed with what was shown."""
    shown = previews.of_command(work.writer.connection, work.command_id)
    now = views.read_subscription(work.writer.connection, answer.object, plans=work.plans)
    if GATE in work.args:
        bills = _invoices(answer, now)
        offers.offered(work, now, bills[-1].processor_id if bills else None)
    if shown is None:
        return views.read_subscription(work.writer.connection, now.id, plans=work.plans)
    coming: list[dict[str, Any]] = []
    if shown.change.at_period_end:
        to_be = lists.after(now.items, shown.change.items)
        if not lists.alike(to_be, now.items):
            coming = [{"id": i.id, "price": i.price, "quantity": i.quantity} for i in to_be]
    rows.change(work.writer, now.id, {"next_items": coming}, type="subscription.change_scheduled")
    _compare(work, now, shown, answer)
    return views.read_subscription(work.writer.connection, now.id, plans=work.plans)


def _compare(work: Work, now: Subscription, shown: previews.Kept, answer: Answer) -> None:
    billed = Money(0, shown.quote.due_now.currency)
    newest = {fact.processor_id: fact for fact in _invoices(answer, now)}
    for fact in newest.values():
        if fact.due.currency == billed.currency:
            billed += fact.due
    if billed == shown.quote.due_now and all(
        fact.due.currency == billed.currency for fact in newest.values()
    ):
        return
    commands.open_task(
        work.writer,
        now.customer_id,
        key=f"preview_mismatch:{work.command_id}",
        kind="preview_mismatch",
        detail=(
            f"the change of subscription {now.id} was shown as {shown.quote.due_now} "
            f"({shown.id}) and billed as {billed}: look at it, and make it good"
        ),
    )


def _invoices(answer: Answer, now: Subscription) -> list[InvoiceFact]:
    """Return what is said of the invoices that the change made, oldest news first."""
    told = [
        fact
        for fact in answer.facts
        if isinstance(fact, InvoiceFact)
        and fact.subscription == now.processor_id
        and fact.reason == _OF_A_CHANGE
    ]
    return sorted(told, key=lambda fact: fact.seen)


def _released(work: Work, error: Refusal) -> None:
    """What was refused has used no preview, and waits for nothing."""
    previews.release(work.writer.connection, work.command_id)
    shown = work.args.get(upgrades.COUNTED)
    if shown is not None and isinstance(error, NotPaid):
        upgrades.count(work.writer, int(shown))
    offers.undone(work, error)


CHANGE: Final = Kind(
    "subscriptions.change",
    Subscription,
    _changed,
    _released,
    so_already=offers.outdated,
    settled=offers.seen_again,
)

KINDS: Final[Sequence[Kind[Any]]] = (CHANGE,)


@dataclass(frozen=True, slots=True)
class Changes(Offers):
    """What is bought, changed; nothing is billed that was not computed before."""

    @verb
    def preview_change(
        self,
        subscription: Ref,
        *,
        prices: Prices | None = None,
        items: Sequence[ItemChange] | None = None,
        when: When = "now",
        proration: Proration = "invoice_now",
    ) -> Preview:
        """
        Return what a change would bill, pinned; `change_plan(preview=…)` bills exactly that.

        Args:
            prices: What is to be bought: one price, several, each with its quantity, or price ->
                quantity. A new price takes the place, and the quantity, of one that is left out.
            items: Or what is to become of each item; what is not named stays.
            when: "period_end": it changes with the next period, and nothing is due before.
            proration: What becomes of the rest of the period: an invoice now, lines on the next
                one ("create"), or nothing ("none").

        It holds for an hour, or until the subscription changes. Nothing is billed by it.

        Raises:
            NotPossible: the subscription has ended or not begun, or it ends with the period that
                the change would wait for; or a host's transaction is open.
            Rejected: the processor would refuse the change.
        """
        return self._previewed(subscription, target_of(prices, items, when, proration)).view

    @verb
    def change_plan(
        self,
        subscription: Ref,
        *,
        preview: str | None = None,
        prices: Prices | None = None,
        items: Sequence[ItemChange] | None = None,
        when: When = "now",
        proration: Proration = "invoice_now",
        allow_duplicate: bool = False,
        gate: PaymentGate | None = None,
        key: str | None = None,
    ) -> Subscription:
        """
        Change what is bought: as `preview` showed it, or as the other options say.

        A change that is scheduled for the period's end is replaced by the next one. What cannot
        be paid now is refused as a whole, and the subscription stays as it was.

        Args:
            gate: Offer it: nothing changes before what is due for it is paid, and what comes of
                that is told by `subscription.gate`. At "period_end" it is offered an hour before,
                and begins a new period once it is paid. `withdraw_offer` takes it back.

        Raises:
            PreviewExpired: it is too old, used, or the subscription has changed since.
            DuplicatePlan: another subscription of the customer has this plan.
            NotPossible: it has ended, or not begun.
            OfferPending: a change is offered already, or is to be.
            InProgress: another change of the subscription is being carried out.
            Rejected: the processor refused; what was due now could not be paid, for example.
        """
        if preview is None:
            target = target_of(prices, items, when, proration)
            return self._change(subscription, target, allow_duplicate, key, gate)
        if prices is not None or items is not None:
            raise InvalidValue("a preview says what changes: give either it, or prices or items")
        with self.office.reading() as connection:
            shown = previews.named(connection, preview)
        now = self.get(subscription)
        if shown.subscription_id != now.id:
            raise InvalidValue(f"{preview} was made for subscription {shown.subscription_id}")
        return self._run(
            now,
            {"preview": preview, "allow_duplicate": allow_duplicate, "gate": gate},
            lambda recording: self._using(recording, preview, allow_duplicate, gate),
            f"{CHANGE.name}:{preview}" if key is None else key,
        )

    @verb
    def set_quantity(
        self,
        subscription: Ref,
        quantity: int,
        *,
        item: str | None = None,
        when: When = "now",
        proration: Proration = "invoice_now",
        key: str | None = None,
    ) -> Subscription:
        """Change how many are bought, of its only item or of the one named; as `change_plan`."""
        target = Target(when, proration, quantity=count(quantity), item=item)
        return self._change(subscription, target, False, key)

    @verb
    def set_items(
        self,
        subscription: Ref,
        items: Sequence[ItemChange],
        *,
        when: When = "now",
        proration: Proration = "invoice_now",
        allow_duplicate: bool = False,
        key: str | None = None,
    ) -> Subscription:
        """Add, change and take away items; what is not named stays; as `change_plan`."""
        target = target_of(None, items, when, proration)
        return self._change(subscription, target, allow_duplicate, key)

    def _previewed(self, subscription: Ref, target: Target) -> previews.Kept:
        """Ask for the quote, in no transaction, and keep it."""
        office = self.office
        if office.bound is not None:
            raise NotPossible(
                "a preview asks the processor, so it can not be made in the host's transaction: "
                "make it before, and present it"
            )
        with office.reading() as connection:
            now = views.read_subscription(connection, subscription, plans=office.plans)
            seen = rows.seen_event(connection, now.id)
        _changeable(now, target.when)
        change = ChangeSubscription(
            now.processor_id,
            target.changes(now) or lists.spelled_out(now.items),
            proration=target.proration,
            prorate_at=terms.whole(office.now()),
            at_period_end=target.when == "period_end",
        )
        quote = office.processor.quote(change)
        with office.database.begin() as connection:
            return previews.keep(
                connection,
                now,
                change,
                quote,
                seen_event=seen,
                now=office.now(),
                holds=HOLDS,
            )

    def _change(
        self,
        subscription: Ref,
        target: Target,
        allow_duplicate: bool,
        key: str | None,
        gate: PaymentGate | None = None,
    ) -> Subscription:
        now = self.get(subscription)
        awaits_end = gate is not None and target.when == "period_end"
        with self.office.reading() as connection:
            known = key is not None and commands.by_key(connection, key) is not None
            busy = _under_way(connection, now)
        pinned = None
        if not (known or busy or now.ended or awaits_end or is_so(now, target)):
            offers.refuse_ungated(now, gate, target.proration)
            pinned = self._previewed(now.id, target).id

        def prepare(recording: Recording) -> Plan:
            if pinned is not None:
                return self._using(recording, pinned, allow_duplicate, gate)
            fresh = views.read_subscription(recording.connection, now.id, plans=self.office.plans)
            _changeable(fresh, target.when)
            _alone(recording, fresh)
            if gate is not None and awaits_end and not is_so(fresh, target):
                return self._later(recording, fresh, target, allow_duplicate, gate)
            if not is_so(fresh, target):
                raise StaleRecord(f"subscription {now.id} has just changed: look again")
            return Plan(result=fresh)

        asked = {"target": target, "allow_duplicate": allow_duplicate, "gate": gate}
        return self._run(now, asked, prepare, key)

    def _later(
        self,
        recording: Recording,
        now: Subscription,
        target: Target,
        allow_duplicate: bool,
        gate: PaymentGate,
    ) -> Plan:
        plans = self.office.plans
        offers.refuse_ungated(now, gate, target.proration)
        changes = target.changes(now)
        if not allow_duplicate:
            to_be = [item.price for item in lists.after(now.items, changes)]
            refuse_duplicates(recording, now.customer_id, to_be, plans, besides=now)
        return offers.offer_later(recording, CHANGE, now, changes, gate, plans)

    def _run(
        self,
        now: Subscription,
        asked: dict[str, Any],
        prepare: Any,
        key: str | None,
    ) -> Subscription:
        return self.office.run(
            CHANGE,
            asked={"subscription": now.id, **asked},
            prepare=prepare,
            customer=now.customer_id,
            subject=f"subscription:{now.id}",
            key=key,
        )

    def _using(
        self,
        recording: Recording,
        preview: str,
        allow_duplicate: bool,
        gate: PaymentGate | None,
    ) -> Plan:
        connection, plans = recording.connection, self.office.plans
        shown = previews.named(connection, preview)
        now = views.read_subscription(connection, shown.subscription_id, plans=plans)
        _changeable(now, "period_end" if shown.change.at_period_end else "now")
        _alone(recording, now)
        if shown.command_id is not None:
            raise PreviewExpired(f"{preview} is used: preview again")
        if shown.expires_at <= recording.now:
            raise PreviewExpired(f"{preview} held until {shown.expires_at}: preview again")
        if rows.seen_event(connection, now.id) != shown.seen_event:
            raise PreviewExpired(f"subscription {now.id} has changed since: preview again")
        if not allow_duplicate:
            to_be = [item.price for item in lists.after(now.items, shown.change.items)]
            refuse_duplicates(recording, now.customer_id, to_be, plans, besides=now)
        offers.refuse_ungated(now, gate, shown.change.proration)
        previews.use(connection, preview, recording.command_id)
        counted = {upgrades.COUNTED: now.id}
        if gate is None:
            return Plan(shown.change, args=counted)
        if shown.change.at_period_end:
            raise InvalidValue(
                f"{preview} is of a change at the period's end: offer it without one"
            )
        args = {GATE: offers.offer(recording, now, gate), **counted}
        return Plan(replace(shown.change, gated=True), args=args)


def _changeable(now: Subscription, when: When) -> None:
    begun(now)
    offers.refuse_offered(now)
    ends = now.cancel_at
    if when == "period_end" and ends and now.period_end and ends <= now.period_end:
        raise NotPossible(f"subscription {now.id} ends with the period: resume it first")


def _under_way(connection: Any, now: Subscription) -> bool:
    subject = f"subscription:{now.id}"
    return bool(commands.under_way(connection, subject=subject, kinds=[CHANGE.name]))


def _alone(recording: Recording, now: Subscription) -> None:
    if _under_way(recording.connection, now):
        raise InProgress(f"another change of subscription {now.id} is being carried out")
