"""What would change about a customer, told as findings: what is stored, and what should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from recoup.core import changes as ch
from recoup.core.account import Account, Case
from recoup.core.changes import Change
from recoup.store.drift import Class, Found, written

#: Class, subject, field, what is stored, what should be.
_Told = tuple[Class, str, str, object, object]


def findings(account: Account, changes: Iterable[Change]) -> Iterator[Found]:
    """Yield what these changes of an account say is not as it should be."""
    for change in changes:
        class_, subject, field, stored, expected = TOLD[type(change)](account, change)
        if stored != expected:
            yield Found(
                account.id, "decision", subject, field, class_, written(stored), written(expected)
            )


def undecidable(id: int, problem: Exception) -> Found:
    """Return that nothing can be decided about a customer."""
    why = f"{type(problem).__name__}: {problem}"
    return Found(id, "decision", f"customer:{id}", "*", Class.UNDECIDABLE, why, "a decision")


def _case(case: Case) -> str:
    return f"case:{case.id}" if case.id > 0 else f"case of {case.scope}"


def _opened(_: Account, change: ch.CaseOpened) -> _Told:
    return Class.CASE, _case(change.case), "*", None, str(change.case.end or "open")


def _moved(_: Account, change: ch.CaseMoved) -> _Told:
    before, after = change.before, change.after
    names = ("rung", "anchor", "policy", "opened_at", "rung_since")
    name = next((n for n in names if getattr(before, n) != getattr(after, n)), "*")
    if name == "*":
        return Class.CASE, _case(before), name, str(before), str(after)
    return Class.CASE, _case(before), name, _of(before, name), _of(after, name)


def _ended(_: Account, change: ch.CaseEnded) -> _Told:
    return Class.CASE, _case(change.before), "ending", change.before.end, change.after.end


def _settled(_: Account, change: ch.CaseSettled) -> _Told:
    name = "settled_at"
    before, after = _of(change.before, name), _of(change.after, name)
    return Class.CASE, _case(change.before), name, before, after


def _taken(account: Account, change: ch.InvoiceTaken) -> _Told:
    scope = next((c.scope for c in account.cases if c.id == change.case_id), "a new one")
    after = str(change.case_id) if change.case_id > 0 else scope
    before = None if change.before is None else str(change.before)
    return Class.INVOICE, f"invoice:{change.invoice.id}", "case_id", before, after


def _entered(_: Account, change: ch.DebtEntered) -> _Told:
    return Class.DEBT, f"invoice:{change.debt.invoice_id}", "bad debt", None, "bad debt"


def _left(_: Account, change: ch.DebtLeft) -> _Told:
    subject = f"invoice:{change.after.invoice_id}"
    return Class.DEBT, subject, "bad debt", "bad debt", str(change.after.exit)


def _intended(_: Account, change: ch.AttemptIntended) -> _Told:
    return Class.ATTEMPT, f"invoice:{change.invoice.id}", "try", None, "a try is due"


def _withdrawn(_: Account, change: ch.AttemptWithdrawn) -> _Told:
    before, after = change.before, change.after
    return Class.ATTEMPT, f"attempt:{before.id}", "state", before.state, after.state


def _restricted(_: Account, change: ch.Restricted) -> _Told:
    one = change.restriction
    return Class.RESTRICTION_MISSING, one.scope, one.consequence, None, one.rung


def _lifted(_: Account, change: ch.Lifted) -> _Told:
    one = change.restriction
    return Class.RESTRICTION_FALSE, f"restriction:{one.id}", one.consequence, one.rung, None


def _end(_: Account, change: ch.EndRequested) -> _Told:
    subject, why = f"subscription:{change.after.id}", change.after.end_reason
    return Class.SUBSCRIPTION, subject, "end_requested_at", None, why


def _subscription(_: Account, change: ch.SubscriptionMoved) -> _Told:
    before, after = change.before, change.after
    return (
        Class.SUBSCRIPTION,
        f"subscription:{after.id}",
        "status",
        str(before.status),
        f"{after.status}, by its gate",
    )


def _gate(_: Account, change: ch.GateChanged) -> _Told:
    before, after = change.before, change.after
    if before.status != after.status:
        return Class.GATE, f"gate:{after.id}", "status", str(before.status), str(after.status)
    return Class.GATE, f"gate:{after.id}", "withdrawal", before.withdrawal, after.withdrawal


def _late(_: Account, change: ch.LateDealtWith) -> _Told:
    subject = f"attempt:{change.after.attempt_id}"
    found = None if change.before.id is None else str(change.before.state)
    return Class.GATE, subject, "late money", found, f"{change.after.state}"


def _upgrade(_: Account, change: ch.UpgradeWithdrawn) -> _Told:
    subject = f"invoice:{change.after.invoice_id}"
    return Class.INVOICE, subject, "upgrade", "refused", "withdrawn"


def _standing(account: Account, change: ch.StandingChanged) -> _Told:
    return Class.STANDING, f"standing:{account.id}", "standing", change.before, change.after


def _placed(_: Account, change: ch.NoticePlaced) -> _Told:
    one = change.notice
    return Class.NOTICE_MISSING, one.scope, f"notice {one.step}", None, str(one.state)


def _dropped(_: Account, change: ch.NoticeDropped) -> _Told:
    before, after = change.before, change.after
    subject = f"notice:{before.id}"
    return Class.NOTICE_FALSE, subject, "state", str(before.state), str(after.state)


def _task(_: Account, change: ch.TaskOpened) -> _Told:
    return Class.TASK, f"task {change.task.key}", "state", None, "open"


def _closed(_: Account, change: ch.TaskClosed) -> _Told:
    return Class.TASK, f"task {change.task.key}", "state", "open", None


def _wake(account: Account, change: ch.WakeChanged) -> _Told:
    subject, name = f"standing:{account.id}", "next_wake_at"
    late = change.after is not None and (change.before is None or change.before > change.after)
    if not late:  # whoever is looked at too early is looked at again
        return Class.WAKE, subject, name, None, None
    return Class.WAKE, subject, name, _text(change.before), _text(change.after)


def _of(thing: Any, name: str) -> str | None:
    return _text(getattr(thing, name))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


#: Every kind of change, and how it is told.
TOLD: Final[Mapping[type[Change], Callable[[Account, Any], _Told]]] = {
    ch.CaseOpened: _opened,
    ch.CaseMoved: _moved,
    ch.CaseEnded: _ended,
    ch.CaseSettled: _settled,
    ch.InvoiceTaken: _taken,
    ch.DebtEntered: _entered,
    ch.DebtLeft: _left,
    ch.AttemptIntended: _intended,
    ch.AttemptWithdrawn: _withdrawn,
    ch.Restricted: _restricted,
    ch.Lifted: _lifted,
    ch.EndRequested: _end,
    ch.SubscriptionMoved: _subscription,
    ch.GateChanged: _gate,
    ch.LateDealtWith: _late,
    ch.UpgradeWithdrawn: _upgrade,
    ch.StandingChanged: _standing,
    ch.NoticePlaced: _placed,
    ch.NoticeDropped: _dropped,
    ch.TaskOpened: _task,
    ch.TaskClosed: _closed,
    ch.WakeChanged: _wake,
}
