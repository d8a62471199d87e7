from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail.letter import Letter, bought, decline, warning_of
from recoup.mail.parts import Part, Say


@dataclass(frozen=True, slots=True)
class DunningRestrictionNotice(Letter):
    """The third notice: from when on the customer can no longer change anything."""

    folder: ClassVar[str] = "dunning_restriction_notice"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(warning_of(("limited", "read_only", 3)))

    def subject(self) -> Say:
        values = {"bought": bought(self.facts), "deadline": self.deadline()}
        return Say("subject" if self._goes_on() else "subject_plain", values)

    def parts(self) -> Iterator[Part]:
        yield self.of_debt("unpaid")
        yield from decline(self.facts)
        yield from self.held()
        yield from self.warned()
        yield Say("do" if self._goes_on() else "do_plain", {"deadline": self.deadline()})
        yield self.button()
        yield Say("safe")
        yield self.returns()
        yield from self.bill()

    def _goes_on(self) -> bool:
        """Whether there is something that a payment in time keeps from a break."""
        return self.facts.recurring and self.first() is not None
