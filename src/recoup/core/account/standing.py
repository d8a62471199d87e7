"""Where a customer stands: cases, notices, restrictions, and what people decided or must do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from recoup.core import states
from recoup.core.periods import Period
from recoup.core.states import CaseEnd, HoldKind, NoticeState

#: Why a notice was skipped when there is nowhere to send it.
NO_ADDRESS: Final = "no address to write to"
DECEASED: Final = "the payer has died: a person takes over"
#: Why it was skipped when a person said so.
LEFT_OUT: Final = "left out by a person"
#: What the reason begins with when the step is not for this debt.
UNFIT: Final = "not for this debt: "

#: Standings that are no rung of a ladder.
CURRENT: Final = "current"
LIFTING: Final = "lifting"
BAD_DEBT: Final = "bad_debt"


@dataclass(frozen=True, slots=True)
class Case:
    """One episode of debt of one scope. Its id is negative until it is stored."""

    id: int
    scope: str
    anchor: datetime  #: when the oldest unpaid obligation in it first failed
    opened_at: datetime  #: its first anchor
    policy: str  #: "key/version", kept for as long as the case runs
    rung: str | None  #: the ladder's rung it stands on; None before the first
    rung_since: datetime | None
    end: CaseEnd | None = None
    ended_at: datetime | None = None
    settled_at: datetime | None = None  #: when an exhausted case stopped being bad debt
    engine: str | None = None  #: what brings its steps up; None: ours

    @property
    def open(self) -> bool:
        return self.end is None

    @property
    def unsettled(self) -> bool:
        """Exhausted, and its money not accounted for: bad debt."""
        return self.end == CaseEnd.EXHAUSTED and self.settled_at is None


@dataclass(frozen=True, slots=True)
class Notice:
    """One step of a case's campaign. Unique by scope, anchor and step while the case runs."""

    id: int | None
    scope: str
    anchor: datetime
    step: str
    mail: str
    due_at: datetime  #: the anchor and the step's offset, without time on hold
    placed_at: datetime  #: when it was found to be due; later than that after an outage
    state: NoticeState
    reason: str | None = None
    delivered_at: datetime | None = None  #: accepted by the recipient's side, as far as known
    bounced_at: datetime | None = None

    @property
    def key(self) -> tuple[str, datetime, str]:
        return self.scope, self.anchor, self.step

    @property
    def undelivered(self) -> bool:
        """Whether nobody could be told: it bounced, or there is no address, or no reader."""
        return self.bounced_at is not None or self.reason in {NO_ADDRESS, DECEASED}

    @property
    def passed_over(self) -> bool:
        """Whether nobody was to be told: then it announces nothing either."""
        reason = self.reason or ""
        return reason == LEFT_OUT or reason.startswith(UNFIT)


@dataclass(frozen=True, slots=True)
class StepRequest:
    """An engine outside asked for a step of a campaign. It may come before the step is due."""

    scope: str
    anchor: datetime
    step: str

    @property
    def key(self) -> tuple[str, datetime, str]:
        return self.scope, self.anchor, self.step


@dataclass(frozen=True, slots=True)
class Restriction:
    """A consequence that holds for one scope until it is lifted."""

    id: int | None
    scope: str
    consequence: str
    rung: str
    since: datetime

    @property
    def key(self) -> tuple[str, str]:
        return self.scope, self.consequence


@dataclass(frozen=True, slots=True)
class Hold:
    """
    A person's decision to pause dunning: no notice and no climb while it lasts.

    What its kind does besides is in `HoldKind`. None of them keeps anything from being restored.
    """

    id: int
    reason: str
    during: Period
    kind: HoldKind = HoldKind.HOLD
    actor: str = ""  #: who decided it

    @property
    def stops_tries(self) -> bool:
        return states.stops_tries(self.kind)

    @property
    def gives_back(self) -> bool:
        return states.gives_back(self.kind)

    @property
    def what(self) -> str:
        """What it is: "held"."""
        return _HOLD_WORDS[self.kind]

    @property
    def words(self) -> str:
        """What it is, with its reason."""
        return f"{self.what} ({self.reason})"


_HOLD_WORDS: Final = {
    HoldKind.HOLD: "held",
    HoldKind.PROMISE: "payment is promised",
    HoldKind.GRACE: "given grace",
    HoldKind.EXEMPT: "exempt",
}


@dataclass(frozen=True, slots=True, order=True)
class Task:
    """Something only a person can bring on. Open while its cause lasts."""

    key: str
    kind: str
    detail: str
    id: int | None = field(default=None, compare=False)
