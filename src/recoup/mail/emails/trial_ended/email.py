from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail.base import Email, MailFacts
from recoup.mail.letter import SAMPLE, bought, paid_with
from recoup.mail.parts import Button, Part, Say


@dataclass(frozen=True, slots=True)
class TrialEnded(Email):
    """A trial is over: it goes on for money, or has ended with the trial."""

    folder: ClassVar[str] = "trial_ended"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(SAMPLE)

    def subject(self) -> Say:
        return Say("subject")

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        if facts.ended:
            yield Say("ended", {"bought": bought(facts)})
            yield Say("again")
            yield Button(facts.pay_url, "button_again")
        elif facts.amount is not None and facts.amount.minor == 0:
            yield Say("goes_on_free", {"bought": bought(facts)})
            yield Button(facts.pay_url)
        else:
            yield from _goes_on(facts)


def _goes_on(facts: MailFacts) -> Iterator[Part]:
    """Yield what is due. Without a way to pay nothing is promised: access hangs on one."""
    yield Say("goes_on" if facts.amount else "goes_on_unpriced", {"bought": bought(facts)})
    if facts.amount:
        yield Say("due", {"amount": facts.amount})
    if facts.card is None:
        yield Say("card_none")
        yield Button(facts.pay_url, "button_add")
        return
    method = paid_with(facts.card)
    yield Say("card", {"method": method}) if method else Say("card_some")
    if not facts.consequences:
        yield Say("access")
    yield Button(facts.pay_url)
