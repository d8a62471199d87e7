from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Self

from recoup.mail.base import Email
from recoup.mail.letter import NOON, SAMPLE, bought, numbers, paid_with, rows
from recoup.mail.parts import Button, Day, Part, Say


@dataclass(frozen=True, slots=True)
class InvoiceFinalized(Email):
    """
    An invoice was issued.

    `card` is what will be charged for it; without one, the customer pays by themselves until
    `due_at`.
    """

    folder: ClassVar[str] = "invoice_finalized"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, card=None, due_at=NOON + timedelta(days=14)))

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        method = paid_with(facts.card)
        yield Say("made", {"bought": bought(facts)})
        yield from rows(
            numbers(facts),
            ("date", Day(facts.at) if facts.at else None),
            ("amount", facts.amount),
            ("due", Day(facts.due_at) if facts.due_at else None),
            ("method", method),
        )
        if method:
            yield Say("charged")
        elif facts.due_at:
            yield Say("due", {"due": Day(facts.due_at)})
        owed = facts.due_at and not method
        yield Button(facts.pay_url, "pay" if owed else "button")
