from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Final, Self

from recoup.mail.base import Email, MailFacts
from recoup.mail.letter import NOON, SAMPLE, bought
from recoup.mail.parts import Button, Day, Part, Say

REQUESTED: Final = "requested"
#: Ends for want of money. Any other, fraud or a wish of the processor's, is told without why.
UNPAID: Final = frozenset({"payment_failed", "dunning_exhausted"})
#: Those who may well come back, and are told where.
WELCOME: Final = UNPAID | {REQUESTED, "timeout"}


@dataclass(frozen=True, slots=True)
class SubscriptionCanceled(Email):
    """A subscription is to end, or has ended: why, when, and what becomes of access."""

    folder: ClassVar[str] = "subscription_canceled"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(replace(SAMPLE, owed=(), ended=True, ends_at=NOON, why=REQUESTED))

    def subject(self) -> Say:
        facts = self.facts
        what = {"bought": bought(facts)}
        if facts.ended:
            return Say("subject_ended", what)
        if facts.ends_at is None:
            return Say("subject", what)
        return Say("subject_later", {**what, "day": Day(facts.ends_at)})

    def parts(self) -> Iterator[Part]:
        facts = self.facts
        if facts.ended:
            yield from _ended(facts)
        elif facts.ends_at is None:
            key = "canceled_requested" if facts.why == REQUESTED else "canceled"
            yield Say(key, {"bought": bought(facts)})
            yield from _next(facts)
        else:
            yield from _later(facts, facts.ends_at)


def _ended(facts: MailFacts) -> Iterator[Part]:
    key = f"ended_{facts.why}" if facts.why in UNPAID | {REQUESTED} else "ended"
    yield Say(key, {"bought": bought(facts)})
    yield Say("closed_on", {"day": Day(facts.ends_at)}) if facts.ends_at else Say("closed")
    yield from _next(facts)


def _later(facts: MailFacts, ends_at: datetime) -> Iterator[Part]:
    asked, unpaid = facts.why == REQUESTED, facts.why in UNPAID
    key = "later_requested" if asked else "later_unpaid" if unpaid else "later"
    yield Say(key, {"bought": bought(facts), "day": Day(ends_at)})
    yield Say("until_limited" if unpaid or facts.consequences else "until")
    if asked:
        yield Say("undo")
        yield Button(facts.pay_url, "button_keep")
    else:
        yield from _next(facts, back=False)


def _next(facts: MailFacts, *, back: bool = True) -> Iterator[Part]:
    """Yield the one thing to do: to pay what is left, or to come back where they may."""
    if facts.why in UNPAID and facts.owed:
        yield Say("owed", {"owed": facts.owed})
        yield Button(facts.pay_url, "button_pay")
    elif back and facts.why in WELCOME:
        yield Say("again")
        yield Button(facts.pay_url, "button_again")
    else:
        yield Button(facts.pay_url)
