"""
From facts to rows, set by set.

Each table is read once for the whole batch and each row written once. Of several facts about one
thing the newest holds, whole; what is kept as an earliest or a latest instant is kept whatever is
newest. That is why no order and no repetition of the same events makes a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from recoup.core import states
from recoup.core.facts import Fact
from recoup.core.states import AttemptState, InvoiceStatus, Trigger
from recoup.store.absorb import (
    billing,
    cases,
    coupons,
    payments,
    people,
    redemptions,
    reversals,
)
from recoup.store.absorb.known import Known, Told
from recoup.store.absorb.mirror import Mirror, Row
from recoup.store.absorb.waiting import Waiting, contradictions
from recoup.store.writer import Writer

_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Absorbed:
    """
    What a batch did.

    `waiting` says of each event (by its place) that could not be applied whole what it waits
    for, "customer:cus_1"; `refused` of each that contradicts what is known why; `arrived` names
    what others may have been waiting for. `news` are the ids of the events and looks that rows
    hold by now and that told something; `newcomers` customers of whom nobody had heard.
    """

    customers: frozenset[int]
    waiting: Mapping[int, str]
    arrived: frozenset[str]
    refused: Mapping[int, str] = field(default_factory=dict)
    news: frozenset[str] = frozenset()
    newcomers: frozenset[int] = frozenset()
    hints: Mapping[int, Trigger] = field(default_factory=dict)  #: what the news were, by customer


def by_trigger(
    customers: Iterable[int], hints: Mapping[int, Trigger], otherwise: Trigger
) -> Iterator[tuple[Trigger, frozenset[int]]]:
    """Yield customers by what brings them up; `otherwise` where the news were of no note."""
    groups: dict[Trigger, set[int]] = {}
    for customer in customers:
        groups.setdefault(hints.get(customer, otherwise), set()).add(customer)
    yield from ((trigger, frozenset(ids)) for trigger, ids in sorted(groups.items()))


def absorb(writer: Writer, processor: str, events: Sequence[Sequence[Fact]]) -> Absorbed:
    """
    Bring the mirrored rows up to what `events`, the facts of each, tell.

    Locks the customers concerned, in id order; the caller owns the transaction. Everything is
    collected in `writer` and flushed, so that the next call sees it.

    Raises:
        IllegalTransition: an event claims a move that its state table does not list.
    """
    told = Told.of(events)
    known = Known.read(writer.connection, processor, told)
    refused = contradictions(told, known)
    if refused:
        told = told.without(refused)
    waiting = Waiting()
    people.customers(writer, processor, told, known, waiting)
    people.methods(writer, processor, told, known, waiting)
    coupons.coupons(writer, processor, told, known, waiting)
    coupons.codes(writer, processor, told, known, waiting)
    billing.subscriptions(writer, processor, told, known, waiting)
    billing.invoices(writer, processor, told, known, waiting)
    billing.failures(told, known, waiting)
    billing.links(writer, processor, told, known, waiting)
    payments.payments(writer, processor, told, known, waiting)
    reversals.refunds(writer, processor, told, known, waiting)
    reversals.disputes(writer, processor, told, known, waiting)
    hints = _hints(known)
    touched, news = _write(writer, known)
    newcomers = {row["id"] for row in known.customers.by_id.values() if row.before is None}
    writer.flush()
    payments.doubt(writer, known)
    redemptions.given_back(writer, known)
    reversals.came_back(writer, known)
    return Absorbed(
        touched,
        waiting.parents,
        frozenset(waiting.told),
        refused,
        news,
        frozenset(newcomers),
        hints,
    )


def _write(writer: Writer, known: Known) -> tuple[frozenset[int], frozenset[str]]:
    """
    Hand every changed row to the writer, in the order in which things happened.

    Returns the customers concerned and the news that told something. A look that shows what was
    known concerns nobody.
    """
    for row in known.invoices.changed():
        if row.type is None and row.was("first_failed_at") is None and row["first_failed_at"]:
            row.type = "invoice.failed"
    mirrors = (
        known.customers,
        known.methods,
        known.subscriptions,
        known.invoices,
        known.attempts,
        known.refunds,
        known.disputes,
    )
    changed = [(row, mirror) for mirror in mirrors for row in mirror.changed()]
    changed.sort(key=lambda each: each[0].at or _BEFORE_ALL)
    nobodys = [
        (row, mirror) for mirror in (known.coupons, known.codes) for row in mirror.changed()
    ]
    told = [row for row, _ in (*changed, *nobodys) if row.tells()]
    news = {row.seen.event for row in told if row.seen is not None}
    silent = {id(row) for row, _ in changed if row.seen and row.seen.looked and not row.tells()}
    touched = {
        _customer(row)
        for row, mirror in changed
        if _put(writer, row, mirror) and id(row) not in silent
    }
    for row, mirror in nobodys:  # nobody's state follows from them
        _put(writer, row, mirror)
    people.standings(writer, known)
    cases.beginnings(writer, known)
    cases.endings(writer, known)
    return frozenset(touched), frozenset(news)


def _hints(known: Known) -> dict[int, Trigger]:
    """Return of whom the news are that a run names; of several the weightiest."""
    found: dict[int, Trigger] = {}
    attempts = [row for row in known.attempts.changed() if row.moved("state")]
    invoices = [*known.invoices.changed()]
    for row in invoices:
        if row.was("first_failed_at") is None and row["first_failed_at"]:
            found[_customer(row)] = Trigger.PAYMENT_FAILED
    for row in attempts:
        if states.was_declined(AttemptState(row["state"])) and row["off_session"]:
            found[_customer(row)] = Trigger.PAYMENT_FAILED
    for row in invoices:
        if row.moved("status") and states.is_written_off(InvoiceStatus(row["status"])):
            found[_customer(row)] = Trigger.MARKED_UNCOLLECTIBLE
    for row in attempts:
        if row["origin"] == "bad_debt" and states.succeeded(AttemptState(row["state"])):
            found[_customer(row)] = Trigger.BAD_DEBT_PAID
    return found


def _put(writer: Writer, row: Row, mirror: Mirror) -> bool:
    if row.before is None:
        writer.insert(mirror.table, row.values, occurred_at=row.at, type=row.type)
        return True
    return writer.update(mirror.table, row.before, row.values, occurred_at=row.at, type=row.type)


def _customer(row: Row) -> int:
    found = row["customer_id"] if "customer_id" in (row.before or row.values) else row["id"]
    return int(found)
