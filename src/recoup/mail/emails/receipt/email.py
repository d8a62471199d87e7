from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from recoup.mail.base import Email
from recoup.mail.letter import SAMPLE, bought, of_sum, payment
from recoup.mail.parts import Button, Part, Say


@dataclass(frozen=True, slots=True)
class Receipt(Email):
    """Money was received: what it was for has started, or a single order is paid."""

    folder: ClassVar[str] = "receipt"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, starts=True))

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield of_sum("received", facts)
        yield from payment(facts)
        yield Say("open" if facts.starts else "done")
        yield Say("where")
        yield Button(facts.pay_url)
