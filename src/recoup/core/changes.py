"""
Everything that a decision can change, as values. The list is closed.

`words` is the sentence a dry run and a decision record show. Applying is the store's part; what
a change asks of the world outside is the effects' part.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.core.account import (
    Attempt,
    Case,
    Debt,
    Gate,
    Invoice,
    Late,
    Notice,
    Restriction,
    Subscription,
    Task,
    Upgrade,
)


@dataclass(frozen=True, slots=True)
class CaseOpened:
    case: Case

    @property
    def words(self) -> str:
        if self.case.end is None:
            return f"open a case for {self.case.scope}, in default since {_at(self.case.anchor)}"
        return (
            f"record a case for {self.case.scope}, {_at(self.case.opened_at)} "
            f"to {_at(self.case.ended_at)}, {self.case.end}"
        )


@dataclass(frozen=True, slots=True)
class CaseMoved:
    before: Case
    after: Case

    @property
    def words(self) -> str:
        if self.before.rung != self.after.rung:
            source, target = self.before.rung or "no rung", self.after.rung or "no rung"
            return f"{self.after.scope}: {source} -> {target}"
        if self.before.policy != self.after.policy:
            return f"{self.after.scope}: by policy {self.after.policy} now"
        return f"{self.after.scope}: counted from {_at(self.after.anchor)} now"


@dataclass(frozen=True, slots=True)
class CaseEnded:
    before: Case
    after: Case

    @property
    def words(self) -> str:
        return f"end the case for {self.after.scope}: {self.after.end}"


@dataclass(frozen=True, slots=True)
class CaseSettled:
    before: Case
    after: Case

    @property
    def words(self) -> str:
        return f"the bad debt of {self.after.scope} is accounted for"


@dataclass(frozen=True, slots=True)
class InvoiceTaken:
    """A case took the invoice up; a new case has a negative id until it is stored."""

    invoice: Invoice
    before: int | None
    case_id: int

    @property
    def words(self) -> str:
        return f"take up invoice {self.invoice.processor_id}"


@dataclass(frozen=True, slots=True)
class DebtEntered:
    """An obligation became bad debt."""

    debt: Debt

    @property
    def words(self) -> str:
        return f"{self.debt.amount} of invoice {self.debt.invoice_id} is bad debt"


@dataclass(frozen=True, slots=True)
class DebtLeft:
    """An obligation is bad debt no more."""

    before: Debt
    after: Debt

    @property
    def words(self) -> str:
        return f"invoice {self.after.invoice_id} is bad debt no more: {self.after.exit}"


@dataclass(frozen=True, slots=True)
class AttemptIntended:
    attempt: Attempt
    invoice: Invoice

    @property
    def words(self) -> str:
        return f"try to collect {self.attempt.amount} for invoice {self.invoice.processor_id}"


@dataclass(frozen=True, slots=True)
class AttemptWithdrawn:
    """It waited for the customer and is replaced by a new one."""

    before: Attempt
    after: Attempt

    @property
    def words(self) -> str:
        return f"withdraw attempt {self.before.id}, which waits for the customer"


@dataclass(frozen=True, slots=True)
class NoticePlaced:
    """A notice became due: it is to be sent, or is skipped with a reason."""

    notice: Notice

    @property
    def words(self) -> str:
        if self.notice.reason:
            return f"skip notice {self.notice.step}: {self.notice.reason}"
        return f"send notice {self.notice.step}"


@dataclass(frozen=True, slots=True)
class NoticeDropped:
    """A notice that was to be sent will not be."""

    before: Notice
    after: Notice

    @property
    def words(self) -> str:
        return f"do not send notice {self.after.step}: {self.after.reason}"


@dataclass(frozen=True, slots=True)
class Restricted:
    restriction: Restriction

    @property
    def words(self) -> str:
        return f"{self.restriction.consequence} on {self.restriction.scope}"


@dataclass(frozen=True, slots=True)
class Lifted:
    restriction: Restriction
    undone: bool = True  #: whether there is nothing that the host has to undo first

    @property
    def words(self) -> str:
        return f"lift {self.restriction.consequence} on {self.restriction.scope}"


@dataclass(frozen=True, slots=True)
class EndRequested:
    before: Subscription
    after: Subscription

    @property
    def words(self) -> str:
        return (
            f"ask for the end of subscription {self.after.processor_id}: {self.after.end_reason}"
        )


@dataclass(frozen=True, slots=True)
class GateChanged:
    """A gate let through or died, or its payment is to be withdrawn."""

    before: Gate
    after: Gate

    @property
    def words(self) -> str:
        if self.before.status != self.after.status:
            why = f": {self.after.reason}" if self.after.reason else ""
            return f"gate {self.after.id} of the {self.after.purpose} is {self.after.status}{why}"
        return f"withdraw the payment for gate {self.after.id}"


@dataclass(frozen=True, slots=True)
class SubscriptionMoved:
    """A subscription is let into life by its gate, or goes with it."""

    before: Subscription
    after: Subscription

    @property
    def words(self) -> str:
        return f"subscription {self.after.processor_id} is {self.after.status}"


@dataclass(frozen=True, slots=True)
class LateDealtWith:
    """Money that came too late is on its way: back, or to what it was for."""

    before: Late
    after: Late

    @property
    def words(self) -> str:
        return f"{self.after.amount} came late ({self.after.why}): {self.after.decision}"


@dataclass(frozen=True, slots=True)
class UpgradeWithdrawn:
    """The bill of a change of plan that was refused is to be void."""

    before: Upgrade
    after: Upgrade

    @property
    def words(self) -> str:
        return f"withdraw invoice {self.after.invoice} of a change of plan that was not paid"


@dataclass(frozen=True, slots=True)
class StandingChanged:
    before: str
    after: str

    @property
    def words(self) -> str:
        return f"standing {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class WakeChanged:
    before: datetime | None
    after: datetime | None

    @property
    def words(self) -> str:
        return f"look again {_at(self.after)}" if self.after else "look again on news only"


@dataclass(frozen=True, slots=True)
class TaskOpened:
    task: Task

    @property
    def words(self) -> str:
        return f"open a task: {self.task.detail}"


@dataclass(frozen=True, slots=True)
class TaskClosed:
    task: Task

    @property
    def words(self) -> str:
        return f"close the task: {self.task.detail}"


Change = (
    CaseOpened
    | CaseMoved
    | CaseEnded
    | CaseSettled
    | InvoiceTaken
    | DebtEntered
    | DebtLeft
    | AttemptWithdrawn
    | AttemptIntended
    | Restricted
    | Lifted
    | EndRequested
    | GateChanged
    | SubscriptionMoved
    | LateDealtWith
    | UpgradeWithdrawn
    | StandingChanged
    | NoticePlaced
    | NoticeDropped
    | TaskOpened
    | TaskClosed
    | WakeChanged
)


def _at(instant: datetime | None) -> str:
    return instant.strftime("%Y-%m-%d %H:%M UTC") if instant else "never"
