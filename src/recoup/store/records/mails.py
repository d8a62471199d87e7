"""
The mails to be sent: a row per mail, unique by what caused it, written with its cause.

Callers say a type and scalar ids; what is in the mail is read afresh when it is rendered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from recoup.core import states
from recoup.core.account import Signal
from recoup.core.money import Money
from recoup.core.states import GateStatus, LateState, MailState
from recoup.store import tables
from recoup.store.writer import Writer

QUEUE: Final = "mail"

#: What a mail about a gate tells: of its end, its invoice, and the newest money for that.
_GATES: Final = text("""
    SELECT g.id, g.status, g.reason, g.late, s.plan, true AS recurring, i.number,
           coalesce(a.amount, i.amount_due) AS amount, i.currency,
           coalesce(a.ended_at, a.happened_at) AS at, m.brand, m.last4, l.state AS late_state,
           r.decline_code, r.advice_code, r.network_decline_code, r.network_advice_code,
           r.brand AS refused_brand, coalesce(w.kind, 'card') AS refused_kind, r.id AS refused_id
    FROM gates g
    LEFT JOIN subscriptions s ON s.id = g.subscription_id
    LEFT JOIN invoices i ON i.id = g.invoice_id
    LEFT JOIN LATERAL (
        SELECT * FROM attempts WHERE invoice_id = i.id AND state = ANY(:received)
        ORDER BY happened_at DESC, id DESC LIMIT 1) a ON true
    LEFT JOIN payment_methods m ON m.customer_id = g.customer_id AND m.processor_id = a.method
    LEFT JOIN LATERAL (
        SELECT * FROM attempts WHERE invoice_id = i.id AND state = ANY(:refused)
        ORDER BY happened_at DESC, id DESC LIMIT 1) r ON true
    LEFT JOIN payment_methods w ON w.customer_id = g.customer_id AND w.processor_id = r.method
    LEFT JOIN LATERAL (
        SELECT state FROM late_payments WHERE gate_id = g.id
        ORDER BY found_at DESC, id DESC LIMIT 1) l ON true
    WHERE g.id = ANY(:ids)
""")

#: What a mail about late money tells.
_LATE: Final = text("""
    SELECT l.id, CAST(NULL AS text) AS status, CAST(NULL AS text) AS reason, l.decision AS late,
           s.plan, i.subscription_id IS NOT NULL AS recurring,
           CAST(NULL AS text) AS number, l.amount, l.currency,
           coalesce(a.ended_at, a.happened_at) AS at, m.brand, m.last4, l.state AS late_state,
           CAST(NULL AS bigint) AS refused_id
    FROM late_payments l
    JOIN attempts a ON a.id = l.attempt_id
    JOIN invoices i ON i.id = l.invoice_id
    LEFT JOIN subscriptions s ON s.id = i.subscription_id
    LEFT JOIN payment_methods m ON m.customer_id = l.customer_id AND m.processor_id = a.method
    WHERE l.id = ANY(:ids)
""")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a bank said, and of what."""

    signal: Signal
    brand: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a mail is about that is no notice: a gate, or late money, as it stands."""

    price: str | None  #: what was to be bought
    recurring: bool
    number: str | None
    amount: Money | None
    at: datetime | None  #: when the money came
    brand: str | None
    last4: str | None
    reason: str | None  #: why the gate died
    late: str  #: what becomes, or became, of late money: refund or reactivate
    gate: GateStatus | None
    late_state: LateState | None
    refusal: Refusal | None  #: the newest


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail's row."""

    id: int
    key: str
    type: str
    customer_id: int
    args: Mapping[str, str | int | bool | None]
    state: MailState

    @property
    def queued(self) -> bool:
        """Whether it is still to be sent."""
        return states.is_queued(self.state)


def is_known(connection: Connection, key: str) -> bool:
    """Return whether a mail of this key is on record, sent or to be sent."""
    return bool(connection.scalar(text("SELECT 1 FROM mails WHERE key = :key"), {"key": key}))


def queue(
    writer: Writer,
    type: str,
    *,
    key: str,
    customer_id: int,
    args: Mapping[str, str | int | bool | None],
) -> int:
    """Write the row of a mail that is due now; the caller enqueues its sending beside it."""
    row = {
        "key": key,
        "type": type,
        "customer_id": customer_id,
        "args": Jsonb(dict(args)),
        "state": MailState.QUEUED.value,
        "queued_at": writer.now,
    }
    id = writer.insert(tables.mails, row)
    assert id is not None  # noqa: S101  mails have ids
    return id


def read(connection: Connection, ids: list[int]) -> dict[int, Mail]:
    """Return mails by id."""
    found = connection.execute(
        text("SELECT id, key, type, customer_id, args, state FROM mails WHERE id = ANY(:ids)"),
        {"ids": ids},
    )
    return {
        row.id: Mail(row.id, row.key, row.type, row.customer_id, row.args, MailState(row.state))
        for row in found
    }


def occasions(connection: Connection, mails: Iterable[Mail]) -> dict[int, Occasion]:
    """Return, by the mail's id, what those are about that name a gate or late money."""
    found: dict[int, Occasion] = {}
    given = tuple(mails)
    for name, query in (("gate_id", _GATES), ("late_id", _LATE)):
        ids = {mail.id: mail.args[name] for mail in given if name in mail.args}
        if not ids:
            continue
        values: dict[str, Any] = {"ids": sorted(set(ids.values()), key=str)}
        if query is _GATES:
            values |= {"received": sorted(states.RECEIVED), "refused": sorted(states.REFUSED)}
        rows = {row.id: row for row in connection.execute(query, values)}
        found |= {mail: _occasion(rows[id]) for mail, id in ids.items() if id in rows}
    return found


def _occasion(row: Any) -> Occasion:
    return Occasion(
        price=row.plan,
        recurring=row.recurring,
        number=row.number,
        amount=None if row.amount is None else Money(row.amount, row.currency),
        at=row.at,
        brand=row.brand,
        last4=row.last4,
        reason=row.reason,
        late=row.late,
        gate=None if row.status is None else GateStatus(row.status),
        late_state=None if row.late_state is None else LateState(row.late_state),
        refusal=None if row.refused_id is None else _refusal(row),
    )


def _refusal(row: Any) -> Refusal:
    signal = Signal(
        row.decline_code, row.advice_code, row.network_decline_code, row.network_advice_code
    )
    return Refusal(signal, row.refused_brand, row.refused_kind)


def mark(
    writer: Writer,
    mail: Mail,
    *,
    state: MailState,
    reason: str | None = None,
    message_id: str | None = None,
    sent_at: datetime | None = None,
) -> None:
    """Record what became of a mail: sent, bounced or skipped."""
    after = {"state": state.value, "reason": reason, "message_id": message_id, "sent_at": sent_at}
    before = {"id": mail.id, "customer_id": mail.customer_id, **dict.fromkeys(after)}
    writer.update(tables.mails, before | {"state": mail.state.value}, after)
