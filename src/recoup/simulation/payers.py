"""
Payers: obligations whose payment failed, with the truth about when a payment would work.

The truth is fixed when a payer is drawn. It is a function of the payer and the instant and knows
no policy, so every policy meets the same payers. Spans are whole seconds since the first failure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count, pairwise
from typing import Final

from recoup.simulation.dice import About, Dice, mixed
from recoup.simulation.worlds import World

HOUR: Final = 3_600
DAY: Final = 24 * HOUR
#: How far ahead the truth is known: longer than a ladder may be stretched.
HORIZON: Final = 60 * DAY
FOREVER: Final = 1 << 40

#: Of customers who come, those with a new card; the others pay by link with another. Assumed.
NEW_CARD: Final = 0.6

#: Failures are spread over a year.
FROM: Final = datetime(2026, 1, 1, tzinfo=UTC)
YEAR: Final = 365

_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday")
_MONTH_DAYS: Final = {"first": 1, "fifteenth": 15, "twenty_fifth": 25}
#: Causes that no waiting cures.
_INSTRUMENT: Final = frozenset({"expired", "closed", "lost"})

Openings = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Payer:
    """One obligation that failed, and the truth about it."""

    number: int
    world: World
    dice: Dice
    anchor: datetime  #: when the payment failed, UTC
    amount: int  #: minor units of USD
    brand: str
    debit: bool
    country: str
    cause: str
    openings: Openings  #: spans, half-open, in which the bank would pay
    vague: bool  #: the bank says 05 whatever the cause
    advised: bool  #: the bank sends advice 24 to 30
    updated: int | None  #: when an account updater brings new details

    def at(self, age: int) -> datetime:
        return self.anchor + timedelta(seconds=age)

    def pays(self, age: int) -> bool:
        """Whether the bank pays at `age`, if it is not asked too often."""
        return any(start <= age < end for start, end in self.openings) and not self.silent(age)

    def silent(self, age: int) -> bool:
        """Whether the bank does not answer in this hour."""
        return age >= HOUR and self.dice.happens(self.world.blip, About.BLIP, age // HOUR)

    def first_open(self, after: int, until: int) -> int | None:
        """Return the first instant from `after` to `until`, both included, when it pays."""
        for start, end in self.openings:
            age = max(start, after)
            while age < end and age <= until:
                if not self.silent(age):
                    return age
                age = (age // HOUR + 1) * HOUR
        return None

    def comes(self, mails: Sequence[int]) -> int | None:
        """
        Return when the customer pays by themselves, if every one of `mails` is sent.

        Args:
            mails: When they are sent, seconds since the failure. What becomes of one follows
                from its place among them, and from nothing else that a policy does.
        """
        return min(_answers(self, mails), default=None)


def draw(world: World, seed: int, number: int) -> Payer:
    """Return payer `number` of the world, as `seed` has it."""
    dice = Dice(mixed(seed, number))
    cause = dice.pick(world.causes, About.CAUSE)
    anchor, openings = _truth(world, dice, cause)
    country = "IN" if dice.happens(world.india, About.COUNTRY) else "US"
    updated = None
    if cause in _INSTRUMENT and dice.happens(world.updater[cause], About.UPDATER):
        updated = _span(dice.spread(world.updater_days * DAY, 1.0, About.UPDATER, 1))
        openings = ((updated, FOREVER),)
    return Payer(
        number=number,
        world=world,
        dice=dice,
        anchor=anchor,
        amount=max(100, round(100 * dice.spread(world.amount, 0.9, About.AMOUNT))),
        brand=dice.pick(world.brands, About.BRAND),
        debit=dice.happens(world.debit, About.DEBIT),
        country=country,
        cause=cause,
        openings=() if country == "IN" else openings,
        vague=dice.happens(world.vague, About.VAGUE),
        advised=dice.happens(world.advised, About.ADVISED),
        updated=updated,
    )


def _span(seconds: float) -> int:
    return min(max(HOUR, int(seconds)), HORIZON)


def _anchor(dice: Dice, draw: int) -> datetime:
    day = int(dice.roll(About.ANCHOR, draw) * YEAR)
    return FROM + timedelta(days=day, seconds=int(dice.roll(About.HOUR, draw) * DAY))


def _truth(world: World, dice: Dice, cause: str) -> tuple[datetime, Openings]:
    """Return when the payment failed, and when one works from then on, but for an updater."""
    anchor = _anchor(dice, 0)
    if cause == "funds":
        if dice.happens(world.dry, About.DRY):
            return anchor, ()
        return _funds(world, dice)
    if cause == "risk":
        return anchor, _risk(world, dice)
    if cause == "technical":
        return anchor, ((_span(dice.spread(world.down_hours * HOUR, 1.5, About.CLEARS)), FOREVER),)
    if cause == "limit":
        days = 1 if dice.happens(world.limit_daily, About.MOOD) else 30
        return anchor, ((_span(dice.roll(About.CLEARS) * days * DAY), FOREVER),)
    return anchor, ()


def _risk(world: World, dice: Dice) -> Openings:
    mood = dice.pick(world.mood, About.MOOD)
    if mood == "clears":
        clears = dice.spread(world.clears_days * DAY, world.clears_spread, About.CLEARS)
        return ((_span(clears), FOREVER),)
    if mood == "moody":
        days = range(HORIZON // DAY)
        return tuple(
            (max(HOUR, day * DAY), (day + 1) * DAY)
            for day in days
            if dice.happens(world.moody_approves, About.MOOD, 1, day)
        )
    return ()


def _funds(world: World, dice: Dice) -> tuple[datetime, Openings]:
    """
    Return a failure at a moment without money, and the spans in which there is some.

    Billing days know nothing of paydays: of failures drawn at any moment, the first is taken at
    which there is no money. That is what makes payers whose money is soon gone frequent here.
    """
    cycle = dice.pick(world.cycles, About.CYCLE)
    share = dice.spread(world.lasting, world.lasting_spread, About.SHARE)
    for draw in count():
        anchor = _anchor(dice, draw)
        spans = tuple(_spans(world, dice, cycle, share, anchor))
        if draw > 40 or not any(start <= 0 < end for start, end in spans):
            return anchor, tuple(span for span in spans if span[0] > 0)
    raise AssertionError


def _spans(
    world: World, dice: Dice, cycle: str, share: float, anchor: datetime
) -> Iterator[tuple[int, int]]:
    paydays = list(_paydays(world, dice, cycle, anchor))
    for payday, following in pairwise(paydays):
        deposit = timedelta(seconds=int(dice.roll(About.DEPOSIT) * 9 * HOUR))
        start = datetime(payday.year, payday.month, payday.day, tzinfo=UTC) + deposit - anchor
        length = (following - payday).days * DAY
        wobble = dice.spread(1, world.lasting_wobble, About.LASTING, payday.toordinal())
        begins = start.days * DAY + start.seconds
        yield begins, begins + min(int(share * wobble * length), length)


def _paydays(world: World, dice: Dice, cycle: str, anchor: datetime) -> Iterator[date]:
    """Give the paydays from before the failure to behind the horizon."""
    today = anchor.date()
    first, last = today - timedelta(days=35), today + timedelta(days=HORIZON // DAY + 35)
    if cycle in {"weekly", "biweekly"}:
        every = 7 if cycle == "weekly" else 14
        weekday = _WEEKDAYS.index(dice.pick(world.paydays, About.PHASE))
        odd = 7 * int(dice.roll(About.PHASE, 1) * 2) if every == 14 else 0
        ordinal = first.toordinal()
        day = first + timedelta(days=(weekday + 1 + odd - ordinal) % every)
        while day <= last:
            yield day
            day += timedelta(days=every)
        return
    which = dice.pick(world.month_days, About.PHASE)
    day = first
    while day <= last:
        if _is_payday(day, cycle, which):
            yield day
        day += timedelta(days=1)


def _is_payday(day: date, cycle: str, which: str) -> bool:
    last = (day + timedelta(days=1)).day == 1
    if cycle == "semimonthly":
        return day.day == 15 or (last if which in {"last", "twenty_fifth"} else day.day == 1)
    return last if which == "last" else day.day == _MONTH_DAYS[which]


def _answers(payer: Payer, mails: Sequence[int]) -> Iterator[int]:
    """Give when the customer would pay, for every mail that makes them."""
    world, dice = payer.world, payer.dice
    for place, sent in enumerate(mails):
        if not dice.happens(world.answers[payer.cause], About.ANSWERS, place):
            continue
        how = "card" if dice.happens(NEW_CARD, About.WORKS, place) else "link"
        if dice.happens(world.answer_works[how], About.WORKS, place, 1):
            hours = dice.spread(world.answer_hours, 1.4, About.DELAY, place)
            yield sent + max(60, int(hours * HOUR))
