from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from recoup.mail.base import Email
from recoup.mail.letter import SAMPLE, bought, numbers, of_sum, rows
from recoup.mail.parts import Button, Part, Say, Term


@dataclass(frozen=True, slots=True)
class ActivationExpired(Email):
    """What was ordered did not start, because its first payment did not come. Nothing is owed."""

    folder: ClassVar[str] = "activation_expired"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, invoices=()))

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield of_sum("missed" if facts.timed_out else "refused", facts)
        if facts.decline and not facts.timed_out:
            yield Term(f"declines.{facts.decline}")
        yield Say("late_buys" if facts.late_buys else "late_back")
        yield from rows(numbers(facts))
        yield Say("again")
        yield Button(facts.pay_url)
