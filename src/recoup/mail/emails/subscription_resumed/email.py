from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail.base import Email
from recoup.mail.letter import SAMPLE, bought
from recoup.mail.parts import Button, Part, Say


@dataclass(frozen=True, slots=True)
class SubscriptionResumed(Email):
    """A pause is over: it is open again, and is billed again."""

    folder: ClassVar[str] = "subscription_resumed"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(SAMPLE)

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield Say("resumed", {"bought": bought(facts)})
        if not facts.consequences:
            yield Say("access")
        yield Say("renews")
        yield Button(facts.pay_url)
