"""
The commands by which a consequence comes about at the processor, and by which it is undone.

The restriction's row is the wish; its id is in the command's key, so each is asked for once. What
somebody else has done to the subscription meanwhile is left as it is: only what was asked for
here is undone here, and nothing is asked of what has ended or is about to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.account import Restriction
from recoup.core.account.scopes import subscription_id
from recoup.core.billing.requests import (
    ChangeSubscription,
    ItemChange,
    MarkUncollectible,
    PauseSubscription,
    Request,
    UnpauseSubscription,
)
from recoup.core.states import SubscriptionStatus
from recoup.store import batch
from recoup.store.records import commands
from recoup.store.writer import Writer

PAUSE: Final = "pause_collection"
DOWNGRADE: Final = "downgrade"
WRITE_OFF: Final = "write_off"
WHY: Final = "the end of dunning"

_BOUGHT: Final = """
    SELECT id, processor_id, coalesce(processor_status, status), items, pause_behavior,
           ended_at IS NOT NULL OR end_requested_at IS NOT NULL AND end_reason = %s
    FROM subscriptions WHERE id = %s AND customer_id = %s"""
_OWED: Final = """
    SELECT i.id, i.processor_id FROM invoices i JOIN cases c ON c.id = i.case_id
    WHERE c.customer_id = %s AND c.scope = %s AND c.settled_at IS NULL AND i.status = ANY(%s)
    ORDER BY i.id"""
_OWED_STATUSES: Final = sorted(status for status in states.InvoiceStatus if states.is_owed(status))
_BY_DUNNING: Final = "dunning_exhausted"


@dataclass(frozen=True, slots=True)
class _Bought:
    """A subscription, as far as consequences change it."""

    id: int
    processor_id: str
    items: tuple[Mapping[str, Any], ...]
    paused: bool

    @property
    def subject(self) -> str:
        return f"subscription:{self.id}"


def imposed(writer: Writer, customer_id: int, restriction: Restriction) -> Iterator[int]:
    """Record what `restriction`, which holds from now on, asks for; yield the commands' ids."""
    name, _, to = restriction.consequence.partition(":")
    asks = _Asks(writer, customer_id, f"restriction:{restriction.id}:impose")
    if name == WRITE_OFF:
        yield from _write_off(asks, restriction)
    if name not in {PAUSE, DOWNGRADE}:
        return
    bought = _bought(writer.connection, customer_id, restriction)
    if bought is None:
        return
    if name == PAUSE and not bought.paused:
        request = PauseSubscription(bought.processor_id)
        yield from asks.for_("subscriptions.pause", bought.subject, request)
    elif name == DOWNGRADE and not any(item["price"] == to for item in bought.items):
        item = bought.items[0]
        args = {"item": str(item["id"]), "was": str(item["price"])}
        request_ = _priced(bought, str(item["id"]), to)
        yield from asks.for_("subscriptions.change", bought.subject, request_, args)


def lifted(writer: Writer, customer_id: int, restriction: Restriction) -> Iterator[int]:
    """Record what undoes `restriction`, where something was asked for it; yield the ids."""
    name, _, to = restriction.consequence.partition(":")
    if name not in {PAUSE, DOWNGRADE}:
        return
    before = commands.by_key(writer.connection, f"restriction:{restriction.id}:impose")
    bought = _bought(writer.connection, customer_id, restriction)
    if before is None or states.was_refused(before.state) or bought is None:
        return
    asks = _Asks(writer, customer_id, f"restriction:{restriction.id}:lift")
    if name == PAUSE:
        request = UnpauseSubscription(bought.processor_id)
        yield from asks.for_("subscriptions.unpause", bought.subject, request)
        return
    item, was = str(before.args["item"]), str(before.args["was"])
    now = next((one["price"] for one in bought.items if one["id"] == item), None)
    if now == to or (now == was and not states.is_over(before.state)):
        back = _priced(bought, item, was)
        yield from asks.for_("subscriptions.change", bought.subject, back)


@dataclass(frozen=True, slots=True)
class _Asks:
    """Records commands for one restriction, once."""

    writer: Writer
    customer_id: int
    key: str

    def for_(
        self,
        kind: str,
        subject: str,
        request: Request,
        args: Mapping[str, str | int | bool | None] | None = None,
        *,
        name: str = "",
    ) -> Iterator[int]:
        id = commands.record(
            self.writer,
            kind=kind,
            key=self.key + name,
            customer_id=self.customer_id,
            subject=subject,
            request=request,
            args=args or {},
        )
        if id is not None:
            yield id


def _write_off(asks: _Asks, restriction: Restriction) -> Iterator[int]:
    given = asks.customer_id, restriction.scope, _OWED_STATUSES
    for id, name in batch.fetch(asks.writer.connection, _OWED, given):
        args = {"invoice_id": id, "reason": WHY, "resolved_as": "written_off"}
        request = MarkUncollectible(name)
        yield from asks.for_(
            "invoices.mark_uncollectible", f"invoice:{id}", request, args, name=f":{id}"
        )


def _bought(connection: Connection, customer_id: int, of: Restriction) -> _Bought | None:
    """Return the subscription that a restriction is on, unless it is over or about to be."""
    number = subscription_id(of.scope)
    for id, name, status, items, pause, ending in batch.fetch(
        connection, _BOUGHT, (_BY_DUNNING, number, customer_id)
    ):
        if not ending and not states.has_ended(SubscriptionStatus(status)):
            return _Bought(id, name, tuple(items), pause is not None)
    return None


def _priced(bought: _Bought, item: str, price: str) -> ChangeSubscription:
    """Return the change of one item's price; what is billed already stays billed."""
    change = ItemChange(item, price)
    return ChangeSubscription(bought.processor_id, (change,), proration="none")
