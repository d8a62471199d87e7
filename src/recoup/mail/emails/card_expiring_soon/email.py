from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from recoup.mail.base import Card, Email
from recoup.mail.letter import SAMPLE, bought, paid_with, rows
from recoup.mail.parts import Button, Day, Month, Part, Say


@dataclass(frozen=True, slots=True)
class CardExpiringSoon(Email):
    """A card that pays for something is about to expire: in 30 days, in 7, in one."""

    folder: ClassVar[str] = "card_expiring_soon"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, card=Card("visa", "4242", (2026, 3)), days=7))

    def subject(self) -> Say:
        days = self.facts.days
        return Say("subject_plain") if days is None else Say("subject", {"count": days})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        expires = facts.card.expires if facts.card else None
        words = {"bought": bought(facts)}
        if facts.days is None:
            yield Say("expires_plain", words)
        else:
            yield Say("expires", words | {"count": facts.days})
        yield from rows(
            ("card", paid_with(facts.card)),
            ("expires", Month(*expires) if expires else None),
        )
        yield Say("after")
        if facts.due_at:
            yield Say("next", {"due": Day(facts.due_at)})
        yield Say("please")
        yield Button(facts.pay_url)
        yield Say("done")
