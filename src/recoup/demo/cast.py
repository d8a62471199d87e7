"""
Who plays: a thousand customers, their cards, and what they do when a payment fails.

Most cards always pay. The others fail like cards do: no money before payday, a bank that says no
without a reason, expired, lost, a bank that wants the holder, one that is down. Shares are
in the order published statistics rank them; docs/demo.md lists them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from recoup.core.money import Money
from recoup.processors.fake import (
    EXPIRED,
    LOST,
    Asks,
    Broke,
    Declines,
    FakeProcessor,
    Habit,
    Payer,
    Pays,
    Refusal,
    Sometimes,
)

DAY: Final = timedelta(days=1)
_T = TypeVar("_T")

#: Monthly prices in cents, and how many of a thousand customers take each.
PLANS: Final = ((1900, 500), (4900, 350), (19900, 150))
CURRENCY: Final = "EUR"
#: Country, how many of a thousand live there, and the language they read.
COUNTRIES: Final = (("DE", 350, "de"), ("FR", 250, "fr"), ("US", 250, "en"), ("ES", 150, "es"))
BRANDS: Final = (("visa", 550), ("mastercard", 400), ("amex", 50))

NAMES: Final = (
    "Ada Alan Barbara Claude Donald Edsger Frances Grace Hedy Ida Joan Karen Leslie Margaret "
    "Niklaus Olga Peter Radia Sophie Tim Ursula Vint Wendy Yukihiro Zoe"
).split()
SURNAMES: Final = (
    "Adler Berger Costa Dubois Evans Fischer Garcia Hoffmann Ivanov Jansen Keller Laurent "
    "Moreau Novak Olsen Petit Quinn Rossi Santos Torres Urban Vidal Weber Young Zimmer"
).split()


@dataclass(frozen=True, slots=True)
class Part:
    """One customer to be: when it signs up, for what, and how its card behaves afterwards."""

    at: datetime
    name: str
    email: str | None
    country: str
    locale: str
    brand: str
    plan: int
    payer: Payer
    habits: tuple[Habit, ...]


def cast(customers: int, *, seed: int, start: datetime) -> tuple[Part, ...]:
    """Return the parts, in the order they sign up: evenly over the first four weeks."""
    dice = random.Random(f"cast:{seed}")  # noqa: S311  dice that repeat
    step = 28 * DAY / max(customers, 1)
    return tuple(_part(dice, start + n * step, n) for n in range(customers))


def enter(fake: FakeProcessor, part: Part, prices: Sequence[str]) -> None:
    """Let one customer sign up. Its card pays while its holder is there, whatever comes later."""
    with fake.batch():
        customer = fake.create_customer(
            email=part.email,
            name=part.name,
            country=part.country,
            locale=part.locale,
            habits=part.habits,
        )
        method = fake.attach_method(customer, brand=part.brand, country=part.country)
        fake.subscribe(customer, prices[part.plan])
        if not isinstance(part.payer, Pays):
            fake.update_method(method, payer=part.payer)


def prices(fake: FakeProcessor) -> tuple[str, ...]:
    """Make the price list."""
    return tuple(fake.create_price(Money(minor, CURRENCY)) for minor, _ in PLANS)


def _part(dice: random.Random, at: datetime, number: int) -> Part:
    first, last = dice.choice(NAMES), dice.choice(SURNAMES)
    country, locale = _pick(dice, [((c, lang), share) for c, share, lang in COUNTRIES])
    brand = _pick(dice, BRANDS)
    reachable = dice.random() >= 0.01
    address = f"{first}.{last}.{number}@example.com".lower()
    return Part(
        at=at,
        name=f"{first} {last}",
        email=address if reachable else None,
        country=country,
        locale=locale,
        brand=brand,
        plan=_pick(dice, [(index, share) for index, (_, share) in enumerate(PLANS)]),
        payer=_payer(dice, at),
        habits=_habits(dice),
    )


def _payer(dice: random.Random, at: datetime) -> Payer:
    """Return how a card behaves at renewals. Nine in ten never give any trouble."""
    broke = Broke(payday=at + dice.randint(1, 27) * DAY, lasts=dice.randint(3, 14) * DAY)
    moody = Refusal("do_not_honor", network_decline_code="05")
    down = Refusal("processing_error", network_decline_code="96")
    wave = dice.randint(1, 4)
    kinds: list[tuple[Payer, int]] = [
        (Pays(), 860),
        (broke, 55),
        (Sometimes(700, moody), 30),
        (Declines(EXPIRED), 15),
        (Declines(LOST), 6),
        (Declines(Refusal("stolen_card", "do_not_try_again", "43", "03")), 2),
        (Asks(declines=True), 12),
        (Declines(down, wave), 12),
        (Declines(Refusal("revocation_of_authorization", "do_not_try_again", "R1")), 3),
        (Declines(Refusal("card_velocity_exceeded", "try_again_later", "65"), wave), 5),
    ]
    return _pick(dice, kinds)


def _habits(dice: random.Random) -> tuple[Habit, ...]:
    """Return what the customer does after a failure; most do nothing until a mail nags them."""
    habits: list[Habit] = []
    if dice.random() < 0.45:
        after = timedelta(hours=dice.randint(2, 20 * 24))
        habits.append(Habit(after, "replace_method"))
    if dice.random() < 0.15:
        habits.append(Habit(timedelta(hours=dice.randint(1, 15 * 24)), "pay", per_mille=700))
    if dice.random() < 0.05:
        habits.append(Habit(timedelta(days=dice.randint(1, 25)), "cancel"))
    return tuple(habits)


def _pick(dice: random.Random, weighted: Sequence[tuple[_T, int]]) -> _T:
    return dice.choices([one for one, _ in weighted], [share for _, share in weighted])[0]
