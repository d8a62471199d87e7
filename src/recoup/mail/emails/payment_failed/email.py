from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Self

from recoup.mail.base import Email
from recoup.mail.letter import (
    NOON,
    SAMPLE,
    bought,
    decline,
    numbers,
    of_sum,
    paid_with,
    payable_until,
    rows,
    waits,
)
from recoup.mail.parts import Button, Day, Part, Say


@dataclass(frozen=True, slots=True)
class PaymentFailed(Email):
    """A payment that the customer started was refused, or the first one of something new."""

    folder: ClassVar[str] = "payment_failed"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(
            replace(SAMPLE, invoices=(), starts=True, due_at=NOON + timedelta(hours=23))
        )

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield of_sum("failed", facts)
        yield from decline(facts)
        if facts.unowed:
            yield Say("over")
        else:
            yield from self._unpaid()
        yield Button(facts.pay_url, "button_over" if facts.unowed else "button")
        yield from rows(numbers(facts), ("method", paid_with(facts.card)))

    def _unpaid(self) -> Iterator[Part]:
        facts = self.facts
        yield from waits(facts)
        if not (facts.starts or payable_until(facts)):
            yield Say("unpaid")
        if facts.next_try_at:
            yield Say("again", {"next": Day(facts.next_try_at)})
