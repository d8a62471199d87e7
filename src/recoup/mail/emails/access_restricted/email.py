from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from recoup.mail.letter import SAMPLE, Owing, bought, decline
from recoup.mail.parts import Part, Say, Term


@dataclass(frozen=True, slots=True)
class AccessRestricted(Owing):
    """A debt has closed something that the customer notices."""

    folder: ClassVar[str] = "access_restricted"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, consequences=("read_only",)))

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield self.of_debt("unpaid")
        yield from (Say("ended"),) if facts.ended else self.held()
        yield from decline(facts)
        yield from self.warned()
        if not facts.ended:
            yield self.returns()
        yield self.button()
        yield Term("deadline.stays")
        yield from self.bill()
