from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Self

from recoup.mail.base import Email
from recoup.mail.letter import NOON, SAMPLE, bought
from recoup.mail.parts import Button, Day, Part, Say


@dataclass(frozen=True, slots=True)
class SubscriptionPaused(Email):
    """A subscription rests: what that closes, and until when."""

    folder: ClassVar[str] = "subscription_paused"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, resumes_at=NOON + timedelta(days=30)))

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield Say("paused", {"bought": bought(facts)})
        yield Say("rests")
        until = facts.resumes_at
        yield Say("until", {"day": Day(until)}) if until else Say("open")
        yield Button(facts.pay_url)
