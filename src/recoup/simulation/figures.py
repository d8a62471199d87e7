"""
What a simulation says: each contender's figures, and differences on the same payers.

Recovered by retry is what an automatic try brought in, by customers what they paid themselves.
Attempts per recovery are all automatic tries after the first failure, of all payers, divided by
the payers recovered by retry; fees per recovery likewise. Days run from the first failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import Final

from recoup.core.collection.declines import read
from recoup.core.collection.rules import CARD, Rules
from recoup.simulation.contenders import CEILING, SCHEDULES, Contender, Engine, cut_off
from recoup.simulation.payers import DAY, Payer, draw
from recoup.simulation.run import CUSTOMER, RETRY, Outcome, first_refusal, play
from recoup.simulation.worlds import World

#: Of a normal distribution: 95 % lie within so many standard deviations.
WITHIN: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference to the default in recovered share, with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Group:
    """Payers of one class or cause."""

    failed: int
    recovered: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What one contender came to. Shares are of payers, or of their amount in USD cents."""

    name: str
    recovered: int
    by_retry: int
    by_customer: int
    share: float
    amount_share: float
    of_ceiling: float
    tries: int
    attempts_per_recovery: float | None  #: None: nothing was recovered by retry
    fees_usd: float
    fees_per_recovery_usd: float | None
    median_days: float | None
    forbidden: int
    forbidden_by_rule: Mapping[str, int]
    against_advice: int
    mails: int
    to_default: Difference
    by_class: Mapping[str, Group]
    by_cause: Mapping[str, Group]
    curve: tuple[float, ...]  #: the share that was in by the end of each day, from day 0


@dataclass(frozen=True, slots=True)
class EqualPrice:
    """A fixed schedule against the default at the same attempts per recovery."""

    schedule: str
    attempts_per_recovery: float
    schedule_share: float
    default_share: float


@dataclass(frozen=True, slots=True)
class Result:
    """One world."""

    world: str
    words: str
    seed: int
    payers: int
    amount_minor: int
    policies: tuple[Figures, ...]  #: the default first
    cut_offs: tuple[Figures, ...]  #: the default with 1, 2, … tries at most
    equal_price: tuple[EqualPrice, ...]

    def of(self, name: str) -> Figures:
        return next(one for one in (*self.policies, *self.cut_offs) if one.name == name)


def simulate(
    world: World,
    compared: Sequence[Contender],
    *,
    payers: int,
    seed: int,
    cut_offs: bool = True,
    show: Callable[[int], None] = lambda _: None,
) -> Result:
    """
    Return what became of the same payers under everything that is compared.

    Args:
        world: Whose payers.
        compared: The default, an engine, comes first; perfect knowledge is among them.
        payers: How many, 1 or more.
        seed: The same seed, the same payers, whatever is compared.
        cut_offs: Whether to play the default with fewer tries as well.
        show: Told how many payers have been played, over all contenders.
    """
    default, fewer = _in_front(compared), _fewer(compared) if cut_offs else []
    drawn = [draw(world, seed, number) for number in range(payers)]
    played: dict[str, list[Outcome]] = {}
    for contender in (*compared, *fewer):
        outcomes = played[contender.name] = []
        for payer in drawn:
            outcomes.append(play(payer, contender))
            if len(outcomes) % 500 == 0:
                show(500)
    classes = [_class(payer, default.rules) for payer in drawn]
    told = {
        name: _figures(name, outcomes, drawn, classes, played[default.name], played[CEILING])
        for name, outcomes in played.items()
    }
    curve = [told[one.name] for one in (*fewer, default)]
    return Result(
        world=world.name,
        words=world.words,
        seed=seed,
        payers=payers,
        amount_minor=sum(payer.amount for payer in drawn),
        policies=tuple(told[one.name] for one in compared),
        cut_offs=tuple(told[one.name] for one in fewer),
        equal_price=tuple(_equal_prices(curve, told)) if fewer else (),
    )


def games(compared: Sequence[Contender]) -> int:
    """Return how often every payer is played, with all cut-offs."""
    return len(compared) + len(_fewer(compared))


def _in_front(compared: Sequence[Contender]) -> Engine:
    if not isinstance(compared[0], Engine):
        raise TypeError("the first that is compared is an engine")
    return compared[0]


def _fewer(compared: Sequence[Contender]) -> list[Engine]:
    """Return the default with 1, 2, … tries at most, up to one less than it may have."""
    default = _in_front(compared)
    return [cut_off(default, most) for most in range(1, default.rules.recommended_max)]


def _class(payer: Payer, rules: Rules) -> str:
    """Return the class of the first decline, as Recoup reads it."""
    signal = first_refusal(payer).signal
    return str(read(signal, brand=payer.brand, kind=CARD, rules=rules).decline_class)


def _figures(
    name: str,
    outcomes: Sequence[Outcome],
    payers: Sequence[Payer],
    classes: Sequence[str],
    default: Sequence[Outcome],
    ceiling: Sequence[Outcome],
) -> Figures:
    got = [(payer, one) for payer, one in zip(payers, outcomes, strict=True) if one.recovered]
    by_retry = sum(one.how == RETRY for one in outcomes)
    tries, fees = sum(one.tries for one in outcomes), sum(one.fees for one in outcomes)
    best = sum(one.recovered is not None for one in ceiling)
    rules = Counter(rule for one in outcomes for rule in one.forbidden)
    ages = sorted(one.recovered or 0 for _, one in got)
    return Figures(
        name=name,
        recovered=len(got),
        by_retry=by_retry,
        by_customer=sum(one.how == CUSTOMER for one in outcomes),
        share=round(len(got) / len(payers), 6),
        amount_share=round(sum(p.amount for p, _ in got) / sum(p.amount for p in payers), 6),
        of_ceiling=round(len(got) / best, 6) if best else 1.0,
        tries=tries,
        attempts_per_recovery=round(tries / by_retry, 4) if by_retry else None,
        fees_usd=round(fees, 2),
        fees_per_recovery_usd=round(fees / by_retry, 4) if by_retry else None,
        median_days=round(median(ages) / DAY, 2) if ages else None,
        forbidden=rules.total(),
        forbidden_by_rule=dict(sorted(rules.items())),
        against_advice=sum(one.against_advice for one in outcomes),
        mails=sum(one.mails for one in outcomes),
        to_default=_difference(outcomes, default),
        by_class=_groups(classes, outcomes),
        by_cause=_groups([payer.cause for payer in payers], outcomes),
        curve=_curve(ages, len(payers)),
    )


def _groups(names: Sequence[str], outcomes: Sequence[Outcome]) -> dict[str, Group]:
    failed = Counter(names)
    got = Counter(name for name, one in zip(names, outcomes, strict=True) if one.recovered)
    return {name: Group(count, got[name]) for name, count in sorted(failed.items())}


def _curve(ages: Sequence[int], payers: int) -> tuple[float, ...]:
    days = max((ages[-1] if ages else 0) // DAY + 1, 29)
    by_day = Counter(age // DAY for age in ages)
    found, total = [], 0
    for day in range(days):
        total += by_day[day]
        found.append(round(total / payers, 6))
    return tuple(found)


def _difference(outcomes: Sequence[Outcome], default: Sequence[Outcome]) -> Difference:
    """Return the mean of the differences payer by payer, and its normal interval."""
    pairs = zip(outcomes, default, strict=True)
    each = [(one.recovered is not None) - (other.recovered is not None) for one, other in pairs]
    count = len(each)
    mean = sum(each) / count
    variance = sum((value - mean) ** 2 for value in each) / max(1, count - 1)
    reach = WITHIN * sqrt(variance / count)
    return Difference(round(mean, 6), round(mean - reach, 6), round(mean + reach, 6))


def _equal_prices(curve: Sequence[Figures], told: Mapping[str, Figures]) -> list[EqualPrice]:
    """Compare each fixed schedule with what the default recovers at its price."""
    found = []
    for name in SCHEDULES:
        schedule = told.get(name)
        price = None if schedule is None else schedule.attempts_per_recovery
        if schedule is None or price is None:
            continue
        found.append(
            EqualPrice(name, round(price, 4), schedule.share, round(_share_at(price, curve), 6))
        )
    return found


def _share_at(price: float, curve: Sequence[Figures]) -> float:
    """
    Return the largest share that the default recovers at this price or a lower one.

    Of two cut-offs, one dearer and one cheaper, a part of the payers may follow each; the parts
    are chosen so that all tries divided by all recoveries make the price.
    """
    best = 0.0
    cheap = [one for one in curve if (one.attempts_per_recovery or 0) <= price]
    dear = [one for one in curve if (one.attempts_per_recovery or 0) > price]
    for low in cheap:
        best = max(best, low.share)
        for high in dear:
            over, under = high.tries - price * high.by_retry, price * low.by_retry - low.tries
            part = under / (over + under)
            best = max(best, part * high.share + (1 - part) * low.share)
    return best
