"""What people ordered, as the story tells it: what, by whom and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from recoup.core import states
from recoup.core.explain.words import capitalized
from recoup.core.states import CommandState


@dataclass(frozen=True, slots=True)
class Order:
    """An operator's verb that is on record."""

    verb: str  #: "forgive"
    subject: str  #: what it is about, as the ledger says: "invoice:7"; empty: the customer
    step: str | None  #: of a campaign, where it is about one
    actor: str
    reason: str | None  #: None: forgotten with the customer
    state: CommandState
    at: datetime

    @property
    def who(self) -> str:
        """By whom and why: "by ann: kind"."""
        why = f": {self.reason.removesuffix('.')}" if self.reason else ""
        return f"by {self.actor}{why}"


#: What ends a hold: told with the hold.
RELEASE: Final = "release"

#: Verb -> what was done; a verb that is missing is told by what it changed.
_DONE: Final = {
    "forgive": "{about} was forgiven",
    "write_off": "{about} was written off",
    "mark_uncollectible": "{about} was given up as uncollectible",
    "retry": "A try of {about} was ordered",
    "refund": "A refund was ordered",
    "skip_step": "{step} of {about} was left out",
    "resend_step": "{step} of {about} was ordered to be sent again",
    "change_policy": "Another policy was chosen for {about}",
}


def sentence(order: Order, labels: Mapping[str, str]) -> str | None:
    """Return what was ordered, by whom and why; None where other lines say it."""
    done = _DONE.get(order.verb)
    if done is None:
        return None
    kind, _, number = order.subject.partition(":")
    label = labels.get(order.subject, number)
    about = {"invoice": f"invoice {label}", "case": f"the case for {label}"}.get(
        kind, "what is owed"
    )
    words = done.format(about=about, step=f"step {order.step}" if order.step else "a step")
    refused = " It was refused." if states.was_refused(order.state) else ""
    return f"{capitalized(words)} {order.who}.{refused}"
