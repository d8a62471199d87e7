"""Commands that follow from another one, and the keys of steps that belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from recoup.commands.base import Kind, Office, Plan, Recording, Work
from recoup.commands.filing import digest_of, file, own_key
from recoup.core.billing.requests import Request
from recoup.core.billing.views import Scheduled
from recoup.errors import InvalidKey
from recoup.jobs.base import Scalar
from recoup.store import views
from recoup.store.database import reading
from recoup.store.records import commands

#: A caller's key is at most so long, and the name of a step comes on top.
LONGEST: Final = 180
#: How the key of a command begins that follows from another one.
_FOLLOWING: Final = "command:"


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
    return own_key(kind.name, subject, digest, last)


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
    key = f"{_FOLLOWING}{work.command_id}:{name}"
    file(
        work.writer,
        kind,
        Plan(request, args=args),
        id=commands.reserve(work.writer),
        customer=work.customer_id,
        subject=subject,
        key=key,
        digest=digest_of(kind.name, work.customer_id, subject, args),
    )


def later(
    recording: Recording,
    kind: Kind[Any],
    plan: Plan,
    prices: Sequence[str],
    cause: int,
    due: datetime,
    *,
    subject: str | None = None,
) -> Scheduled:
    """
    Record, with another command, one that is carried out on a day to come.

    Args:
        recording: With the id that the later command will have.
        cause: The command that it is recorded with; its key is made of that.
        due: UTC instant before which nobody is asked.
    """
    about = subject or f"customer:{recording.customer_id}"
    said = {**plan.args, "prices": " ".join(prices)}
    file(
        recording.writer,
        kind,
        replace(plan, args=said),
        id=recording.command_id,
        customer=recording.customer_id,
        subject=about,
        key=f"scheduled:{cause}",
        digest=digest_of(kind.name, recording.customer_id, about, [cause, said]),
        due=due,
    )
    return views.read_scheduled(recording.connection, recording.command_id)


def see_to_followers(office: Office, subject: str) -> None:
    """
    Carry out here what follows from commands about `subject`; workers see to what has no answer.

    While the host's transaction is open nobody is asked.
    """
    if office.bound is not None:
        return
    seen: set[int] = set()
    while True:
        with reading(office.database) as connection:
            found = commands.under_way(connection, subject=subject)
        waiting = {each.id for each in found if each.key.startswith(_FOLLOWING)} - seen
        if not waiting:
            return
        for id in sorted(waiting):
            office.see_to(f"ask:{id}")
        seen |= waiting
