"""
What an operator did, or would do: the deed, what follows from it at once, and why, in words.

A wish is tried out on values: put into the snapshot, decided on, and compared. That is the same
computing as the real thing, so what was shown is what comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from recoup.core.account import Account, Case, Hold
from recoup.core.billing.views import Payment, Refund
from recoup.core.changes import Change, WakeChanged
from recoup.core.collection.rules import Rules
from recoup.core.decide import decide
from recoup.core.diff import diff
from recoup.core.periods import Period
from recoup.core.policy import Policies, Policy
from recoup.core.states import HoldKind
from recoup.errors import InvalidValue, NotPossible

#: A hold ends within so long, so that every case keeps a deadline that can be worked out.
LONGEST: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Acted:
    """
    What an operator's command came to; with `dry_run` what it would, and nothing was written.

    `changes` is the deed and what follows from it in the same instant, `why` how the rules see
    the customer then; both in words.
    """

    verb: str  #: "dunning.hold"
    customer_id: int | None
    actor: str
    reason: str
    dry_run: bool
    changes: tuple[str, ...]
    why: tuple[str, ...]
    hold_id: int | None = None
    until: datetime | None = None
    failed: str | None = None  #: why the customer could not be decided on
    payment: Payment | None = None  #: of a try
    refund: Refund | None = None  #: of money given back


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would follow, in words; `failed`: why nobody can say."""

    changes: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    failed: str | None = None


def rehearsed(
    account: Account, wished: Account, *, policies: Policies, rules: Rules, now: datetime
) -> Rehearsal:
    """Return what would follow if `account` were as `wished`; a failure is told, not raised."""
    try:
        made = decide(wished, policies=policies, rules=rules, now=now)
        changes = diff(account, made.desired)
    except Exception as problem:  # noqa: BLE001  whatever it is, it is this customer's
        return Rehearsal(failed=f"{type(problem).__name__}: {problem}"[:500])
    return Rehearsal(tuple(_told(changes)), made.reasons)


def _told(changes: Sequence[Change]) -> Iterator[str]:
    """Yield the changes in words; when to look again only where nothing else changes."""
    weighty = [change for change in changes if not isinstance(change, WakeChanged)]
    return (change.words for change in weighty or changes)


def until_checked(until: datetime, *, now: datetime) -> datetime:
    """
    Return the end of a hold.

    Raises:
        InvalidValue: it is not ahead, or more than 365 days away.
    """
    if until <= now:
        raise InvalidValue(f"until: {_iso(until)} is past, it is {_iso(now)} now")
    if until > now + LONGEST:
        raise InvalidValue(
            f"until: expected an instant within {LONGEST.days} days from now, which is "
            f"{_iso(now)}, got {_iso(until)}"
        )
    return until


def _iso(at: datetime) -> str:
    """Return an instant as people give it: "2026-04-01T00:00:00Z"."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def with_hold(
    account: Account, kind: HoldKind, *, reason: str, until: datetime, actor: str, now: datetime
) -> Account:
    """Return the account with one more hold, from `now` on."""
    hold = Hold(0, reason, Period(now, until), kind, actor)
    return replace(account, holds=(*account.holds, hold))


def released(account: Account, ids: Sequence[int], *, now: datetime) -> Account:
    """Return the account with these holds over at `now`."""
    return replace(
        account,
        holds=tuple(
            replace(hold, during=Period(hold.during.start, now)) if hold.id in ids else hold
            for hold in account.holds
        ),
    )


def following(case: Case, *, old: Policy, new: Policy, placed: Sequence[str]) -> Case:
    """
    Return the open `case` following `new`, carried to its last rung that takes no more away.

    Args:
        placed: The steps whose notices were placed for its debt already.

    Raises:
        NotPossible: it follows it already; or a notice that was placed under the old version
            would count as one of something severer under the new one.
    """
    if case.policy == new.name:
        raise NotPossible(f"case {case.id} follows {new.name} already")
    said = {step.key: step.announces for step in old.steps}
    for step in new.steps:
        if step.key in placed and not _taken(new, step.announces) <= _taken(
            old, said.get(step.key)
        ):
            raise NotPossible(
                f"case {case.id}: notice {step.key!r} was sent under {old.name} and would count "
                f"as the one of rung {step.announces!r} of {new.name}: give that step another key"
            )
    rung = _carried(case, old, new)
    return replace(
        case, policy=new.name, rung=rung, rung_since=None if rung is None else case.rung_since
    )


def _carried(case: Case, old: Policy, new: Policy) -> str | None:
    if case.rung is None:
        return None
    had = _taken(old, case.rung)
    fitting = [
        rung.name
        for rung in new.ladder[:-1]
        if not rung.restricts or frozenset(rung.consequences) <= had
    ]
    return fitting[-1] if fitting else None


def _taken(policy: Policy, rung: str | None) -> frozenset[str]:
    """Return everything that the ladder holds up to a rung."""
    rungs = policy.ladder[: policy.place(rung) + 1]
    return frozenset(name for one in rungs for name in one.consequences)
