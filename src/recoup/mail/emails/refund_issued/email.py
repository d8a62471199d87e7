from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Self

from recoup.mail.base import Email
from recoup.mail.letter import NOON, SAMPLE, bought, numbers, of_sum, paid_with, rows
from recoup.mail.parts import Button, Day, Part, Say


@dataclass(frozen=True, slots=True)
class RefundIssued(Email):
    """Money was given back: all of it or a part, on request or because nothing was owed."""

    folder: ClassVar[str] = "refund_issued"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, at=NOON - timedelta(days=1), unowed=True))

    def subject(self) -> Say:
        amount = self.facts.amount
        return Say("subject", {"amount": amount}) if amount else Say("subject_plain")

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        yield from self._unowed() if facts.unowed else self._returned()
        yield from rows(
            ("refund", facts.amount),
            ("refunded_to", paid_with(facts.card)),
            ("date", Day(facts.at) if facts.at and not facts.unowed else None),
            numbers(facts),
        )
        yield Say("arrives")
        if facts.unowed:
            yield Say("anew", {"bought": bought(facts)})
        yield Button(facts.pay_url, "start" if facts.unowed else "button")

    def _unowed(self) -> Iterator[Part]:
        facts = self.facts
        words = {"bought": bought(facts)}
        yield Say("came_on", words | {"day": Day(facts.at)}) if facts.at else Say("came", words)
        yield Say("back", {"amount": facts.amount}) if facts.amount else Say("back_plain")

    def _returned(self) -> Iterator[Part]:
        facts = self.facts
        if facts.amount and facts.whole and facts.amount != facts.whole:
            amounts = {"amount": facts.amount, "whole": facts.whole}
            yield Say("part", amounts | {"bought": bought(facts)})
        else:
            yield of_sum("refunded", facts)
