"""
How subscriptions begin: what is recorded, and what is concluded from the answer.

With a gate nothing is open before the first payment has come: the gate's row is written with the
command, its id goes along as a mark, and whoever tells first of the subscription finds it closed.
Source: docs/activation.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.commands import coupons
from recoup.commands.base import Kind, Plan, Recording, Work
from recoup.commands.kinds import Refusal
from recoup.commands.lifecycle import (
    Looking,
    as_it_is,
    coupon_refusals,
    method_of,
    refuse_duplicates,
)
from recoup.commands.options import verb
from recoup.core import states
from recoup.core.activation import GATE_MARK, PaymentGate
from recoup.core.billing import metadata as texts
from recoup.core.billing import terms
from recoup.core.billing.answers import Answer, NextAction
from recoup.core.billing.catalogue import Catalogue
from recoup.core.billing.items import Prices, count, wanted
from recoup.core.billing.requests import Collection, ItemWanted, StartSubscription
from recoup.core.billing.views import Pay, Start, Started, Subscription
from recoup.core.states import SubscriptionStatus
from recoup.errors import InvalidMetadata, InvalidValue
from recoup.jobs.base import Scalar
from recoup.store import views
from recoup.store.absorb.redemptions import NEVER_BEGAN
from recoup.store.records import activation as gates
from recoup.store.records import commands
from recoup.store.records import coupons as uses
from recoup.store.records import subscriptions as rows
from recoup.store.records.commands import CALLED_OFF, DUE
from recoup.store.records.customers import at_processor
from recoup.store.views.reading import Ref

#: Among a command's kept values: the gate that it made.
GATE: Final = "gate_id"
#: Why a gate failed whose start or change the processor refused, or a person took back.
REFUSED: Final = "refused"
REQUESTED: Final = "requested"


@dataclass(frozen=True, slots=True)
class Wish:
    """Everything that a start is asked for."""

    items: tuple[ItemWanted, ...]
    trial_days: int | None
    trial_end: datetime | None
    anchor: datetime | None
    coupon: Ref | None
    promotion_code: Ref | None
    default_method: Ref | None
    metadata: Mapping[str, str]
    collection: Collection
    days_until_due: int | None
    allow_duplicate: bool
    gate: PaymentGate | None
    backdate: datetime | None = None

    @property
    def prices(self) -> list[str]:
        return [item.price for item in self.items]


def wished(
    prices: Prices,
    *,
    quantity: int,
    trial_days: int | None,
    trial_end: datetime | None,
    anchor: datetime | None,
    coupon: Ref | None,
    promotion_code: Ref | None,
    default_method: Ref | None,
    metadata: Mapping[str, str] | None,
    collection: Collection,
    days_until_due: int | None,
    allow_duplicate: bool,
    gate: PaymentGate | None,
    backdate: datetime | None = None,
) -> Wish:
    """
    Return what a start is asked for, as far as it can be judged without looking at anything.

    Raises:
        InvalidValue: it can not be, or not together.
    """
    terms.at_most_one(trial_days=trial_days, trial_end=trial_end, anchor=anchor)
    terms.at_most_one(trial_days=trial_days, trial_end=trial_end, backdate=backdate)
    terms.at_most_one(coupon=coupon, promotion_code=promotion_code)
    _due_in(collection, days_until_due)
    return Wish(
        tuple(ItemWanted(one.price, one.quantity or count(quantity)) for one in wanted(prices)),
        None if trial_days is None else count(trial_days, "trial_days"),
        terms.whole(trial_end),
        terms.whole(anchor),
        coupon,
        promotion_code,
        default_method,
        texts.merged({}, not_ours(metadata or {})),
        collection,
        days_until_due,
        allow_duplicate,
        gate,
        terms.whole(backdate),
    )


def not_ours(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """
    Return `metadata`, which a host may keep.

    Raises:
        InvalidMetadata: it holds the mark by which a gate knows its subscription.
    """
    if GATE_MARK in metadata:
        raise InvalidMetadata(f"metadata[{GATE_MARK!r}]: this key is Recoup's own")
    return metadata


def starting(
    recording: Recording,
    owner_id: int,
    wish: Wish,
    plans: Catalogue,
    *,
    begins: datetime | None = None,
) -> Plan:
    """
    Return the plan of a start: nobody else has begun the same, and what it uses is used.

    Args:
        begins: The day on which it is to begin; None: now.

    Raises:
        DuplicatePlan, CouponRefused, NotPossible, InvalidValue
    """
    owner = views.read_customer(recording.connection, owner_id)
    known_as = at_processor(recording.connection, owner_id)
    since = begins or recording.now
    terms.future("anchor", wish.anchor, since)
    terms.past("backdate", wish.backdate, recording.now)
    trial_end = terms.trial_end(wish.trial_days, wish.trial_end, since)
    if not wish.allow_duplicate:
        refuse_duplicates(recording, owner_id, wish.prices, plans)
    method = method_of(recording, owner_id, wish.default_method)
    used = coupons.redeem(
        recording,
        owner,
        coupon=wish.coupon,
        promotion_code=wish.promotion_code,
        prices=wish.prices,
    )
    args, metadata = _gated(recording, owner_id, wish)
    return Plan(
        StartSubscription(
            known_as,
            wish.items,
            trial_end=trial_end,
            anchor=wish.anchor,
            coupon=used.coupon,
            promotion_code=used.promotion_code,
            default_method=method,
            collection=wish.collection,
            days_until_due=wish.days_until_due,
            metadata=metadata,
            backdate=wish.backdate,
        ),
        args=args,
    )


def _gated(
    recording: Recording, owner_id: int, wish: Wish
) -> tuple[Mapping[str, Scalar], Mapping[str, str]]:
    """
    Write the gate of a start; return what is kept of it, and the metadata with its mark.

    What runs already since a day gone by waits for nothing. Its gate is kept, to explain itself.
    """
    if wish.gate is None:
        return {}, wish.metadata
    applies = wish.backdate is None
    id = gates.make(
        recording.writer,
        customer_id=owner_id,
        purpose="start",
        command_id=recording.command_id,
        gate=wish.gate,
        applies=applies,
    )
    mark = {GATE_MARK: str(id)} if applies else {}
    return {GATE: id}, texts.merged(wish.metadata, mark)


def started(work: Work, answer: Answer) -> Started:
    """What was redeemed belongs to the subscription now; one that is over already used nothing."""
    new = as_it_is(work, answer)
    uses.link(work.writer, work.command_id, new.id)
    if GATE in work.args:
        gates.link(work.writer, work.args[GATE], new.id)
    if new.ended:
        uses.give_back_unlived(work.writer, [new.id], reason=NEVER_BEGAN)
    return _seen(work, new.id, answer.action)


def _let_through(work: Work, result: Started, decide: Callable[[], object]) -> Started:
    """Look again at what came of a gated start: only the loop lets it through."""
    if GATE not in work.args:
        return result
    decide()
    return _seen(work, result.subscription.id, result.action)


def _seen(work: Work, id: int, action: NextAction | None) -> Started:
    connection = work.writer.connection
    new = views.read_subscription(connection, id, plans=work.plans)
    invoice = rows.newest_invoice(connection, id)
    return Started(_outcome(connection, new, invoice, action), new, invoice, action)


def _outcome(
    connection: Connection, new: Subscription, invoice: int | None, action: NextAction | None
) -> Start:
    status = SubscriptionStatus(new.status)
    if states.is_trialing(status):
        return Start.TRIALING
    if not states.is_incomplete(status):
        return Start.INCOMPLETE if new.ended else Start.ACTIVE
    if action is not None:
        return Start.REQUIRES_ACTION
    tries = [] if invoice is None else views.list_payments(connection, invoice_id=invoice)
    moving = bool(tries) and tries[-1].outcome is Pay.PROCESSING
    if moving or states.is_live(rows.called(connection, new.id)):
        return Start.PROCESSING
    return Start.INCOMPLETE


def undone(work: Work, error: Refusal) -> None:
    """
    Give back what a start that will not be had used, and end its gate.

    Nobody waits for what was scheduled, so its refusal is a task for a person.
    """
    coupons.given_back(work, error)
    if GATE in work.args:
        gates.fail(work.writer, work.args[GATE], why(error))
    tell_of_refusal(work, "start", error)


def why(error: Refusal) -> str:
    """Return why a gate fails whose command is refused, or called off."""
    return REQUESTED if str(error).startswith(CALLED_OFF) else REFUSED


def tell_of_refusal(work: Work, what: str, error: Refusal) -> None:
    """Open a task about a scheduled start or change that was refused on its day."""
    if DUE not in work.args or str(error).startswith(CALLED_OFF):
        return
    commands.open_task(
        work.writer,
        work.customer_id,
        key=f"{what}_refused:{work.command_id}",
        kind=f"{what}_refused",
        detail=(
            f"the {what} that was scheduled for {work.args[DUE]} ({work.args['prices']}) "
            f"was refused: {error}"
        ),
    )


START: Final = Kind("subscriptions.start", Started, started, undone, settled=_let_through)

KINDS: Final[Sequence[Kind[Any]]] = (START,)


class Starting(Looking):
    """Subscriptions that begin now."""

    __slots__ = ()

    @verb
    def start(
        self,
        customer: Ref,
        prices: Prices,
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
        backdate: datetime | None = None,
        key: str | None = None,
    ) -> Started:
        """
        Start a subscription; the customer is there, so a first payment that fails makes no debt.

        Args:
            prices: One; several; each with its quantity, else `quantity`; or price -> quantity.
            trial_days, trial_end: Up to 730 days from now; one of them, and no anchor.
            anchor: When the second period begins; within the first one's length.
            allow_duplicate: Start it even if the customer has this plan already.
            gate: Nothing is open, and nothing is owed, before the first payment has come.
            backdate: It runs since this instant, and what has run is billed at once. No gate
                holds what runs already.

        Raises:
            DuplicatePlan: the customer has this plan, or a start of it is under way or to come.
            CouponRefused: the coupon or code can not be used here and now.
        """
        wish = wished(
            prices, quantity=quantity, trial_days=trial_days, trial_end=trial_end, anchor=anchor,
            coupon=coupon, promotion_code=promotion_code, default_method=default_method,
            metadata=metadata, collection=collection, days_until_due=days_until_due,
            allow_duplicate=allow_duplicate, gate=gate, backdate=backdate,
        )  # fmt: skip
        with self.office.reading() as connection:
            owner = views.read_customer(connection, customer).id
        with coupon_refusals():
            return self.office.run(
                START,
                asked={"customer": owner, "start": wish},
                prepare=lambda recording: starting(recording, owner, wish, self.office.plans),
                customer=owner,
                key=key,
            )


def _due_in(collection: Collection, days_until_due: int | None) -> None:
    sent = collection == "send_invoice"
    if sent != (days_until_due is not None):
        raise InvalidValue("days_until_due belongs to send_invoice, which needs it")
    if days_until_due is not None:
        count(days_until_due, "days_until_due")
