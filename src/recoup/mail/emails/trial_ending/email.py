from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Self

from recoup.mail.base import Email, MailFacts
from recoup.mail.letter import NOON, SAMPLE, bought, paid_with
from recoup.mail.parts import Button, Day, Part, Say


@dataclass(frozen=True, slots=True)
class TrialEnding(Email):
    """A trial ends in some days: what is charged then, with what, and how to leave before."""

    folder: ClassVar[str] = "trial_ending"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, trial_ends_at=NOON + timedelta(days=3), days=3))

    def subject(self) -> Say:
        at = self.facts.trial_ends_at
        return Say("subject", {"day": Day(at)}) if at else Say("subject_soon")

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        at, what = facts.trial_ends_at, bought(facts)
        yield (
            Say("ends", {"bought": what, "day": Day(at)})
            if at
            else Say("ends_soon", {"bought": what})
        )
        if _ends_with_it(facts):
            yield Say("over")
            yield Say("keep")
            yield Button(facts.pay_url, "button_keep")
        else:
            yield from _continued(facts)


def _ends_with_it(facts: MailFacts) -> bool:
    """Whether the subscription is to end by then, so that nothing comes after the trial."""
    ends, trial = facts.ends_at, facts.trial_ends_at
    return ends is not None and trial is not None and ends <= trial


def _continued(facts: MailFacts) -> Iterator[Part]:
    amount = facts.amount
    if amount is not None and amount.minor == 0:
        yield Say("continues_free")
        yield Button(facts.pay_url)
        return
    yield Say("continues", {"amount": amount}) if amount else Say("continues_unpriced")
    method = paid_with(facts.card)
    if facts.card is None:
        yield Say("card_none")
    else:
        yield Say("card", {"method": method}) if method else Say("card_some")
    yield Say("cancel")
    yield Button(facts.pay_url, "button" if facts.card else "button_add")
