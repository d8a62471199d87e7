"""Commands that follow from another one, and the keys of steps that belong together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from recoup.commands.base import Kind, Office, Work, digest_of
from recoup.core.billing.requests import Request
from recoup.core.states import CommandState
from recoup.errors import InvalidKey
from recoup.jobs import queue
from recoup.jobs.base import NewEffect, Scalar
from recoup.store.records import commands, money
from recoup.store.records.commands import stored

#: A caller's key is at most so long, and the name of a step comes on top.
LONGEST: Final = 180


def step(key: str, name: str) -> str:
    """
    Return the key of one step of several: the caller's key, a colon and the step's name.

    Raises:
        InvalidKey: there would be no room for the name.
    """
    if not 0 < len(key) <= LONGEST:
        raise InvalidKey(f"key: expected 1 to {LONGEST} printable characters, for several steps")
    return f"{key}:{name}"


def derived(
    office: Office, kind: Kind[Any], customer: int, subject: str, asked: Mapping[str, Any]
) -> str:
    """
    Return a key, for a caller who gave none, of a command in several steps.

    It stays the same until such a command has come to its end.
    """
    digest = digest_of(kind.name, customer, subject, asked)
    with office.reading() as connection:
        last = commands.last_ended(connection, kind.name, subject, digest)
    return f"{kind.name}:{subject}:{digest[:20]}:{last}"


def follow(
    work: Work,
    kind: Kind[Any],
    request: Request,
    *,
    name: str,
    subject: str,
    args: Mapping[str, Scalar],
) -> None:
    """
    Record, in the transaction of a command that is being concluded, one that follows from it.

    A worker carries it out if nobody does so before. `name` tells it from the others that follow
    from the same command.
    """
    writer, key = work.writer, f"command:{work.command_id}:{name}"
    short = hashlib.sha256(key.encode()).hexdigest()[:40]
    id = commands.reserve(writer)
    commands.insert(
        writer,
        {
            "id": id,
            "customer_id": work.customer_id,
            "kind": kind.name,
            "key": key,
            "request_hash": digest_of(kind.name, work.customer_id, subject, args),
            "subject": subject,
            "state": CommandState.RECORDED.value,
            "processor_key": f"recoup:{kind.name}:{short}",
            "request": stored(request),
            "args": dict(args),
            "result": None,
            "error": None,
            "amount": None,
            "currency": None,
            "actor": writer.actor,
            "recorded_at": writer.now,
            "asked_at": None,
            "ended_at": None,
            "lookups": 0,
        },
    )
    writer.flush()
    ask = NewEffect(
        "ask",
        f"ask:{id}",
        writer.now,
        "billing",
        customer_id=work.customer_id,
        args={"command_id": id},
    )
    queue.enqueue(writer.connection, [ask], now=writer.now)


def see_to_followers(office: Office, subject: str) -> None:
    """
    Carry out here what is recorded about `subject`; what has no answer is left to the workers.

    While the host's transaction is open nobody is asked.
    """
    if office.bound is not None:
        return
    seen: set[int] = set()
    while True:
        with office.database.connect() as connection:
            waiting = {id for id, _ in money.commanded(connection, subject)} - seen
        if not waiting:
            return
        for id in sorted(waiting):
            office.see_to(f"ask:{id}")
        seen |= waiting
