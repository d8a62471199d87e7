from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail import letter, wording
from recoup.mail.base import MailFacts
from recoup.mail.letter import Written


@dataclass(frozen=True, slots=True)
class RefundIssued(Written):
    """Money came when nothing was owed any more, and was given back."""

    folder: ClassVar[str] = "refund_issued"

    amount: str  #: "49.00 EUR", or "your payment"
    came: str  #: " on 8 March 2026", or ""
    method: str  #: "to Visa ending in 4242", or "to what you paid with"

    @classmethod
    def about(cls, facts: MailFacts) -> Self:
        words = letter.words(facts)
        method = wording.one_line(facts.method or "")
        return cls(
            **words,
            amount=str(facts.amount) if facts.amount else "your payment",
            came=f" on {wording.day(facts.at, facts.time_zone)}" if facts.at else "",
            method=f"to {method}" if method else "to what you paid with",
        )
