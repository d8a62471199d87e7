from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from recoup.mail.base import Email
from recoup.mail.letter import SAMPLE, bought, of_sum, payment
from recoup.mail.parts import Button, Part, Say
from recoup.mail.wording import change


@dataclass(frozen=True, slots=True)
class BadDebtPaid(Email):
    """Money came for a debt whose case had ended without it. Opens what was closed until then."""

    folder: ClassVar[str] = "bad_debt_paid"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, owed=(), ended=True))

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield of_sum("received", facts)
        yield self._settled()
        if facts.owed:
            yield Say("left", {"owed": facts.owed})
        yield from self._access()
        yield self._button()
        yield from payment(facts)

    def _settled(self) -> Say:
        numbers = self.facts.invoices
        if not numbers:
            return Say("settled_plain")
        return Say("settled", {"count": len(numbers), "invoices": numbers})

    def _access(self) -> Iterator[Part]:
        """Yield what the payment opens, or that it opens nothing; less where more is owed."""
        facts = self.facts
        if facts.ended:
            yield Say("over")
        elif not facts.owed:
            if not any(map(change, facts.consequences)):
                yield Say("open")
            yield Say("done")

    def _button(self) -> Button:
        facts = self.facts
        if facts.owed:
            return Button(facts.pay_url, "pay")
        return Button(facts.pay_url, "again" if facts.ended else "button")
