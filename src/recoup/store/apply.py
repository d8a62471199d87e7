"""
Writing what a decision changed: rows and ledger entries through the writer, nothing else.

The closed list of changes is matched here once; a change without a branch fails type checking.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

import msgspec

from recoup.core import changes as ch
from recoup.core.account import Account, Attempt, Case, Notice
from recoup.store import debts, gates, tables, upgrades
from recoup.store.writer import Writer

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """A change with the ids its rows got; what effects are made from."""

    customer_id: int
    change: ch.Change


def apply(writer: Writer, account: Account, changes: Sequence[ch.Change]) -> tuple[Applied, ...]:
    """Collect `changes` of one locked account in `writer`; return them with their rows' ids."""
    one = _One(writer, account)
    return tuple(Applied(account.id, one.apply(change)) for change in changes)


class _One:
    """The changes of one account; a new case gets its row's id before what hangs on it."""

    def __init__(self, writer: Writer, account: Account) -> None:
        self._writer = writer
        self._account = account
        self._case_ids: dict[int, int] = {}
        self._case_of = {case.scope: case.id for case in account.cases if case.open}
        self._standing: dict[str, Any] = {
            "customer_id": account.id,
            "standing": account.standing,
            "next_wake_at": account.next_wake_at,
        }

    def apply(self, change: ch.Change) -> ch.Change:  # noqa: C901, PLR0911, PLR0912  a closed list
        match change:
            case ch.CaseOpened():
                return ch.CaseOpened(self._open(change.case))
            case ch.CaseMoved() | ch.CaseEnded() | ch.CaseSettled():
                self._move(change)
            case ch.InvoiceTaken():
                self._take(change)
            case ch.DebtEntered(debt=debt):
                case_id = self._case_ids.get(debt.case_id, debt.case_id)
                return ch.DebtEntered(debts.enter(self._writer, self._account.id, debt, case_id))
            case ch.DebtLeft():
                debts.leave(self._writer, self._account.id, change.before, change.after)
            case ch.AttemptIntended():
                return replace(change, attempt=self._intend(change))
            case ch.AttemptWithdrawn():
                self._withdraw(change.before, change.after)
            case ch.NoticePlaced():
                return ch.NoticePlaced(self._place(change.notice))
            case ch.NoticeDropped():
                self._drop(change.before, change.after)
            case ch.Restricted():
                return self._restrict(change)
            case ch.Lifted():
                self._lift(change)
            case ch.EndRequested():
                self._request_end(change)
            case ch.GateChanged():
                gates.resolve(self._writer, self._account.id, change.before, change.after)
            case ch.SubscriptionMoved():
                gates.move(self._writer, self._account.id, change.before, change.after)
            case ch.LateDealtWith():
                late = gates.deal_with(self._writer, self._account.id, change.before, change.after)
                return replace(change, after=replace(change.after, id=late))
            case ch.UpgradeWithdrawn():
                upgrades.withdraw(self._writer, self._account.id, change.after)
            case ch.StandingChanged():
                self._stand({"standing": change.after})
            case ch.WakeChanged():
                self._stand({"next_wake_at": change.after})
            case ch.TaskOpened():
                self._open_task(change)
            case ch.TaskClosed():
                self._close_task(change)
            case _:
                assert_never(change)
        return change

    def _open(self, case: Case) -> Case:
        row = {"customer_id": self._account.id, **_case_row(case)}
        kind = "case.opened" if case.open else "case.recorded"
        id = self._writer.insert(tables.cases, row, occurred_at=case.opened_at, type=kind)
        assert id is not None  # noqa: S101  cases have ids
        self._case_ids[case.id] = id
        if case.open:
            self._case_of[case.scope] = id
        return replace(case, id=id)

    def _move(self, change: ch.CaseMoved | ch.CaseEnded | ch.CaseSettled) -> None:
        before = {
            "id": change.before.id,
            "customer_id": self._account.id,
            **_case_row(change.before),
        }
        kinds = {ch.CaseMoved: "moved", ch.CaseEnded: "ended", ch.CaseSettled: "settled"}
        at = {
            ch.CaseMoved: change.after.rung_since,
            ch.CaseEnded: change.after.ended_at,
            ch.CaseSettled: change.after.settled_at,
        }
        self._writer.update(
            tables.cases,
            before,
            _case_row(change.after),
            occurred_at=at[type(change)],
            type=f"case.{kinds[type(change)]}",
        )

    def _take(self, change: ch.InvoiceTaken) -> None:
        self._writer.update(
            tables.invoices,
            {
                "id": change.invoice.id,
                "customer_id": self._account.id,
                "case_id": change.before,
            },
            {"case_id": self._case_ids.get(change.case_id, change.case_id)},
            type="invoice.taken_up",
        )

    def _intend(self, change: ch.AttemptIntended) -> Attempt:
        attempt = change.attempt
        row = {
            "customer_id": self._account.id,
            "invoice_id": attempt.invoice_id,
            "ordinal": attempt.ordinal,
            "origin": attempt.origin,
            "state": attempt.state.value,
            "amount": attempt.amount.minor,
            "currency": attempt.amount.currency,
            "processor": self._account.processor,
            "idempotency_key": idempotency_key(change.invoice.processor_id, attempt),
            "method": attempt.method,
            "instrument": attempt.instrument,
            "brand": attempt.brand,
            "off_session": attempt.off_session,
            "happened_at": attempt.at,
            "lookups": 0,
            "seen_rank": 0,
            "seen_tie": 0,
        }
        id = self._writer.insert(
            tables.attempts, row, occurred_at=attempt.at, type="attempt.intended"
        )
        return replace(attempt, id=id)

    def _withdraw(self, before: Attempt, after: Attempt) -> None:
        self._writer.update(
            tables.attempts,
            {
                "id": before.id,
                "customer_id": self._account.id,
                "state": before.state.value,
                "ended_at": None,
            },
            {"state": after.state.value, "ended_at": self._writer.now},
            type="attempt.withdrawn",
        )

    def _place(self, notice: Notice) -> Notice:
        row = {
            "customer_id": self._account.id,
            "case_id": self._case_of[notice.scope],
            "anchor": notice.anchor,
            "step": notice.step,
            "mail": notice.mail,
            "due_at": notice.due_at,
            "placed_at": notice.placed_at,
            "state": notice.state.value,
            "reason": notice.reason,
        }
        kind = "notice.skipped" if notice.reason else "notice.scheduled"
        return replace(notice, id=self._writer.insert(tables.notices, row, type=kind))

    def _drop(self, before: Notice, after: Notice) -> None:
        self._writer.update(
            tables.notices,
            {
                "id": before.id,
                "customer_id": self._account.id,
                "state": before.state.value,
                "reason": before.reason,
            },
            {"state": after.state.value, "reason": after.reason},
            type=f"notice.{after.state.value}",
        )

    def _restrict(self, change: ch.Restricted) -> ch.Restricted:
        restriction = change.restriction
        row = {
            "customer_id": self._account.id,
            "case_id": self._case_of[restriction.scope],
            "scope": restriction.scope,
            "consequence": restriction.consequence,
            "rung": restriction.rung,
            "since": restriction.since,
        }
        id = self._writer.insert(
            tables.restrictions, row, occurred_at=restriction.since, type="restriction.imposed"
        )
        return ch.Restricted(replace(restriction, id=id))

    def _lift(self, change: ch.Lifted) -> None:
        self._writer.update(
            tables.restrictions,
            {
                "id": change.restriction.id,
                "customer_id": self._account.id,
                "lifted_at": None,
                "undone_at": None,
            },
            {
                "lifted_at": self._writer.now,
                "undone_at": self._writer.now if change.undone else None,
            },
            type="restriction.lifted",
        )

    def _request_end(self, change: ch.EndRequested) -> None:
        fields = ("end_requested_at", "end_reason")
        before = {name: getattr(change.before, name) for name in fields}
        self._writer.update(
            tables.subscriptions,
            {"id": change.before.id, "customer_id": self._account.id, **before},
            {name: getattr(change.after, name) for name in fields},
            type="subscription.end_requested",
        )

    def _stand(self, values: Mapping[str, Any]) -> None:
        self._writer.update(tables.standings, self._standing, values, type="standing.changed")

    def _open_task(self, change: ch.TaskOpened) -> None:
        task = change.task
        log.warning("a task for a person: %.200r", task.key)
        row = {
            "customer_id": self._account.id,
            "key": task.key,
            "kind": task.kind,
            "detail": task.detail,
            "opened_at": self._writer.now,
        }
        self._writer.insert(tables.tasks, row)

    def _close_task(self, change: ch.TaskClosed) -> None:
        self._writer.update(
            tables.tasks,
            {"id": change.task.id, "customer_id": self._account.id, "closed_at": None},
            {"closed_at": self._writer.now},
        )


def idempotency_key(invoice: str, attempt: Attempt) -> str:
    """
    Return the key of an attempt: invoice, purpose and ordinal, never a random or a row's id.

    Hashed where it would exceed the processor's 255 characters.
    """
    key = f"recoup:{len(invoice)}:{invoice}:{attempt.origin}:{attempt.ordinal}"
    if len(key) <= 255:
        return key
    return f"recoup:sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def record(
    writer: Writer,
    *,
    run_id: int,
    trigger: str,
    account: Account,
    policy: str,
    reasons: Sequence[str],
    changes: Iterable[ch.Change],
) -> None:
    """Write the decision record: what was seen (as a hash), why, and what changed."""
    row = {
        "run_id": run_id,
        "customer_id": account.id,
        "trigger": trigger,
        "at": writer.now,
        "inputs_hash": inputs_hash(account),
        "policy": policy,
        "reasons": list(reasons),
        "changes": [change.words for change in changes],
    }
    writer.insert(tables.decisions, row)


def inputs_hash(account: Account) -> str:
    """Return a digest of everything the decision saw."""
    return hashlib.sha256(msgspec.json.encode(account, order="sorted")).hexdigest()


def _case_row(case: Case) -> dict[str, Any]:
    return {
        "scope": case.scope,
        "anchor": case.anchor,
        "opened_at": case.opened_at,
        "policy": case.policy,
        "rung": case.rung,
        "rung_since": case.rung_since,
        "ending": case.end.value if case.end else None,
        "ended_at": case.ended_at,
        "settled_at": case.settled_at,
        "engine": case.engine,
    }
