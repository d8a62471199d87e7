"""
The story of a customer: what happened, from the ledger, and why, from the decision records.

One line a sentence, in the order of the instants at which things happened in the world.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from recoup.core import states
from recoup.core.explain.orders import RELEASE, Order, sentence
from recoup.core.explain.views import Line, Record
from recoup.core.explain.words import named
from recoup.core.ledger import Changes, Entry, upcast
from recoup.core.money import Money
from recoup.core.states import AttemptState, NoticeState

Labels = Mapping[str, str]

_RUN: Final = "run:"


def story(
    entries: Iterable[Entry],
    records: Iterable[Record],
    orders: Iterable[Order] = (),
    *,
    labels: Labels,
) -> tuple[Line, ...]:
    """
    Return the merged timeline, oldest first.

    Args:
        entries: Of one customer, in order; any end of them will do.
        records: The decisions of the same time.
        orders: What people ordered in the same time.
        labels: What people call a subject of the ledger: "invoice:7" -> "in_1".
    """
    told: list[tuple[tuple[Any, ...], Line]] = []
    first: dict[str, int] = {}
    orders = tuple(orders)
    # A release is written in one transaction with its order: at one instant, by one person.
    released = {(one.at, one.actor): one.who for one in orders if one.verb == RELEASE}
    for entry in entries:
        first.setdefault(entry.cause, entry.seq)
        changes = upcast(entry.subject, entry.version, json.loads(entry.body))
        told.extend(
            ((entry.occurred_at, entry.seq, 1), Line(entry.occurred_at, "fact", words))
            for words in _sentences(entry, changes, labels, released)
        )
    told.extend(
        ((order.at, 0, 0), Line(order.at, "fact", words))
        for order in orders
        if (words := sentence(order, labels)) is not None
    )
    last = max(first.values(), default=0) + 1
    known: tuple[str, ...] = ()
    for record in records:
        seq = first.get(f"{_RUN}{record.run_id}", last)
        words = named(_decision(record, known), labels)
        told.append(((record.at, seq, 0), Line(record.at, "decision", words)))
        known = record.reasons
    return tuple(line for _, line in sorted(told, key=lambda pair: pair[0]))


def _decision(record: Record, known: Collection[str]) -> str:
    """Return why something was decided, without what was said the last time already."""
    new = [reason for reason in record.reasons if reason not in known]
    words = new or record.changes
    return f"Decided ({record.trigger}): " + " ".join(f"{one.removesuffix('.')}." for one in words)


def _sentences(
    entry: Entry, changes: Changes, labels: Labels, released: Mapping[tuple[datetime, str], str]
) -> Iterator[str]:
    kind, _, number = entry.subject.partition(":")
    tell = _TELLERS.get(kind)
    if tell is not None:
        after = {name: pair[1] for name, pair in changes.items()}
        before = {name: pair[0] for name, pair in changes.items()}
        fresh = all(value is None for value in before.values())
        label = labels.get(entry.subject, number)
        who = released.get((entry.recorded_at, entry.actor), f"by {entry.actor}")
        yield from tell(label, _Change(entry.type, before, after, fresh, who))


class _Change:
    """
    What one entry changed: field -> value, before and after; `fresh` when it began to be.

    `who` says by whom and, where that is known, why: "by ann: done".
    """

    __slots__ = ("after", "before", "fresh", "type", "who")

    def __init__(
        self,
        type: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        fresh: bool,
        who: str = "",
    ) -> None:
        self.type = type
        self.before = before
        self.after = after
        self.fresh = fresh
        self.who = who

    def __contains__(self, name: str) -> bool:
        """Whether the field has a value now that it did not have before."""
        return self.after.get(name) is not None

    def __getitem__(self, name: str) -> Any:
        return self.after.get(name)

    def money(self, name: str) -> str:
        """Return an amount with its currency, or alone where the entry does not say it."""
        minor, currency = self.after.get(name), self.after.get("currency")
        if minor is None:
            return "an amount"
        return str(Money(minor, currency)) if currency else f"{minor} minor units"


def _customer(label: str, it: _Change) -> Iterator[str]:
    if it.fresh and "processor_id" in it:
        yield f"Became known as {label}."
    if it["deleted"]:
        yield "Was deleted at the processor."
    if "default_method" in it and not it.fresh:
        yield "Chose another default way to pay."


def _standing(_: str, it: _Change) -> Iterator[str]:
    if it.before.get("standing") is not None:
        yield f"Standing: {it.before['standing']} → {it['standing']}."


def _method(label: str, it: _Change) -> Iterator[str]:
    if it.fresh:
        yield f"A way to pay is on file: {label}."
    elif it["detached"]:
        yield f"A way to pay was removed: {label}."
    elif {"instrument", "exp_year", "exp_month"} & it.after.keys():
        yield f"A way to pay was updated: {label}."


def _subscription(label: str, it: _Change) -> Iterator[str]:
    if it.fresh and "status" in it:
        yield f"Subscription {label} began as {it['status']}."
    elif "status" in it:
        yield f"Subscription {label}: {it.before['status']} → {it['status']}."
    if "end_requested_at" in it and "status" not in it:
        why = f": {it['end_reason']}" if "end_reason" in it else ""
        yield f"The end of subscription {label} was asked for{why}."


def _invoice(label: str, it: _Change) -> Iterator[str]:
    # What was closed without money is told by how, and never as paid.
    word = _plain(it["resolved_as"] or it["status"])
    if it.fresh and "status" in it:
        yield f"Invoice {label}: {it.money('amount_due')} billed, {word}."
    elif "status" in it:
        yield f"Invoice {label}: {it.before['status']} → {word}."
    elif "resolved_as" in it:
        yield f"Invoice {label} was closed: {word}."
    if "first_failed_at" in it:
        yield f"An automatic payment of invoice {label} failed."
    if "disputed" in it and (it["disputed"] or not it.fresh):
        yield f"Invoice {label} is {'disputed' if it['disputed'] else 'disputed no longer'}."


def _attempt(label: str, it: _Change) -> Iterator[str]:
    if "state" not in it:
        return
    state = AttemptState(it["state"])
    if states.is_intended(state):
        yield f"A try of {label} was decided ({it['origin']})."
    elif not states.is_requested(state):
        code = f", {it['decline_code']}" if "decline_code" in it else ""
        origin = f" ({it['origin']})" if it.fresh else ""
        yield f"A try of {label}{origin}: {str(state).replace('_', ' ')}{code}."


def _gate(label: str, it: _Change) -> Iterator[str]:
    if it.fresh:
        yield f"A {it['purpose']} was made to wait for its payment."
    elif "expires_at" in it:
        yield f"The payment of {label} is awaited until {it['expires_at']}."
    if "status" in it and not it.fresh:
        why = f" ({it['reason']})" if "reason" in it else ""
        yield f"The wait for the payment of {label} is over: {_plain(it['status'])}{why}."
    elif "withdrawal" in it:
        yield f"The payment of {label} is withdrawn: {_plain(it['withdrawal'])}."


def _late(label: str, it: _Change) -> Iterator[str]:
    if it.fresh:
        yield f"{it.money('amount')} came too late, {label}: {it['decision']}."
    elif "state" in it:
        yield f"The late payment of {label}: {_plain(it['state'])}."


def _plain(word: object) -> str:
    return str(word).replace("_", " ")


def _refund(label: str, it: _Change) -> Iterator[str]:
    if it.fresh:
        yield f"{it.money('amount')} was given back, {label}."


def _dispute(label: str, it: _Change) -> Iterator[str]:
    if it.fresh:
        yield f"{it.money('amount')} was disputed, {label}."
    elif "lost" in it or "open" in it:
        yield f"The dispute of {label} was {'lost' if it['lost'] else 'settled'}."


def _case(label: str, it: _Change) -> Iterator[str]:
    if it.type == "case.opened":
        yield f"A case was opened for {label}."
    if "ending" in it:
        yield f"The case for {label} ended: {it['ending']}."
    elif "rung" in it and not it.fresh:
        yield f"The case for {label} stands on rung {it['rung']}."
    elif "rung" in it.after and not it.fresh:
        yield f"The case for {label} stands on no rung any more."
    if it.type == "case.policy_changed":
        yield f"The case for {label} follows policy {it['policy']} now."
    if "settled_at" in it:
        yield f"The bad debt of {label} is accounted for."


def _notice(label: str, it: _Change) -> Iterator[str]:
    if "bounced_at" in it:
        yield f"Notice {label} bounced."
    elif "reason" in it:
        yield f"Notice {label} was not sent: {it['reason']}."
    elif "state" in it and states.was_sent(NoticeState(it["state"])):
        yield f"Notice {label} was sent."


def _restriction(label: str, it: _Change) -> Iterator[str]:
    if "lifted_at" in it:
        yield f"Lifted: {label}."
    elif "undone_at" in it:
        yield f"Systems of the host's own have undone it: {label}."
    elif it.fresh:
        yield f"Restricted: {label} (rung {it['rung']})."


def _hold(label: str, it: _Change) -> Iterator[str]:
    if it.fresh:
        until = f" until {it['until']}" if "until" in it else ""
        what = _HOLDS.get(str(it["kind"]), "Dunning was put on hold")
        who = f" by {it['actor']}" if "actor" in it else ""
        yield f"{what}{until}{who}: {label}."
    elif it.type == "hold.released":
        yield f"A hold ({label}) was ended {it.who}."
    elif "until" in it.after:
        yield f"The hold ends {it['until'] or 'when a person says so'}."


_HOLDS: Final = {
    "promise": "A payment was promised",
    "grace": "Grace was given",
    "exempt": "The customer was exempted",
}

#: Kind of subject -> what its entries say. A kind that is missing is left to `ledger`.
_TELLERS: Final[Mapping[str, Callable[[str, _Change], Iterator[str]]]] = {
    "customer": _customer,
    "standing": _standing,
    "method": _method,
    "subscription": _subscription,
    "invoice": _invoice,
    "attempt": _attempt,
    "gate": _gate,
    "late_payment": _late,
    "refund": _refund,
    "dispute": _dispute,
    "case": _case,
    "notice": _notice,
    "restriction": _restriction,
    "hold": _hold,
}
