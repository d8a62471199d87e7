from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail.letter import Letter, bought, decline, together, warning_of
from recoup.mail.parts import Part, Say, Term


@dataclass(frozen=True, slots=True)
class DunningActionRequired(Letter):
    """The second notice: still unpaid, and what the first restriction will be."""

    folder: ClassVar[str] = "dunning_action_required"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(warning_of(("soft", "restrict_features", 3)))

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        yield self.of_debt("unpaid")
        yield from decline(self.facts)
        yield from self.held()
        yield from self.warned()
        yield Say("do", {"deadline": self.deadline()})
        yield self.button()
        yield together(self.returns(), Term("deadline.stays"))
        yield from self.bill()
