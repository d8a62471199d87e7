from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Self

from recoup.mail.letter import NOON, SAMPLE, Letter, bought, decline
from recoup.mail.parts import Day, Part, Say


@dataclass(frozen=True, slots=True)
class DunningReminder(Letter):
    """The first notice: a payment did not go through. Takes nothing away and threatens nothing."""

    folder: ClassVar[str] = "dunning_reminder"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, next_try_at=NOON + timedelta(days=3)))

    def subject(self) -> Say:
        return Say("subject", {"bought": bought(self.facts)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield self.of_debt("failed")
        yield from decline(facts)
        if facts.decline_class is None:
            yield Say("check")
        yield from tuple(self.held()) or (self._unchanged(),)
        if facts.next_try_at:
            yield Say("again", {"day": Day(facts.next_try_at)})
        yield self.button()
        yield Say("paid")
        yield from self.bill()

    def _unchanged(self) -> Say:
        if not self.facts.recurring:
            return Say("unchanged_order")
        return Say("unchanged", {"bought": bought(self.facts)})
