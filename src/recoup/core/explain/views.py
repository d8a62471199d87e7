"""
What an explanation is made of. Values only: the terminal, JSON and a web page show the same.

Instants are UTC. Nothing personal is among them: ids, amounts and codes, no name and no address.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.core.account import CustomerId
from recoup.core.money import Money


@dataclass(frozen=True, slots=True)
class Who:
    """Whom it is about, by every name they have."""

    id: CustomerId
    processor: str
    processor_id: str | None
    owner: str | None  #: "user:42", the host's own name for them

    @property
    def name(self) -> str:
        return self.owner or self.processor_id or f"customer {self.id}"


@dataclass(frozen=True, slots=True)
class MethodView:
    """A way to pay, as people call it."""

    kind: str
    brand: str | None
    last4: str | None

    @property
    def words(self) -> str:
        name = self.brand or self.kind.replace("_", " ")
        return f"{name} ···· {self.last4}" if self.last4 else name


@dataclass(frozen=True, slots=True)
class CaseView:
    """One episode of debt, where it stands and by when it is over."""

    id: int
    scope: str
    about: str  #: the scope in the processor's words: "subscription sub_1"
    since: datetime
    policy: str
    rung: str | None
    rung_since: datetime | None
    next_rung: str | None
    not_before: datetime | None  #: the earliest the next rung can come, as far as is known
    next_look_at: datetime | None  #: when its place can change by time alone; None: only by news
    why: str
    deadline: datetime | None  #: None: on hold without an end
    end: str | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Obligation:
    """What is owed for one invoice."""

    invoice_id: int  #: ours, which verbs take
    invoice: str
    number: str | None
    about: str
    amount: Money
    billed: Money
    since: datetime | None
    disputed: bool


@dataclass(frozen=True, slots=True)
class PlannedTry:
    """The next try by itself for one obligation, or why there is none."""

    invoice_id: int  #: ours, which verbs take
    invoice: str
    at: datetime | None
    method: MethodView | None
    origin: str
    reasons: tuple[str, ...]
    need: str | None  #: what must happen first, when time alone brings no try
    fee: Money | None  #: what networks would charge for trying before `at`
    price: Money | None  #: what they charge for the try at `at`; None: none is published
    stopped: str | None = None  #: by whom and why nobody at all is charged, where that is why


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try that was made."""

    at: datetime
    invoice: str
    amount: Money
    origin: str
    outcome: str
    code: str | None
    meaning: str | None
    method: MethodView | None
    by_customer: bool


@dataclass(frozen=True, slots=True)
class NoticeView:
    """One notice, sent or not."""

    step: str
    mail: str
    about: str
    state: str  #: "due" is one that time will bring
    due_at: datetime | None
    announces: str | None
    reason: str | None = None
    delivered_at: datetime | None = None
    bounced_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notices:
    """A campaign's notices, by what became of them."""

    sent: tuple[NoticeView, ...]
    skipped: tuple[NoticeView, ...]
    due: tuple[NoticeView, ...]  #: waiting to be sent, then those that time will bring


@dataclass(frozen=True, slots=True)
class RestrictionView:
    """What is taken away, and whether there is still a reason for it."""

    consequence: str
    about: str
    rung: str
    since: datetime
    live: bool
    why: str
    inverse: str


@dataclass(frozen=True, slots=True)
class HoldView:
    """A pause that a person ordered."""

    id: int
    reason: str
    since: datetime
    until: datetime | None
    in_force: bool
    kind: str  #: hold, promise, grace or exempt
    actor: str  #: who ordered it


@dataclass(frozen=True, slots=True)
class TaskView:
    """What only a person can bring on."""

    id: int | None
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why deciding on the customer does not work, and when it is tried again."""

    state: str  #: "failed" or "parked"
    failures: int
    reason: str
    next_try_at: datetime | None  #: None: parked, until a person says so


@dataclass(frozen=True, slots=True)
class Record:
    """A decision that was made and changed something."""

    run_id: int
    at: datetime
    trigger: str
    policy: str
    reasons: tuple[str, ...]
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of the story."""

    at: datetime
    kind: str  #: "fact", what happened; "decision", why something was done
    words: str


@dataclass(frozen=True, slots=True)
class WaitingView:
    """What gives or changes nothing before its payment has come."""

    id: int  #: of the gate
    about: str
    purpose: str  #: start or change
    amount: Money | None  #: None: not known yet
    expires_at: datetime | None  #: None: it has not begun
    words: str


@dataclass(frozen=True, slots=True)
class LateView:
    """Money that came when nothing was owed any more."""

    payment: str  #: the processor's id
    amount: Money  #: what is left to be given back
    why: str
    becomes: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything there is to say about why a customer is in this state, as of an instant."""

    customer: Who
    as_of: datetime
    standing: str
    words: str
    waiting: tuple[WaitingView, ...]
    late: tuple[LateView, ...]
    cases: tuple[CaseView, ...]
    obligations: tuple[Obligation, ...]
    plan: tuple[PlannedTry, ...]
    attempts: tuple[AttemptView, ...]
    notices: Notices
    restrictions: tuple[RestrictionView, ...]
    holds: tuple[HoldView, ...]
    tasks: tuple[TaskView, ...]
    trouble: Trouble | None
    pending: tuple[str, ...]  #: what a recompute would change now
    next_wake_at: datetime | None
    decisions: tuple[Record, ...]
    story: tuple[Line, ...]
