"""How a command is put on record: its key where the caller gave none, its row, and its effect."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from recoup.commands.kinds import Kind, Plan
from recoup.core.billing.requests import UNSTORED
from recoup.core.states import CommandState
from recoup.jobs import queue
from recoup.jobs.base import NewEffect
from recoup.store.records import commands
from recoup.store.records.commands import DUE, stored, told
from recoup.store.records.commands import digest_of as digest_of
from recoup.store.writer import Writer

#: What must not be stored can not be asked by another process: workers leave it alone that long.
ALONE: Final = timedelta(minutes=1)
#: Among a command's kept values: the key of the effect that its caller waits for.
AWAITED: Final = "awaited"


def own_key(kind: str, subject: str, digest: str, turn: int) -> str:
    """Return the key of a command whose caller gave none; `turn` tells it from those before."""
    return f"{kind}:{subject[:120]}:{digest[:20]}:{turn}"


def file(
    writer: Writer,
    kind: Kind[Any],
    plan: Plan,
    *,
    id: int,
    customer: int | None,
    subject: str,
    key: str,
    digest: str,
    due: datetime | None = None,
) -> None:
    """
    Write the command that is to have this id, and the effects that carry it out.

    With `due` nobody is asked before that instant, and nobody else is kept waiting by it.
    """
    wanted, now = plan.request, writer.now
    secret, over = type(wanted) in UNSTORED, wanted is None
    done = over and plan.refusal is None
    args = dict(plan.args)
    if plan.awaited:
        args[AWAITED] = plan.awaited
    if due is not None:
        args[DUE] = due.isoformat()
    commands.write(
        writer,
        kind.name,
        key,
        _state(plan),
        id=id,
        request_hash=digest,
        customer_id=customer,
        subject=subject,
        request=None if wanted is None or secret else stored(wanted),
        args=args,
        amount=plan.amount,
        result=msgspec.to_builtins(plan.result) if done else None,
        error=None if plan.refusal is None else told(plan.refusal),
    )
    writer.flush()
    effects = [*plan.effects]
    if not over:
        at = due or (now + ALONE if secret else now)
        effects.append(asking(id, customer, at))
    queue.enqueue(writer.connection, effects, now=now)


def asking(id: int, customer: int | None, due: datetime) -> NewEffect:
    """Return the effect that asks what the command with this id wants, not before `due`."""
    args = {"command_id": id}
    return NewEffect("ask", f"ask:{id}", due, "billing", customer_id=customer, args=args)


def _state(plan: Plan) -> CommandState:
    if plan.request is not None:
        return CommandState.RECORDED
    return CommandState.DONE if plan.refusal is None else CommandState.REFUSED
