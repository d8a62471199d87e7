"""How people pay in a random history, and what they do when a payment has failed."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final

from recoup.processors.fake import (
    EXPIRED,
    LOST,
    Asks,
    Broke,
    Declines,
    Habit,
    Payer,
    Pays,
    Refusal,
    Slow,
    Sometimes,
)

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)

_MOODY: Final = Refusal("do_not_honor", network_decline_code="05")
_DOWN: Final = Refusal("processing_error", network_decline_code="96")
_LEFT: Final = Refusal("revocation_of_authorization", "do_not_try_again", "R1", "21")
_UNHEARD_OF: Final = Refusal("a_code_of_tomorrow")


def payer(dice: random.Random, now: datetime) -> Payer:
    """Return how a card is answered from `now` on."""
    wave = dice.randint(1, 3)
    payday = now + dice.randint(0, 27) * DAY
    return dice.choice(
        (
            Pays(),
            Pays(),
            Broke(payday=payday, lasts=dice.randint(1, 14) * DAY),
            Broke(payday=payday, lasts=dice.randint(1, 14) * DAY),
            Sometimes(600, _MOODY),
            Declines(EXPIRED),
            Declines(LOST),
            Declines(_LEFT),
            Declines(_UNHEARD_OF, wave),
            Declines(_DOWN, wave),
            Asks(declines=dice.random() < 0.5),
            Slow(takes=dice.randint(1, 9) * DAY),
            Slow(takes=dice.randint(1, 9) * DAY, fails=_MOODY, then=Pays()),
        )
    )


def habits(dice: random.Random) -> tuple[Habit, ...]:
    """Return what a customer does some time after a failure."""
    after = dice.randint(1, 500) * HOUR
    return dice.choice(
        (
            (),
            (),
            (Habit(after, "pay"),),
            (Habit(after, "replace_method"),),
            (Habit(after, "cancel"),),
        )
    )
