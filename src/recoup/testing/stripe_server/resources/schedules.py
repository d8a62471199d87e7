"""
Subscription schedules, as far as one is made from a subscription: what it is until its period is
over, and what it becomes then.

The second phase is the fake's `next_items`. When the last phase is over the subscription goes on
without its schedule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NotRequired

import stripe
from stripe.params import SubscriptionScheduleUpdateParams, SubscriptionScheduleUpdateParamsPhase

from recoup.processors.fake import events
from recoup.processors.fake.billing import subscriptions
from recoup.processors.fake.desk import metadata
from recoup.processors.fake.model import Price, Subscription
from recoup.processors.fake.terms import Phase, Schedule, Wanted
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.definitions import widened
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

#: From here on a phase lasts a `duration`; before it lasted so many `iterations`.
_CLOVER: Final = "2025-09-30"
_UPDATED: Final = "customer.subscription.updated"


def shown(s: Session, id_: str, version: str) -> Json:
    """
    Return the schedule called `id_`; all versions show it alike.

    Raises:
        Refusal: there is none.
    """
    del version
    return _shape(s, *_found(s, id_))


def _found(s: Session, id_: str) -> tuple[Subscription, Schedule]:
    for sub in lists.all_of(s, Subscription):
        for one in sub.schedules:
            if one.id == id_:
                return sub, one
    raise Refusal(
        f"No such subscription schedule: '{id_}'",
        status=404,
        code="resource_missing",
        param="schedule",
    )


def _shape(s: Session, sub: Subscription, one: Schedule) -> Json:
    active = sub.schedule == one.id
    now = next((phase for phase in one.phases if phase.start <= s.now < phase.end), None)
    over = "completed" if one.completed_at else "released" if one.released_at else "canceled"
    return {
        "id": one.id,
        "object": "subscription_schedule",
        "canceled_at": None if active or over != "canceled" else sub.ended_at,
        "completed_at": one.completed_at,
        "created": one.created,
        "current_phase": {"start_date": now.start, "end_date": now.end}
        if active and now
        else None,
        "customer": sub.customer,
        "end_behavior": "release",
        "livemode": False,
        "metadata": one.metadata,
        "phases": [_phase(sub, phase) for phase in one.phases],
        "released_at": one.released_at,
        "released_subscription": sub.id if one.released_at else None,
        "status": "active" if active else over,
        "subscription": None if one.released_at else sub.id,
    }


def _phase(sub: Subscription, phase: Phase) -> Json:
    given = sub.discount
    return {
        "currency": sub.currency.lower(),
        "discounts": []
        if given is None
        else [{"coupon": None, "discount": given.id, "promotion_code": None}],
        "end_date": phase.end,
        "items": [
            {"discounts": [], "metadata": {}, "price": one.price, "quantity": one.quantity}
            for one in phase.items
        ],
        "metadata": {},
        "proration_behavior": "create_prorations",
        "start_date": phase.start,
        "trial_end": sub.trial_end if phase.end == sub.trial_end else None,
    }


# -- looked at ------------------------------------------------------------------------------


def retrieve(call: Call) -> Json:
    """Answer `GET /v1/subscription_schedules/:id`."""
    return shown(call.session, call.ids[0], call.version)


def listed(call: Call) -> Json:
    """Answer `GET /v1/subscription_schedules`."""
    s = call.session
    found = [
        (sub, one)
        for sub in lists.all_of(s, Subscription)
        if call.params.get("customer") in {None, sub.customer}
        for one in sub.schedules
        if lists.created(call.params, one.created)
    ]
    found.sort(key=lambda pair: (pair[1].created, pair[1].id))
    return lists.page(
        call,
        found,
        lambda pair: _shape(s, *pair),
        url="/v1/subscription_schedules",
        id_of=lambda pair: pair[1].id,
    )


# -- made -----------------------------------------------------------------------------------


def create(call: Call) -> Json:
    """Answer `POST /v1/subscription_schedules` with `from_subscription` and nothing else."""
    s = call.session
    name = call.params.get("from_subscription")
    if name is None:
        raise Refusal(
            "The server for tests makes schedules only of subscriptions: pass from_subscription",
            code="not_played",
            param="from_subscription",
        )
    sub = s.get(Subscription, name)
    subscriptions.refuse_ended(sub)
    subscriptions.refuse_incomplete(sub)
    if sub.schedule is not None:
        raise Refusal(
            "You cannot migrate a subscription that is already attached to a schedule:"
            f" {sub.schedule}.",
            param="from_subscription",
        )
    if sub.ends_at is not None:
        raise Refusal(
            "The server for tests makes no schedule of a subscription that is to end",
            code="not_played",
            param="from_subscription",
        )
    made = Schedule(f"sub_sched_fake_{s.count('sub_sched'):06d}", s.now, (_current(sub),))
    sub.schedule = made.id
    sub.schedules.append(made)
    s.save(sub)
    events.schedule(s, "subscription_schedule.created", _shape(s, sub, made))
    events.subscription(s, _UPDATED, sub, {"schedule": None})
    return _shape(s, sub, made)


def _current(sub: Subscription) -> Phase:
    items = tuple(Wanted(item.price, item.quantity, item.id) for item in sub.items)
    return Phase(sub.period_start, sub.period_end, items)


# -- changed --------------------------------------------------------------------------------


def update(call: Call) -> Json:
    """
    Answer `POST /v1/subscription_schedules/:id`.

    Its phases are replaced, all of them: the one that runs must be among them as it is.
    """
    s, asked = call.session, call.params
    sub, one = _active(s, call.ids[0])
    if "phases" in asked:
        one.phases = _phases(s, sub, asked["phases"], call.version)
        coming = one.phases[1:]
        sub.next_items = coming[0].items if coming else None
    if "metadata" in asked:
        texts = asked["metadata"] or dict.fromkeys(one.metadata, "")
        one.metadata = metadata.merged(one.metadata, texts)
    s.save(sub)
    events.schedule(s, "subscription_schedule.updated", _shape(s, sub, one))
    return _shape(s, sub, one)


def _active(s: Session, id_: str) -> tuple[Subscription, Schedule]:
    sub, one = _found(s, id_)
    if sub.schedule != one.id:
        status = _shape(s, sub, one)["status"]
        raise Refusal(
            "You cannot update a subscription schedule that is currently in the"
            f" `{status}` status."
        )
    return sub, one


def _phases(
    s: Session,
    sub: Subscription,
    asked: Sequence[Mapping[str, Any]],
    version: str,
) -> tuple[Phase, ...]:
    for n, phase in enumerate(asked):
        _check_phase(sub, phase, f"phases[{n}]", version)
    now = _current(sub)
    first = asked[0] if asked else {}
    if first.get("start_date") != now.start:
        raise Refusal(
            "The start date of the current phase cannot be changed.",
            param="phases[0][start_date]",
        )
    told = [(item.get("price"), item.get("quantity", 1)) for item in first["items"]]
    if (
        len(asked) > 2
        or first.get("end_date") != now.end
        or told != [(item.price, item.quantity) for item in now.items]
    ):
        raise Refusal(
            "The server for tests plays what a subscription is until its period ends, and one"
            " more phase",
            code="not_played",
            param="phases",
        )
    return (now, *(_next(s, sub, phase) for phase in asked[1:]))


def _next(s: Session, sub: Subscription, phase: Mapping[str, Any]) -> Phase:
    if phase.get("start_date", sub.period_end) != sub.period_end:
        raise Refusal("Phases must follow one another.", param="phases[1][start_date]")
    wanted = tuple(_wanted(sub, item) for item in phase["items"])
    prices = subscriptions.checked(s, wanted)
    if prices[0].currency != sub.currency:
        raise Refusal("The currency of a schedule cannot be changed.", param="phases[1][items]")
    price: Price = prices[0]
    return Phase(sub.period_end, price.end_after(sub.period_end, sub.period_end), wanted)


def _wanted(sub: Subscription, item: Mapping[str, Any]) -> Wanted:
    """An item that keeps its price keeps its name; all others are new ones."""
    kept = next((one.id for one in sub.items if one.price == item["price"]), None)
    return Wanted(item["price"], item.get("quantity", 1), kept)


def _check_phase(sub: Subscription, phase: Mapping[str, Any], param: str, version: str) -> None:
    old, new = "iterations" in phase, "duration" in phase
    if old and version[:10] >= _CLOVER:
        raise Refusal(
            f"Received unknown parameter: {param}[iterations]",
            code="parameter_unknown",
            param=f"{param}[iterations]",
        )
    if "end_date" in phase and (old or new):
        raise Refusal(f"You may only specify one of {param}[end_date] and its length.")
    kept = [] if sub.discount is None else [{"discount": sub.discount.id}]
    if [dict(one) for one in phase.get("discounts") or []] != kept:
        raise Refusal(
            "The server for tests does not play a schedule that changes the discounts",
            code="not_played",
            param=f"{param}[discounts]",
        )


def release(call: Call) -> Json:
    """Answer `POST /v1/subscription_schedules/:id/release`: it stays as it is, and goes on."""
    s = call.session
    sub, one = _active(s, call.ids[0])
    one.released_at, sub.schedule, sub.next_items = s.now, None, None
    s.save(sub)
    events.schedule(s, "subscription_schedule.released", _shape(s, sub, one))
    events.subscription(s, _UPDATED, sub, {"schedule": one.id})
    return _shape(s, sub, one)


#: As the SDK has them, with the length of phases as it was before `_CLOVER` too.
Params: Final = widened(
    SubscriptionScheduleUpdateParams,
    phases=NotRequired[
        list[widened(SubscriptionScheduleUpdateParamsPhase, iterations=NotRequired[int])]  # type: ignore[misc]
    ],
)
_PHASE: Final = (
    *("items.price", "items.quantity", "start_date", "end_date", "proration_behavior"),
    *("duration.interval", "duration.interval_count", "iterations", "discounts.discount"),
    *("trial_end",),
)
_UPDATE: Final = frozenset({"metadata", *(f"phases.{name}" for name in _PHASE)})

ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/subscription_schedules": Route(
        create, stripe.params.SubscriptionScheduleCreateParams, frozenset({"from_subscription"})
    ),
    "GET /v1/subscription_schedules": Route(
        listed,
        stripe.params.SubscriptionScheduleListParams,
        lists.LISTED | {"customer", "created"},
    ),
    "GET /v1/subscription_schedules/:id": Route(
        retrieve, stripe.params.SubscriptionScheduleRetrieveParams
    ),
    "POST /v1/subscription_schedules/:id": Route(update, Params, _UPDATE),
    "POST /v1/subscription_schedules/:id/release": Route(
        release, stripe.params.SubscriptionScheduleReleaseParams
    ),
}
