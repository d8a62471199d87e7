"""From what was read again to what a mail may say; notices are `_letters`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from recoup.core import activation, states
from recoup.core.account import scopes
from recoup.core.money import totals
from recoup.core.occasions.story import Bill, Payment, Story, Way
from recoup.effects._letters import worded
from recoup.effects.base import World
from recoup.mail.base import Card, MailFacts
from recoup.store.records.customers import Contact


def facts(world: World, story: Story, contact: Contact) -> MailFacts:
    """Return what a mail that is no notice may be made from. A hidden invoice has no number."""
    bought = story.bought
    price = bought.price if bought is not None else _sold(story.bill)
    return replace(
        MailFacts(
            to=contact.email or "",
            name=contact.name,
            brand=world.brand,
            locale=contact.locale,
            time_zone=contact.time_zone,
            asked_locale=_word(story, "locale"),
            asked_time_zone=_word(story, "time_zone"),
            plan=world.plans.plan_of(price) if price else None,
            recurring=bought is not None,
            part=story.case is not None and bool(scopes.prices_of(story.case.scope)),
            invoices=_numbers(story),
            owed=totals(bill.left for bill in story.bills if bill.owed),
            consequences=_in_force(story),
            ended=bought is not None and bought.over,
        ),
        **_ABOUT[story.mail](world, story),
    )


def _sold(bill: Bill | None) -> str | None:
    return None if bill is None or len(bill.prices) != 1 else bill.prices[0]


def _numbers(story: Story) -> tuple[str, ...]:
    bills = story.bills if story.mail == "payment_recovered" else (story.bill,)
    return tuple(b.number for b in bills if b is not None and b.number and not b.hidden)


def _in_force(story: Story) -> tuple[str, ...]:
    held = (one.consequence for one in story.closed if one.lifted_at is None and one.felt)
    return tuple(dict.fromkeys(held))


def _card(way: Way | None) -> Card | None:
    """Return a way to pay as mails name it: a card by its brand, others by their kind."""
    if way is None:
        return None
    return Card(way.brand or (None if way.kind == "card" else way.kind), way.last4, way.expires)


def _money(payment: Payment | None) -> dict[str, Any]:
    """Return what is told of money that came."""
    if payment is None:
        return {}
    return {"amount": payment.amount, "at": payment.at, "card": _card(payment.way)}


def _paid(_: World, story: Story) -> dict[str, Any]:
    starts = story.gate is not None and "gate_id" in story.args
    return _came(story, story.bill) | {"starts": starts}


def _came(story: Story, bill: Bill | None) -> dict[str, Any]:
    """Return what is told of an invoice that was paid, here or elsewhere."""
    if bill is None:
        return {}
    mine = [p for p in story.payments if p.invoice_id == bill.id and states.succeeded(p.state)]
    newest = max(mine, key=lambda p: (p.at, p.id), default=None)
    here = _money(newest) or {"amount": bill.due, "at": bill.closed_at}
    return here | ({} if bill.paid.minor <= 0 else {"amount": bill.paid})


def _recovered(_: World, story: Story) -> dict[str, Any]:
    had = (one.consequence for one in story.closed if one.felt and one.lifted_at is not None)
    mine = () if story.case is None else tuple(dict.fromkeys(had))
    return _came(story, story.last_paid or story.bill) | {"consequences": mine, "owed": ()}


def _refusal(world: World, payment: Payment | None) -> dict[str, Any]:
    if payment is None:
        return {}
    way = payment.way
    return worded(world, payment.signal, way.brand, way.kind)


def _failed(world: World, story: Story) -> dict[str, Any]:
    """A payment that was refused, or that waits for its customer."""
    payment, bill, gate = story.payment, story.bill, story.gate
    found = _money(payment) | _refusal(world, payment)
    waits = gate is not None and states.is_pending(gate.status)
    if bill is not None:
        found |= {"next_try_at": bill.next_try_at, "due_at": bill.due_at}
        found |= {"owed": totals([bill.left]), "unowed": bill.tried_once}
    if waits and gate is not None:
        found |= {"due_at": gate.expires_at, "next_try_at": None}
    bought = story.bought
    return found | {"starts": bought is not None and states.is_incomplete(bought.status)}


def _expired(world: World, story: Story) -> dict[str, Any]:
    """A start, or a change of plan, that was not paid."""
    bill, gate = story.bill, story.gate
    found = _refusal(world, story.refused)
    if bill is not None:
        found["amount"] = bill.due
    if gate is not None:
        found["timed_out"] = gate.reason == activation.TIMEOUT
        found["late_buys"] = gate.late == "reactivate"
    return found


def _issued(_: World, story: Story) -> dict[str, Any]:
    bill, bought = story.bill, story.bought
    if bill is None:
        return {}
    way = bought.way if bought is not None and bill.by_itself else None
    found = {"amount": bill.left, "at": bill.issued_at, "due_at": bill.due_at}
    return found | {"card": _card(way), "owed": totals([bill.left])}


def _refunded(_: World, story: Story) -> dict[str, Any]:
    refund, payment = story.refund, story.payment
    if refund is None:
        return {}
    found: dict[str, Any] = _money(payment) | {"amount": refund.amount, "at": refund.at}
    if payment is None:
        return found
    if payment.unowed_at is not None:
        return found | {"at": payment.at, "unowed": True}
    return found | {"whole": payment.amount}


def _subscribed(_: World, story: Story) -> dict[str, Any]:
    """A subscription, at whatever turn."""
    bought = story.bought
    if bought is None:
        return {}
    ends = bought.ended_at if bought.over else bought.ends_at
    return {
        "card": _card(bought.way),
        "ends_at": ends,
        "why": bought.end_reason or (None if bought.over else "requested"),
        "trial_ends_at": bought.trial_ends_at,
        "resumes_at": bought.resumes_at if bought.paused else None,
        "days": _number(story, "days"),
    }


def _discounted(_: World, story: Story) -> dict[str, Any]:
    coupon = story.coupon
    if coupon is None:
        return {}
    return {
        "coupon": coupon.name,
        "percent_off": coupon.percent_off,
        "amount_off": coupon.amount_off,
        "months": coupon.months,
        "forever": coupon.forever,
    }


def _access(world: World, story: Story) -> dict[str, Any]:
    return _refusal(world, story.refused)


def _expiring(_: World, story: Story) -> dict[str, Any]:
    bought = story.bought
    next_at: datetime | None = None if bought is None else bought.renews_at
    return {"card": _card(story.way), "days": _number(story, "days"), "due_at": next_at}


def _word(story: Story, name: str) -> str | None:
    value = story.args.get(name)
    return value if isinstance(value, str) else None


def _number(story: Story, name: str) -> int | None:
    value = story.args.get(name)
    return value if type(value) is int else None


_ABOUT: Final[Mapping[str, Callable[[World, Story], dict[str, Any]]]] = {
    "receipt": _paid,
    "invoice_paid": _paid,
    "payment_recovered": _recovered,
    "bad_debt_paid": lambda _, story: _came(story, story.bill),
    "payment_failed": _failed,
    "invoice_payment_failed": _failed,
    "payment_action_required": _failed,
    "activation_expired": _expired,
    "upgrade_withdrawn": _expired,
    "invoice_finalized": _issued,
    "refund_issued": _refunded,
    "trial_ending": _subscribed,
    "trial_ended": _subscribed,
    "subscription_canceled": _subscribed,
    "subscription_paused": _subscribed,
    "subscription_resumed": _subscribed,
    "coupon_applied": _discounted,
    "access_restricted": _access,
    "access_restored": _access,
    "card_expiring_soon": _expiring,
}
