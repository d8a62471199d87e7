from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail.base import Email
from recoup.mail.letter import SAMPLE, bought, of_sum, payment
from recoup.mail.parts import Button, Part, Say


@dataclass(frozen=True, slots=True)
class InvoicePaid(Email):
    """An invoice was paid, and nothing but that came of it."""

    folder: ClassVar[str] = "invoice_paid"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(SAMPLE)

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield of_sum("received", facts)
        yield from payment(facts)
        yield Say("settled")
        yield Button(facts.pay_url)
