"""
What changes ask of the world outside: effects, and the mails of notices, in the same transaction.

All other mails follow from what the ledger tells of the changes: `recoup.core.occasions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from recoup.core import activation, states
from recoup.core import changes as ch
from recoup.core.account import Late
from recoup.core.account.scopes import subscription_id
from recoup.core.billing.requests import CreateRefund, WithdrawPayment
from recoup.jobs.base import NewEffect
from recoup.store import consequences, gates, upgrades
from recoup.store.apply import Applied
from recoup.store.records import mails
from recoup.store.writer import Writer

#: Gates die by the thousand, in one hour. What then follows at the processor has a queue of its
#: own, so that nobody's own payment or command waits behind it.
BY_THE_WAY: Final = "default"


def jobs_for(applied: Sequence[Applied], writer: Writer) -> Iterator[NewEffect]:
    """Yield the effects that changes ask of the world outside, and write the mails' rows."""
    for one in applied:
        match one.change:
            case ch.AttemptIntended(attempt=attempt):
                yield NewEffect(
                    "collect",
                    f"collect:{attempt.id}",
                    writer.now,
                    queue="billing",
                    customer_id=one.customer_id,
                    args={"attempt_id": attempt.id},
                )
            case ch.NoticePlaced(notice=notice) if states.is_scheduled(notice.state):
                key = f"notice:{notice.id}"
                yield _mail(one, notice.mail, key, {"notice_id": notice.id}, writer)
            case ch.EndRequested(after=subscription):
                yield _end(one, subscription.id, writer)
            case ch.SubscriptionMoved(before=before, after=subscription):
                if before.end_requested_at is None and subscription.end_requested_at is not None:
                    yield _end(one, subscription.id, writer, queue=BY_THE_WAY)
            case ch.GateChanged() | ch.LateDealtWith() | ch.UpgradeWithdrawn():
                yield from _following(one, writer)
    yield from _at_processor(applied, writer)


def _at_processor(applied: Sequence[Applied], writer: Writer) -> Iterator[NewEffect]:
    """Yield the asking of what consequences need the processor for; nothing of who is leaving."""
    leaving = {one.change.after.id for one in applied if isinstance(one.change, ch.EndRequested)}
    for one in applied:
        commands: Iterable[int] = ()
        match one.change:
            case ch.Restricted(restriction=restriction):
                commands = consequences.imposed(writer, one.customer_id, restriction)
            case ch.Lifted(restriction=restriction):
                if subscription_id(restriction.scope) not in leaving:
                    commands = consequences.lifted(writer, one.customer_id, restriction)
        for command in commands:
            yield from _asked(command, one, writer)


def _end(
    one: Applied, subscription_id: int, writer: Writer, *, queue: str = "billing"
) -> NewEffect:
    return NewEffect(
        "end_subscription",
        f"end_subscription:{subscription_id}",
        writer.now,
        queue=queue,
        customer_id=one.customer_id,
        args={"subscription_id": subscription_id},
    )


def _mail(
    one: Applied, type: str, key: str, args: Mapping[str, int | None], writer: Writer
) -> NewEffect:
    """Write the mail's row; return the effect that sends it."""
    mail = mails.queue(writer, type, key=key, customer_id=one.customer_id, args=args)
    return NewEffect(
        "send_mail",
        f"mail:{key}",
        writer.now,
        queue=mails.QUEUE,
        customer_id=one.customer_id,
        args={"mail_id": mail},
    )


def _following(one: Applied, writer: Writer) -> Iterator[NewEffect]:
    """Yield what follows when a gate is decided, or late money is sent on its way."""
    match one.change:
        case ch.GateChanged(after=gate):
            if gate.withdrawal == activation.ASKED and gate.invoice is not None:
                yield from _asked(
                    gates.record(
                        writer,
                        kind="payments.withdraw",
                        key=f"gate:{gate.id}:withdraw",
                        customer_id=one.customer_id,
                        subject=f"invoice:{gate.invoice_id}",
                        request=WithdrawPayment(gate.invoice),
                        args={"gate_id": gate.id},
                    ),
                    one,
                    writer,
                    queue=BY_THE_WAY,
                )
        case ch.UpgradeWithdrawn(after=upgrade):
            yield from _asked(upgrades.record(writer, one.customer_id, upgrade), one, writer)
        case ch.LateDealtWith(after=late) if states.is_underway(late.state):
            yield from _asked(_sent_back(one, late, writer), one, writer)


def _sent_back(one: Applied, late: Late, writer: Writer) -> int | None:
    """Record the command that gives late money back, or begins what it was for again."""
    args = {"late_id": late.id}
    if late.decision == "reactivate":
        return gates.record(
            writer,
            kind="subscriptions.reactivate",
            key=f"late:{late.attempt_id}:reactivate",
            customer_id=one.customer_id,
            subject=f"payment:{late.attempt_id}",
            request=gates.again(writer, late),
            args=args,
        )
    return gates.record(
        writer,
        kind="payments.return",
        key=f"late:{late.attempt_id}:refund",
        customer_id=one.customer_id,
        subject=f"payment:{late.attempt_id}",
        request=CreateRefund(late.charge, late.amount),
        args=args,
        amount=late.amount,
    )


def _asked(
    command: int | None, one: Applied, writer: Writer, *, queue: str = "billing"
) -> Iterator[NewEffect]:
    if command is not None:
        yield NewEffect(
            "ask",
            f"ask:{command}",
            writer.now,
            queue=queue,
            customer_id=one.customer_id,
            args={"command_id": command},
        )
