"""
How instruments answer, and what customers do by themselves: scripts, kept as data.

A script is a value. Meeting it gives an answer and the script that is left, so "declines twice,
then pays" needs no counter elsewhere and survives a restart of every process.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

DAY = timedelta(days=1)


class Refusal(Struct, frozen=True, omit_defaults=True):
    """What a bank says when it says no. Codes are Stripe's; None where it says nothing."""

    code: str = "generic_decline"
    advice_code: str | None = None
    network_decline_code: str | None = None
    network_advice_code: str | None = None


EXPIRED = Refusal("expired_card", network_decline_code="54")
LOST = Refusal("lost_card", "do_not_try_again", "41", "03")
NO_FUNDS = Refusal("insufficient_funds", "try_again_later", "51")


class Pays(Struct, frozen=True, tag=True):
    """Always pays."""


class Declines(Struct, frozen=True, tag=True, omit_defaults=True):
    """Declines `times` times (None: for ever), then goes on as `then`."""

    refusal: Refusal = Refusal()
    times: int | None = None
    then: Payer = Pays()


class Sometimes(Struct, frozen=True, tag=True, omit_defaults=True):
    """Declines `per_mille` of a thousand tries, by the world's dice; else answers as `then`."""

    per_mille: int
    refusal: Refusal = NO_FUNDS
    then: Payer = Pays()


class Broke(Struct, frozen=True, tag=True, omit_defaults=True):
    """Pays for `lasts` from each payday on (one is at `payday`), and has no funds otherwise."""

    payday: datetime
    every: timedelta = 28 * DAY
    lasts: timedelta = 5 * DAY
    refusal: Refusal = NO_FUNDS


class Asks(Struct, frozen=True, tag=True, omit_defaults=True):
    """
    Wants the cardholder to authenticate.

    Off-session nothing is charged and the payment waits for the customer, or, with `declines`,
    the bank refuses with `authentication_required`. On-session the payment waits for the
    challenge; once that is passed the card answers as `then`, and for good where it `settles`.
    """

    declines: bool = False
    then: Payer = Pays()
    settles: bool = False


class Slow(Struct, frozen=True, tag=True, omit_defaults=True):
    """A bank debit: processing for `takes`, then paid, or with `fails` returned late."""

    takes: timedelta = 5 * DAY
    fails: Refusal | None = None
    then: Payer | None = None  #: how the next try is answered; None: the same again


Payer = Pays | Declines | Sometimes | Broke | Asks | Slow


class Refunds(Struct, frozen=True, omit_defaults=True):
    """
    How refunds to an instrument go: they arrive, are `refused` at once, or are sent back `after`
    they were made, because the account is closed.
    """

    refused: bool = False
    after: timedelta | None = None


class Habit(Struct, frozen=True, omit_defaults=True):
    """
    What a customer does by itself, `after` the first failure of an invoice.

    `pay`: goes to the hosted page and pays with the default method. `replace_method`: puts in a
    new card that answers as `payer`. `cancel`: ends the subscription. Only `per_mille` of a
    thousand invoices see it, by the world's dice.
    """

    after: timedelta
    does: Literal["pay", "replace_method", "cancel"] = "pay"
    payer: Payer = Pays()
    per_mille: int = 1000


class Answer(Struct, frozen=True):
    """What came of one try."""

    kind: Literal["pays", "declines", "asks", "waits"]
    refusal: Refusal | None = None  #: of a decline, or of the late return of what waits
    takes: timedelta = timedelta(0)


PAID = Answer("pays")
ASKED = Answer("asks")


def meet(  # noqa: PLR0911  one a kind of payer
    payer: Payer, *, now: datetime, off_session: bool, dice: int, authenticated: bool = True
) -> tuple[Answer, Payer]:
    """
    Return the answer of `payer` to one try, and the script that is left.

    Args:
        payer: The instrument's script.
        now: UTC instant of the try.
        off_session: Whether the customer is absent.
        dice: 0 to 999, the world's throw for this try.
        authenticated: Whether a customer who is there has passed the challenge, if there is one.
    """
    match payer:
        case Pays():
            return PAID, payer
        case Declines():
            return _declined(payer)
        case Sometimes() if dice < payer.per_mille:
            return Answer("declines", payer.refusal), payer
        case Sometimes(then=then):
            on = {"off_session": off_session, "authenticated": authenticated}
            return meet(then, now=now, dice=dice, **on)[0], payer
        case Broke():
            flush = (now - payer.payday) % payer.every < payer.lasts
            return (PAID if flush else Answer("declines", payer.refusal)), payer
        case Asks() if off_session:
            refusal = Refusal("authentication_required", network_decline_code="1A")
            return (Answer("declines", refusal) if payer.declines else ASKED), payer
        case Asks() if not authenticated:
            return ASKED, payer
        case Asks(then=then):
            answer, left = meet(then, now=now, off_session=off_session, dice=dice)
            return answer, left if payer.settles else payer
        case Slow():
            return Answer("waits", payer.fails, payer.takes), payer.then or payer


def _declined(payer: Declines) -> tuple[Answer, Payer]:
    answer = Answer("declines", payer.refusal)
    if payer.times is None:
        return answer, payer
    if payer.times <= 1:
        return answer, payer.then
    return answer, Declines(payer.refusal, payer.times - 1, payer.then)
