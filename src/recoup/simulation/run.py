"""One payer under one contender, from the failure to the money or the end of the ladder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from recoup.core.money import Money
from recoup.simulation.bank import ADVICE, answer
from recoup.simulation.checker import Try, against_advice
from recoup.simulation.contenders import Contender, Refusal, breaches, instrument
from recoup.simulation.payers import Payer

RETRY: Final = "retry"
CUSTOMER: Final = "customer"

#: What a forbidden try costs besides, USD. Source: network_limits.csv.
FORBIDDEN_FEES: Final = {"visa": 0.10, "mastercard": 0.50}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one payer."""

    recovered: int | None  #: seconds after the failure; None: the money never came
    how: str | None  #: "retry" or "customer"
    tries: int  #: automatic ones after the first, refused or not
    forbidden: tuple[str, ...]  #: why, for each try that was
    against_advice: int
    fees: float  #: USD that networks take for those tries
    mails: int


@dataclass(slots=True)
class _Course:
    """What has happened so far."""

    payer: Payer
    refused: list[Refusal]
    tries: int = 0
    forbidden: list[str] = field(default_factory=list)
    against_advice: int = 0
    fees: float = 0.0

    def tried(self, at: int) -> bool:
        """Make a try; return whether the money is in."""
        payer, refused = self.payer, self.refused
        breached = breaches(payer, refused, at)
        self.tries += 1
        self.forbidden.extend(breached[:1])
        self.against_advice += _unheeded(payer, refused, at)
        signal = answer(payer, at, [one.age for one in refused])
        self.fees += _fee(payer, forbidden=bool(breached))
        if signal is None:
            return True
        if signal.network_advice_code in ADVICE:
            self.fees += payer.world.fees["advice"]
        refused.append(Refusal(at, signal, instrument(payer, at)))
        return False

    def over(
        self, recovered: int | None, how: str | None, mails: Sequence[int], until: int
    ) -> Outcome:
        end = until + 1 if recovered is None else recovered
        return Outcome(
            recovered=recovered,
            how=how,
            tries=self.tries,
            forbidden=tuple(self.forbidden),
            against_advice=self.against_advice,
            fees=round(self.fees, 4),
            mails=sum(sent < end for sent in mails),
        )


def first_refusal(payer: Payer) -> Refusal:
    """Return the failure that everything began with."""
    signal = answer(payer, 0, ())
    if signal is None:
        raise AssertionError(f"payer {payer.number} did not fail")
    return Refusal(0, signal, 0)


def play(payer: Payer, contender: Contender) -> Outcome:
    """
    Return what becomes of `payer` under `contender`.

    A try at the ladder's very end is still made. Where a try and the customer fall on the same
    second, the customer was first.
    """
    until, mails = contender.until(payer), contender.mails(payer)
    comes = payer.comes(mails)
    if comes is not None and comes > until:
        comes = None
    course = _Course(payer, [first_refusal(payer)])
    now = 0
    while True:
        at = contender.next_try(payer, course.refused, now)
        stop = until + 1 if comes is None else comes
        news = payer.updated if payer.updated is not None and payer.updated > now else stop
        if at is not None and at < min(news, stop):
            if course.tried(at):
                return course.over(at, RETRY, mails, until)
            now = at
        elif news < stop:
            now = news
        else:
            how = None if comes is None else CUSTOMER
            return course.over(comes, how, mails, until)


def _unheeded(payer: Payer, refused: list[Refusal], at: int) -> bool:
    here, amount = instrument(payer, at), Money(payer.amount, "USD")
    tries = [Try(one.age, amount, one.signal) for one in refused if one.instrument == here]
    return against_advice(Try(at, amount), tries, brand=payer.brand)


def _fee(payer: Payer, *, forbidden: bool) -> float:
    fees = payer.world.fees
    kind = "debit" if payer.debit else "credit"
    usual = fees.get(payer.brand) or fees[f"{payer.brand}_{kind}"]
    return usual + (FORBIDDEN_FEES.get(payer.brand, 0.0) if forbidden else 0.0)
