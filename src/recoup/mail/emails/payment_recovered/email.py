from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from recoup.mail.base import Email
from recoup.mail.letter import SAMPLE, bought, of_sum, payment
from recoup.mail.parts import Button, Part, Say
from recoup.mail.wording import change


@dataclass(frozen=True, slots=True)
class PaymentRecovered(Email):
    """A case ended with its money: nothing of it is owed, and nothing is closed any more."""

    folder: ClassVar[str] = "payment_recovered"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, owed=(), consequences=("read_only",)))

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield of_sum("received", facts)
        if not facts.ended:
            yield from self._access()
        yield Say("done")
        yield Button(facts.pay_url)
        yield from payment(facts)

    def _access(self) -> Iterator[Part]:
        """Yield what works again, or goes on; nothing where that is unknown."""
        facts = self.facts
        closed = any(map(change, facts.consequences))
        if facts.recurring:
            yield Say("open" if closed else "goes_on", {"bought": bought(facts)})
        elif closed:
            yield Say("open_plain")
