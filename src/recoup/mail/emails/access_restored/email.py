from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from recoup.mail.base import Email
from recoup.mail.letter import SAMPLE, bought
from recoup.mail.parts import Button, Part, Say


@dataclass(frozen=True, slots=True)
class AccessRestored(Email):
    """What a debt had closed is open again, and no payment did that: somebody decided it."""

    folder: ClassVar[str] = "access_restored"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, owed=()))

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield Say("open", {"bought": bought(facts)})
        yield Say("left", {"owed": facts.owed}) if facts.owed else Say("done")
        yield Button(facts.pay_url, "pay" if facts.owed else "button")
