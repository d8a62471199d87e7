from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Final, Self

from recoup.mail.base import Email
from recoup.mail.letter import (
    NOON,
    SAMPLE,
    bought,
    decline,
    numbers,
    of_sum,
    paid_with,
    rows,
    waits,
)
from recoup.mail.parts import Button, Day, Part, Say

#: Refusals that say no more than this mail does by itself.
ASKED: Final = frozenset({"authentication_required", "authentication_not_handled"})
#: The one class of refusals beside which a payment can wait for its confirmation.
WAITS: Final = "action_required"


@dataclass(frozen=True, slots=True)
class PaymentActionRequired(Email):
    """A payment waits for its payer: the bank wants to hear from them that it is theirs."""

    folder: ClassVar[str] = "payment_action_required"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(
            replace(
                SAMPLE,
                decline="authentication_required",
                decline_class="action_required",
                due_at=NOON + timedelta(days=7),
            )
        )

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield of_sum("wanted", facts)
        if facts.decline and facts.decline not in ASKED and facts.decline_class == WAITS:
            yield from decline(facts)
        else:
            yield Say("how")
        yield from waits(facts)
        if facts.next_try_at:
            yield Say("again", {"next": Day(facts.next_try_at)})
        yield Button(facts.pay_url)
        yield from rows(numbers(facts), ("method", paid_with(facts.card)))
