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
)
from recoup.mail.parts import Button, Day, Part, Say


@dataclass(frozen=True, slots=True)
class InvoicePaymentFailed(Email):
    """We tried to collect an invoice, and were refused; no campaign tells of it."""

    folder: ClassVar[str] = "invoice_payment_failed"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, next_try_at=NOON + timedelta(days=3)))

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield of_sum("failed", facts)
        yield from decline(facts)
        if facts.starts:
            yield Say("waiting")
        due = payable_until(facts)
        if due:
            yield Say("due", {"due": Day(due)})
        elif not facts.starts:
            yield Say("unpaid")
        if facts.next_try_at:
            yield Say("again", {"next": Day(facts.next_try_at)})
        yield Button(facts.pay_url)
        yield from rows(numbers(facts), ("method", paid_with(facts.card)))
