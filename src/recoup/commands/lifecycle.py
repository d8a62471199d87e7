"""What becomes of subscriptions: what is recorded, and what is concluded from the answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Collection as Some
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from recoup.commands import coupons
from recoup.commands.base import Kind, Office, Plan, Recording, Work
from recoup.commands.kinds import Refusal
from recoup.commands.options import verb
from recoup.core import states
from recoup.core.billing.answers import Answer
from recoup.core.billing.catalogue import Catalogue
from recoup.core.billing.requests import (
    CancelSubscription,
    RemoveDiscount,
    Request,
)
from recoup.core.billing.views import Subscription
from recoup.core.states import GateStatus, SubscriptionStatus
from recoup.errors import (
    CouponRefused,
    DuplicatePlan,
    NotFound,
    NotPossible,
    Rejected,
)
from recoup.jobs.base import Scalar
from recoup.store import views
from recoup.store.records import commands
from recoup.store.records import subscriptions as rows
from recoup.store.views.reading import Ref

#: Why the loop ends a subscription; nobody resumes what is ended for that.
BY_DUNNING: Final = "dunning_exhausted"
#: Kinds of commands that buy something.
_BUYING: Final = ("subscriptions.start", "subscriptions.change")

#: What is to be asked of a subscription as it is now; None: it is as it should be already.
Decide = Callable[[Recording, Subscription], Plan | Request | None]


@dataclass(frozen=True, slots=True)
class Looking:
    """Subscriptions as they are, and the way to change one under its customer's lock."""

    office: Office

    @verb
    def get(self, subscription: Ref) -> Subscription:
        """
        Return the subscription, ended or not.

        Raises:
            NotFound: there is none.
        """
        with self.office.reading() as connection:
            return views.read_subscription(connection, subscription, plans=self.office.plans)

    @verb
    def list(
        self, customer: Ref | None = None, *, after: int = 0, limit: int = 50
    ) -> tuple[Subscription, ...]:
        """Return up to `limit` subscriptions behind the id `after`: the customer's, or all."""
        with self.office.reading() as connection:
            whose = None if customer is None else views.read_customer(connection, customer).id
            return views.list_subscriptions(
                connection,
                plans=self.office.plans,
                customer_id=whose,
                after=after,
                limit=limit,
            )

    def _about(
        self,
        kind: Kind[Subscription],
        subscription: Ref,
        asked: Mapping[str, Any],
        decide: Decide,
        key: str | None,
    ) -> Subscription:
        now = self.get(subscription)

        def prepare(recording: Recording) -> Plan:
            fresh = views.read_subscription(recording.connection, now.id, plans=self.office.plans)
            wish = decide(recording, fresh)
            if wish is None:
                return Plan(result=fresh)
            return wish if isinstance(wish, Plan) else Plan(wish)

        return self.office.run(
            kind,
            asked={"subscription": now.id, **asked},
            prepare=prepare,
            customer=now.customer_id,
            subject=f"subscription:{now.id}",
            key=key,
        )


def as_it_is(work: Work, answer: Answer) -> Subscription:
    return views.read_subscription(work.writer.connection, answer.object, plans=work.plans)


def _cancelled(work: Work, answer: Answer) -> Subscription:
    """What ends with its period, or before, has no next one to change for."""
    now = as_it_is(work, answer)
    ends, period_end = now.cancel_at, now.period_end
    if not now.next_items or ends is None or period_end is None or ends > period_end:
        return now
    rows.change(work.writer, now.id, {"next_items": []}, type="subscription.change_dropped")
    return as_it_is(work, answer)


def _ended(work: Work, request: CancelSubscription) -> Subscription | None:
    """It is over there too; what ended with its gate is still to be ended at the processor."""
    connection = work.writer.connection
    now = views.read_subscription(connection, request.subscription, plans=work.plans)
    return now if now.ended and states.has_ended(rows.called(connection, now.id)) else None


def _no_discount(work: Work, request: RemoveDiscount) -> Subscription | None:
    now = views.read_subscription(work.writer.connection, request.subscription, plans=work.plans)
    return now if now.coupon is None and now.promotion_code is None else None


def _not_ending(work: Work, error: Refusal) -> None:
    """The processor refused to end it: nothing was asked for, unless somebody asked again."""
    del error
    if "asked_at" not in work.args:
        return
    id = int(work.args["subscription_id"])
    now = views.read_subscription(work.writer.connection, id, plans=work.plans)
    if now.ended or now.end_requested_at != datetime.fromisoformat(work.args["asked_at"]):
        return
    before = work.args["before_at"]
    values = {
        "end_requested_at": None if before is None else datetime.fromisoformat(before),
        "end_reason": work.args["before_reason"],
    }
    rows.change(work.writer, id, values, type="subscription.end_refused")


def _resumed(work: Work, answer: Answer) -> Subscription:
    """It goes on as it is: no end is asked for, and no change is to come."""
    now = as_it_is(work, answer)
    if now.ended:
        return now
    values: dict[str, Any] = {"end_requested_at": None, "end_reason": None, "next_items": []}
    rows.change(work.writer, now.id, values, type="subscription.resumed")
    return as_it_is(work, answer)


CANCEL: Final = Kind(
    "subscriptions.cancel", Subscription, _cancelled, _not_ending, so_already=_ended
)
RESUME: Final = Kind("subscriptions.resume", Subscription, _resumed)
PAUSE: Final = Kind("subscriptions.pause", Subscription, as_it_is)
UNPAUSE: Final = Kind("subscriptions.unpause", Subscription, as_it_is)
EXTEND: Final = Kind("subscriptions.extend_trial", Subscription, as_it_is)
UPDATE: Final = Kind("subscriptions.update", Subscription, as_it_is)
APPLY: Final = Kind("subscriptions.apply_discount", Subscription, as_it_is, coupons.given_back)
REMOVE: Final = Kind(
    "subscriptions.remove_discount", Subscription, as_it_is, so_already=_no_discount
)

KINDS: Final[Sequence[Kind[Any]]] = (
    CANCEL,
    RESUME,
    PAUSE,
    UNPAUSE,
    EXTEND,
    UPDATE,
    APPLY,
    REMOVE,
)


def ending(recording: Recording, now: Subscription, request: CancelSubscription) -> Plan:
    """
    Record that an end is asked for; the end itself is the processor's news.

    What is being ended for its debt keeps that reason: who leaves then still owes.
    """
    before = now.end_requested_at
    if before is not None and now.end_reason == BY_DUNNING:
        return Plan(request)
    values = {"end_requested_at": recording.now, "end_reason": request.reason}
    rows.change(recording.writer, now.id, values, type="subscription.end_requested")
    args: dict[str, Scalar] = {
        "subscription_id": now.id,
        "asked_at": recording.now.isoformat(),
        "before_at": None if before is None else before.isoformat(),
        "before_reason": now.end_reason,
    }
    return Plan(request, args=args)


@contextmanager
def coupon_refusals() -> Iterator[None]:
    """Tell a processor's no to a discount as what it is: only it knows what an order is worth."""
    try:
        yield
    except Rejected as error:
        if re.search(r"coupon|promotion code", str(error), re.IGNORECASE):
            raise CouponRefused(str(error)) from error
        raise


def method_of(recording: Recording, owner_id: int, ref: Ref | None) -> str | None:
    """
    Return the processor's id of a method. One we have not heard of is the processor's to judge.

    Raises:
        NotPossible: it is another customer's, or detached.
    """
    if ref is None:
        return None
    try:
        method = views.read_method(recording.connection, ref)
    except NotFound:
        if isinstance(ref, str) and not ref.isdigit():
            return ref
        raise
    if method.customer_id != owner_id:
        raise NotPossible(f"the payment method {ref!r} is not customer {owner_id}'s")
    if method.detached:
        raise NotPossible(f"the payment method {ref!r} is detached")
    return method.processor_id


def stays(recording: Recording, now: Subscription) -> bool:
    """Whether it stays as our rows say: no command that may change it is under way."""
    subject = f"subscription:{now.id}"
    return not commands.under_way(recording.connection, subject=subject)


def not_over(now: Subscription) -> None:
    """
    Raises:
        NotPossible: the subscription has ended.
    """
    if now.ended:
        raise NotPossible(f"subscription {now.id} has ended")


def begun(now: Subscription) -> None:
    """
    Raises:
        NotPossible: it has ended, or its first payment is still awaited.
    """
    not_over(now)
    if states.is_incomplete(SubscriptionStatus(now.status)):
        until = None if now.gate is None else now.gate.expires_at
        tail = "" if until is None else f" until {until:%Y-%m-%d %H:%M} UTC"
        raise NotPossible(
            f"subscription {now.id} is not begun: its first payment is awaited{tail}"
        )


def refuse_awaited(now: Subscription) -> None:
    """
    Raises:
        NotPossible: it waits at a gate for its first payment.
    """
    if awaited(now):
        begun(now)


def awaited(now: Subscription) -> bool:
    """Whether it waits at a gate for its first payment."""
    gate = now.gate
    return (
        gate is not None and gate.purpose == "start" and states.is_pending(GateStatus(gate.status))
    )


def refuse_duplicates(
    recording: Recording,
    customer_id: int,
    prices: Some[str],
    plans: Catalogue,
    *,
    besides: Subscription | None = None,
) -> None:
    """
    Raises:
        DuplicatePlan: one of `prices` sells what another subscription of the customer has or
            will have, or what is being started. Plans are compared; prices of none by themselves.
    """
    sold = {_plan(price, plans) for price in prices}
    if besides is not None:
        sold -= {_plan(item.price, plans) for item in besides.items}
    for one in rows.living(recording.connection, customer_id):
        twice = sold & {_plan(price, plans) for price in one.prices}
        if twice and (besides is None or one.id != besides.id):
            raise DuplicatePlan(
                f"customer {customer_id} has {min(twice)} already: subscription {one.id} "
                f"({one.processor_id}); allow_duplicate=True begins another"
            )
    buying = commands.under_way(
        recording.connection, customer_id=customer_id, kinds=_BUYING, to_come=True
    )
    for command in buying:
        twice = sold & {_plan(price, plans) for price in _bought(command)}
        if twice and (besides is None or command.subject != f"subscription:{besides.id}"):
            raise DuplicatePlan(
                f"customer {customer_id} is getting {min(twice)} already: {command.kind} with "
                f"the key {command.key!r} is being carried out"
            )


def _plan(price: str, plans: Catalogue) -> str:
    plan = plans.plan_of(price)
    return f"the price {price}" if plan is None else f"the plan {plan}"


def _bought(command: commands.Kept) -> Iterator[str]:
    for request in (command.request or {}).values():
        yield from (item["price"] for item in request.get("items", ()) if item.get("price"))
