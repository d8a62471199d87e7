"""
The bank: what it answers at an instant, with the codes that came with it.

It refuses a try within the hour of another, and too many in a day; else it answers by the payer's
truth. What it says is not always what is so: some banks say 05 whatever the cause, and the others
now and then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from recoup.core.account import Signal
from recoup.simulation.dice import About
from recoup.simulation.payers import DAY, HOUR, Payer

#: What a bank that names the cause says: decline code, network code, and Mastercard's advice.
SPOKEN: Final[Mapping[str, Sequence[tuple[str, str, str | None]]]] = {
    "funds": (("insufficient_funds", "51", None),),
    "limit": (("card_velocity_exceeded", "61", "02"), ("card_velocity_exceeded", "65", "02")),
    "risk": (("do_not_honor", "05", "02"), ("generic_decline", "05", None)),
    "technical": (("issuer_not_available", "91", None), ("processing_error", "96", None)),
    "expired": (("expired_card", "54", "01"),),
    "closed": (("invalid_account", "46", "03"), ("incorrect_number", "14", "03")),
    "lost": (("lost_card", "41", "03"), ("stolen_card", "43", "03")),
    "authentication": (("authentication_required", "1A", None),),
    "consent": (("revocation_of_authorization", "R1", "21"),),
    "unsupported": (("transaction_not_allowed", "57", None), ("card_not_supported", "57", None)),
}
#: What a bank says that does not say why.
VAGUE: Final = (("do_not_honor", "05", None), ("generic_decline", "05", None))
#: Causes that are hidden behind it.
HIDDEN: Final = frozenset({"funds", "limit", "risk", "closed", "lost"})

SILENCE: Final = Signal("issuer_not_available", None, "91", None)
SO_SOON: Final = Signal("generic_decline", None, "05", None)
TOO_OFTEN: Final = Signal("card_velocity_exceeded", None, "65", None)

#: Mastercard's advice: wait so long.
ADVICE: Final = {
    "24": HOUR,
    "25": DAY,
    "26": 2 * DAY,
    "27": 4 * DAY,
    "28": 6 * DAY,
    "29": 8 * DAY,
    "30": 10 * DAY,
}


def answer(payer: Payer, age: int, earlier: Sequence[int]) -> Signal | None:
    """
    Return the refusal of a try at `age`, or None when the money is in.

    Args:
        payer: Who is asked.
        age: Seconds since the first failure; 0 is that failure.
        earlier: The ages of the tries before, oldest first.
    """
    velocity = payer.world.velocity
    if earlier and age - earlier[-1] < velocity["hours_between"] * HOUR:
        return SO_SOON
    if sum(age - other < DAY for other in earlier) >= velocity["day"]:
        return TOO_OFTEN
    if payer.silent(age):
        return SILENCE
    if payer.pays(age):
        return None
    return _refusal(payer, age)


def _refusal(payer: Payer, age: int) -> Signal:
    dice, cause = payer.dice, payer.cause
    vague = cause in HIDDEN and (
        payer.vague or dice.happens(payer.world.noise, About.NOISE, age // HOUR)
    )
    ways = VAGUE if vague else SPOKEN[cause]
    code, network, advice = ways[int(dice.roll(About.SPEECH) * len(ways))]
    if payer.brand != "mastercard":
        advice = None
    elif network == "51" and payer.advised:
        advice = _advice(payer, age)
    return Signal(code, None, network, advice)


def _advice(payer: Payer, age: int) -> str:
    """Return how long the bank says to wait: to when the money is there, if it knows."""
    if payer.dice.happens(payer.world.advice_right, About.ADVICE, age // HOUR):
        opens = payer.first_open(age + 1, age + 10 * DAY)
        waits = 10 * DAY if opens is None else opens - age
        return next((code for code, wait in ADVICE.items() if wait >= waits), "30")
    return list(ADVICE)[int(payer.dice.roll(About.ADVICE, age // HOUR, 1) * len(ADVICE))]
