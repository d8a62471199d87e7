"""What a demonstration came to, counted from the database and the fake's books."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from recoup.core import states
from recoup.core.account import Signal
from recoup.core.collection import declines
from recoup.core.collection.rules import Rules
from recoup.core.states import InvoiceStatus
from recoup.demo.cast import CURRENCY
from recoup.demo.stage import Stage
from recoup.store.invariants import Invariant
from recoup.store.queries import recovery
from recoup.store.queries.recovery import Obligation
from recoup.verification import verified

#: Invariants that a forbidden attempt breaks.
FORBIDDEN: Final = frozenset({"no_try_after_stop", "within_network_limits"})
#: How the origin of the successful attempt reads.
HOW: Final = {
    "retry": "retry",
    "new_method": "new card",
    "customer": "customer",
    "processor": "customer",
    "operator": "operator",
}


@dataclass(frozen=True, slots=True)
class ClassRow:
    """Failed obligations whose first refusal was of one class."""

    failed: int = 0
    recovered: int = 0
    amount: int = 0
    recovered_amount: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The numbers. Amounts are minor units of `currency`."""

    customers: int
    days: int
    seed: int
    currency: str
    failed_obligations: int
    failed_amount: int
    recovered_obligations: int
    recovered_amount: int
    exhausted: int
    left: int  #: the customer went while owing, or the debt was given up
    open: int
    by_class: dict[str, ClassRow]
    by_how: dict[str, int]
    attempts: int
    attempts_per_recovery: float
    forbidden_attempts: int
    mails: dict[str, int]
    false_restrictions: int
    recovered_by_day: list[int]  #: of its days after the failure, how many were recovered by then
    invariants_checked: int
    invariant_violations: int
    violations: list[str]
    books_match: bool
    worth_a_look: int | None  #: a customer with a story
    seconds: float
    database_url: str
    processor: str = "fake"
    as_of: datetime | None = field(default=None)

    def as_json(self) -> dict[str, Any]:
        """Return the report as one JSON object."""
        return asdict(self) | {"as_of": self.as_of.isoformat() if self.as_of else None}


def report(
    stage: Stage,
    *,
    customers: int,
    days: int,
    seed: int,
    seconds: float,
    progress: Callable[[Invariant], None] | None = None,
) -> Report:
    """Return what the run on `stage` came to. Everything is read again; nothing is remembered."""
    recoup = stage.recoup
    with recoup.database.connect() as connection:
        failed = recovery.obligations(connection)
        ours, successes = recovery.tries(connection)
        mails = recovery.mails_sent(connection)
        false = recovery.false_restrictions(connection)
    checked = verified(recoup, progress=progress)
    violations = checked.violations
    won = [one for one in failed if _recovered(one)]
    how = Counter(HOW[one.success or "customer"] for one in won)
    return Report(
        customers=customers,
        days=days,
        seed=seed,
        currency=CURRENCY,
        failed_obligations=len(failed),
        failed_amount=sum(one.due for one in failed),
        recovered_obligations=len(won),
        recovered_amount=sum(one.due for one in won),
        exhausted=sum(one.ending == "exhausted" and not _recovered(one) for one in failed),
        left=sum(
            one.ending in {"voluntary", "written_off", "superseded"} and not _recovered(one)
            for one in failed
        ),
        open=sum(one.ending is None and not _recovered(one) for one in failed),
        by_class=_by_class(failed, recoup.engine.rules),
        by_how=dict(sorted(how.items())),
        attempts=ours,
        attempts_per_recovery=round(ours / successes, 2) if successes else 0.0,
        forbidden_attempts=sum(v.invariant in FORBIDDEN for v in violations),
        mails=mails,
        false_restrictions=false,
        recovered_by_day=_curve(won, days),
        invariants_checked=checked.checked,
        invariant_violations=len(violations),
        violations=[f"{v.invariant}: {v.subject}: {v.detail}" for v in violations],
        books_match=bool(checked.books_match),
        worth_a_look=_worth_a_look(failed),
        seconds=round(seconds, 1),
        database_url=recoup.database.url.set(drivername="postgresql").render_as_string(),
        as_of=stage.clock.now(),
    )


def _recovered(one: Obligation) -> bool:
    return states.is_paid(InvoiceStatus(one.status))


def _by_class(failed: Iterable[Obligation], rules: Rules) -> dict[str, ClassRow]:
    groups: dict[str, list[Obligation]] = defaultdict(list)
    for one in failed:
        groups[_class(one, rules)].append(one)
    return {
        name: ClassRow(
            failed=len(group),
            recovered=sum(_recovered(one) for one in group),
            amount=sum(one.due for one in group),
            recovered_amount=sum(one.due for one in group if _recovered(one)),
        )
        for name, group in sorted(groups.items())
    }


def _class(one: Obligation, rules: Rules) -> str:
    signal = Signal(
        one.decline_code, one.advice_code, one.network_decline_code, one.network_advice_code
    )
    verdict = declines.read(signal, brand=one.brand, kind="card", rules=rules)
    return verdict.decline_class.value


def _curve(won: Iterable[Obligation], days: int) -> list[int]:
    took = [(one.closed_at - one.failed_at).days for one in won if one.closed_at]
    return [sum(day <= limit for day in took) for limit in range(min(days, 35))]


def _worth_a_look(failed: Iterable[Obligation]) -> int | None:
    """Return a customer with a long story, and a good end if there is one."""
    stories = [one for one in failed if one.closed_at is not None and _recovered(one)]
    if stories:
        longest = max(
            stories, key=lambda one: ((one.closed_at or one.failed_at) - one.failed_at, one.due)
        )
        return longest.customer_id
    return next((one.customer_id for one in failed), None)
