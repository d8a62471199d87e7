from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail.letter import Letter, bought, decline, warning_of
from recoup.mail.parts import Part, Say, Term


@dataclass(frozen=True, slots=True)
class DunningFinalNotice(Letter):
    """The last notice: names every rung that is left, the end included."""

    folder: ClassVar[str] = "dunning_final_notice"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(warning_of(("suspended", "suspend", 3), ("ended", "cancel", 7)))

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts), "deadline": self.deadline()})

    def parts(self) -> Iterator[Part]:
        support = self.facts.brand.support
        yield self.of_debt("unpaid")
        yield from decline(self.facts)
        yield from self.held()
        yield from self.warned()
        stays = "do" if self.facts.recurring else "do_plain"
        yield Say(stays, {"deadline": self.deadline()})
        yield self.button()
        yield self.returns()
        yield Term("deadline.stays")
        yield Say("write_support", {"support": support}) if support else Say("write")
        yield from self.bill()
