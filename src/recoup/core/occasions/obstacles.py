"""
Why a mail that is due is not sent: it is not true any more, or another one tells of it.

Each type's rule reads what was read again, and nothing else. Which type a cause has is decided
when it is told; here it is decided that a mail is one too many, whatever came first. The words are
for whoever looks for the mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from recoup.core import states
from recoup.core.account import DebtExit
from recoup.core.occasions.base import STALE, stamp
from recoup.core.occasions.story import Bill, Story

#: What the keys of mails begin with that a caller asks for: no other mail tells of it for them.
ASKED: Final = "asked:"
NO_ADDRESS: Final = "the customer has no address"
GONE: Final = "what it is about is gone"
LONG_AGO: Final = "it happened more than 72 hours before it was heard of"
#: How long a mail is put aside that waits for a first payment.
LATER: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a mail is not sent, or not `until` an instant (UTC)."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What is known around a mail: the instant, and whether a campaign tells of its case."""

    now: datetime
    noticed: bool = False  #: the policy of its case has notices sent
    asked: bool = False  #: a caller asks for it: whether another mail tells of it is their matter


_TELLS: Final = " tells of it"
_CAMPAIGN_TELLS: Final = f"its campaign{_TELLS}"


def told_by(mail: str) -> str:
    return f"{mail}{_TELLS}"


def obstacle(story: Story, around: Around) -> Obstacle | None:
    """Return what speaks against sending a mail that is no notice; None: nothing does."""
    if not story.found:
        return Obstacle(GONE)
    found = _RULES[story.mail](story, around)
    if not isinstance(found, str):
        return found
    return None if around.asked and found.endswith(_TELLS) else Obstacle(found)


def _old(at: datetime | None, story: Story) -> bool:
    return at is not None and at < story.queued_at - STALE


def _receipt(story: Story, around: Around) -> str | None:
    if story.gate is not None and "gate_id" in story.args:
        return None if states.is_satisfied(story.gate.status) else "the payment has not come"
    return _paid(story, around)


def _paid(story: Story, _: Around) -> str | None:
    """An invoice was paid: tells of it unless a gate, a case or bad debt does."""
    bill, gate, case = story.bill, story.gate, story.case
    if bill is None or not bill.came_in:
        return "the payment has not come"
    if gate is not None and gate.invoice_id == bill.id:
        return told_by("receipt") if states.is_satisfied(gate.status) else GONE
    if bill.hidden:
        return "its customer does not get to see the invoice"
    if story.debt is not None:
        return told_by("bad_debt_paid")
    last = story.last_paid
    if case is not None and last is not None and last.closed_at == bill.closed_at:
        return told_by("payment_recovered")
    return None


def _recovered(story: Story, _: Around) -> str | None:
    case = story.case
    if case is None or case.end is None or not states.was_recovered(case.end):
        return "its money has not come"
    if not case.told:
        return "its customer was never told of a debt"
    return None if story.last_paid is not None else "no payment ended it"


def _debt_paid(story: Story, _: Around) -> str | None:
    debt = story.debt
    came = debt is not None and debt.exit in {DebtExit.PAID, DebtExit.PAID_OUT_OF_BAND}
    return None if came else "its money has not come"


def _still_owed(bill: Bill | None) -> str | None:
    if bill is not None and bill.tried_once:
        return told_by("the page on which it was tried")
    if bill is None or not bill.owed:
        return "nothing is owed any more"
    return told_by("upgrade_withdrawn") if bill.withdrawn else None


def _failed(story: Story, _: Around) -> str | None:
    """A payment was refused that its customer made, or that a start waits for."""
    payment, gate, bill = story.payment, story.gate, story.bill
    if payment is None or not states.was_declined(payment.state):
        return "it was not refused"
    if gate is not None and bill is not None and gate.invoice_id == bill.id:
        if states.is_dead(gate.status):
            return told_by("activation_expired")
        first = min((p.id for p in story.payments if states.was_declined(p.state)), default=0)
        if payment.id != first:
            return "the first refusal was told of"
    return _still_owed(bill)


def _failed_alone(story: Story, around: Around) -> str | None:
    payment = story.payment
    if payment is None or not states.was_declined(payment.state):
        return "it was not refused"
    if story.case is not None and around.noticed:
        return _CAMPAIGN_TELLS
    return _still_owed(story.bill)


def _unconfirmed(story: Story, around: Around) -> str | None:
    payment = story.payment
    if payment is None or not states.awaits_customer(payment.state):
        return "it does not wait for its customer any more"
    if story.case is not None and around.noticed:
        return _CAMPAIGN_TELLS
    return _still_owed(story.bill)


def _expired(story: Story, _: Around) -> str | None:
    gate = story.gate
    if gate is None or not states.is_dead(gate.status):
        return GONE
    after_all = gate.late_state is not None and states.bought_after_all(gate.late_state)
    return "it was started after all" if after_all else None


def _withdrawn(story: Story, _: Around) -> str | None:
    bought = story.bought
    return told_by("subscription_canceled") if bought is None or bought.over else None


def _issued(story: Story, _: Around) -> str | None:
    bill = story.bill
    if bill is None or _old(bill.issued_at, story):
        return GONE if bill is None else LONG_AGO
    if bill.hidden:
        return "its customer does not get to see the invoice"
    return None if bill.owed else "nothing of it is owed any more"


def _refunded(story: Story, _: Around) -> str | None:
    refund = story.refund
    back = refund is not None and refund.status not in states.NOTHING_GIVEN_BACK
    return None if back else "the money has not gone back"


def _trial_over(story: Story, around: Around) -> str | None:
    bought = story.bought
    if bought is None or bought.over:
        return told_by("subscription_canceled")
    if _old(bought.trial_ends_at, story):
        return LONG_AGO
    if bought.paused:
        return told_by("subscription_paused")
    if states.is_trialing(bought.status):
        return "it was given more time"
    return _CAMPAIGN_TELLS if _owes(story) and around.noticed else None


def _owes(story: Story) -> bool:
    return story.case is not None and story.case.end is None


def _trial_ending(story: Story, around: Around) -> str | None:
    bought = story.bought
    ends = None if bought is None else bought.trial_ends_at
    if bought is None or ends is None or bought.over or not states.is_trialing(bought.status):
        return "the trial is over"
    same = story.args.get("day") in {None, stamp(ends)[:10]}
    return None if same and ends > around.now else "it ends on another day"


def _canceled(story: Story, _: Around) -> str | None:
    """It is over, or will be on a day: told once, when the day is set or else at the end."""
    bought, day = story.bought, story.args.get("ends_at")
    if bought is None or bought.began_at is None:
        return "it never began"
    if day is not None:
        if bought.over:
            return "it is over by now, and that is told"
        same = bought.ends_at is not None and stamp(bought.ends_at) == day
        return None if same else "it does not end on that day any more"
    if not bought.over:
        return "it is not over"
    if _old(bought.ended_at, story):
        return LONG_AGO
    ended = "" if bought.ended_at is None else stamp(bought.ended_at)[:10]
    as_told = any(told[:10] == ended for told in bought.told_ends)
    return "its customer was told when its day was set" if as_told else None


def _ladder_pauses(story: Story, *, lifted: bool) -> bool:
    """Whether collecting rests, or has rested until now, because of a debt."""
    return any(
        one.consequence == "pause_collection"
        and (one.lifted_at is None or (lifted and not _old(one.lifted_at, story)))
        for one in story.closed
    )


def _paused(story: Story, _: Around) -> str | None:
    if story.bought is None or not story.bought.paused:
        return "it rests no more"
    return told_by("access_restricted") if _ladder_pauses(story, lifted=False) else None


def _resumed(story: Story, _: Around) -> str | None:
    bought = story.bought
    if bought is None or bought.over or bought.paused:
        return "it does not go on"
    if _ladder_pauses(story, lifted=True):
        return "what lifts its restriction tells of it"
    return None


def _discounted(story: Story, around: Around) -> str | Obstacle | None:
    bought = story.bought
    if bought is None or bought.over:
        return "it is over"
    if bought.coupon is None or story.args.get("coupon") not in {None, bought.coupon}:
        return "it is not taken off any more"
    if states.is_incomplete(bought.status):
        return Obstacle("its first payment is awaited", around.now + LATER)
    return None


def _restricted(story: Story, _: Around) -> str | None:
    if story.bought is not None and story.bought.over:
        return told_by("subscription_canceled")
    mine = [one for one in story.closed if one.case_id == story.args.get("case_id")]
    if not any(one.felt and one.lifted_at is None for one in mine):
        return "it was given back since"
    since = story.args.get("since")
    fresh = [one for one in mine if one.felt and stamp(one.since) == since]
    eased = [one for one in fresh if any(one.eases(other) for other in story.closed)]
    return "it takes away less than before" if fresh and eased == fresh else None


def _restored(story: Story, _: Around) -> str | None:
    case, since = story.case, story.args.get("lifted_at")
    mine = [one for one in story.closed if case is not None and one.scope == case.scope]
    if case is None or not any(_lifted(one.lifted_at, since) and one.felt for one in mine):
        return "nothing came back that was missed"
    if any(one.lifted_at is None and one.felt for one in mine):
        return "another restriction holds"
    over = story.bought is not None and story.bought.over
    if over or (case.end is not None and states.was_lost(case.end)):
        return told_by("subscription_canceled")
    if story.last_paid is not None:
        return told_by("payment_recovered")
    if story.debt is not None and story.debt.exit in {DebtExit.PAID, DebtExit.PAID_OUT_OF_BAND}:
        return told_by("bad_debt_paid")
    return None


def _lifted(at: datetime | None, since: object) -> bool:
    return at is not None and since in {None, stamp(at)}


def _expiring(story: Story, _: Around) -> str | None:
    way = story.way
    if way is None or way.expires is None:
        return GONE
    if story.args.get("month") not in {None, "{}-{:02}".format(*way.expires)}:
        return "it was renewed"
    return None if way.used else "nothing is paid with it"


Rule = Callable[[Story, Around], str | Obstacle | None]

#: By type; a campaign's notices have rules of their own, in `recoup.core.dunning.campaign`.
_RULES: Final[Mapping[str, Rule]] = {
    "receipt": _receipt,
    "invoice_paid": _paid,
    "payment_recovered": _recovered,
    "bad_debt_paid": _debt_paid,
    "payment_failed": _failed,
    "invoice_payment_failed": _failed_alone,
    "payment_action_required": _unconfirmed,
    "activation_expired": _expired,
    "upgrade_withdrawn": _withdrawn,
    "invoice_finalized": _issued,
    "refund_issued": _refunded,
    "trial_ended": _trial_over,
    "trial_ending": _trial_ending,
    "subscription_canceled": _canceled,
    "subscription_paused": _paused,
    "subscription_resumed": _resumed,
    "coupon_applied": _discounted,
    "access_restricted": _restricted,
    "access_restored": _restored,
    "card_expiring_soon": _expiring,
}
