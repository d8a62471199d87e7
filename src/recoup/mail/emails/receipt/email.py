from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail import letter, wording
from recoup.mail.base import MailFacts
from recoup.mail.letter import Written


@dataclass(frozen=True, slots=True)
class Receipt(Written):
    """Money was received, and what it was for has started."""

    folder: ClassVar[str] = "receipt"

    amount: str  #: "49.00 EUR", or "your payment"
    paid: str  #: "on 8 March 2026, with Visa ending in 4242", as far as it is known

    @classmethod
    def about(cls, facts: MailFacts) -> Self:
        words = letter.words(facts)
        method = wording.one_line(facts.method or "")
        parts = (
            f"on {wording.day(facts.at, facts.time_zone)}" if facts.at else "",
            f"with {method}" if method else "",
        )
        return cls(
            **words,
            amount=str(facts.amount) if facts.amount else "your payment",
            paid="".join(f", {part}" for part in parts if part),
        )
