from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from recoup.core.money import Money
from recoup.mail.base import Email
from recoup.mail.letter import SAMPLE, bought
from recoup.mail.parts import Button, Part, Percent, Say


@dataclass(frozen=True, slots=True)
class CouponApplied(Email):
    """A coupon is taken off from now on: how much, and how long."""

    folder: ClassVar[str] = "coupon_applied"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, coupon="Spring", percent_off="25", months=3))

    def subject(self) -> Say:
        return Say("subject")

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        what = bought(facts)
        if facts.coupon:
            yield Say("applied_named", {"coupon": facts.coupon, "bought": what})
        else:
            yield Say("applied", {"bought": what})
        off = Percent(facts.percent_off) if facts.percent_off else facts.amount_off
        if off is not None:
            yield self._how_long(off)
        yield Say("auto")
        yield Button(facts.pay_url)

    def _how_long(self, off: Percent | Money) -> Say:
        if self.facts.forever:
            return Say("forever", {"off": off})
        if self.facts.months is not None:
            return Say("months", {"off": off, "count": self.facts.months})
        return Say("once", {"off": off})
