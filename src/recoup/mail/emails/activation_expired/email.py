from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail import letter
from recoup.mail.base import MailFacts
from recoup.mail.letter import Written


@dataclass(frozen=True, slots=True)
class ActivationExpired(Written):
    """What was ordered did not start, because its first payment did not come. Nothing is owed."""

    folder: ClassVar[str] = "activation_expired"

    what: str  #: why it did not start, a sentence
    decline: str  #: why it was refused, a sentence, or ""
    late: str  #: what becomes of money that comes after all, a sentence

    @classmethod
    def about(cls, facts: MailFacts) -> Self:
        words = letter.words(facts)
        sum = str(facts.amount) if facts.amount else ""
        payment = f"the payment of {sum} for {words['bought']}" if sum else "the first payment"
        if facts.timed_out:
            what = f"We did not receive {payment} in time, so it has not started."
        else:
            what = f"{payment[0].upper()}{payment[1:]} did not go through, so it has not started."
        late = (
            "If your payment arrives after all, we start it or give the money back."
            if facts.late_buys
            else "If your payment arrives after all, we give it back."
        )
        decline = "" if facts.timed_out else letter.reason(facts)
        return cls(**words, what=what, decline=decline, late=late)
