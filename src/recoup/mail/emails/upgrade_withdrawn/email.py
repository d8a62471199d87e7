from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail.base import Email
from recoup.mail.letter import SAMPLE, bought, of_sum
from recoup.mail.parts import Button, Part, Say, Term


@dataclass(frozen=True, slots=True)
class UpgradeWithdrawn(Email):
    """A change of plan was not paid, so it is withdrawn. The old plan stays; nothing is owed."""

    folder: ClassVar[str] = "upgrade_withdrawn"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(SAMPLE)

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield of_sum("missed" if facts.timed_out else "refused", facts)
        if facts.decline and not facts.timed_out:
            yield Term(f"declines.{facts.decline}")
        yield Say("stays", {"bought": bought(facts)})
        yield Say("late_buys" if facts.late_buys else "late_back")
        yield Say("again")
        yield Button(facts.pay_url)
