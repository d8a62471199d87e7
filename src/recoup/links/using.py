"""Using a link: paying with it, and putting another method on file. The same again is harmless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from recoup.commands.base import Office
from recoup.commands.dunning import Dunning
from recoup.commands.invoices import Invoices
from recoup.commands.methods import ATTACH, Methods
from recoup.core.billing.answers import NextAction
from recoup.core.billing.requests import PreparePayment
from recoup.core.billing.views import Customer, Pay, Payment, PaymentMethod
from recoup.core.links import Claim
from recoup.core.money import Money, totals
from recoup.errors import (
    AmountDiffers,
    CommandError,
    InProgress,
    NotFound,
    NotPossible,
    Rejected,
    TooManyTries,
)
from recoup.links import reading
from recoup.links.views import Done, How, Owed, OwedInvoice
from recoup.store import links, views
from recoup.store.views.reading import Ref

#: So many tries of a customer may bring no money within this span, by however many links.
MOST_TRIES: Final = 5
WINDOW: Final = timedelta(hours=1)

_HOW: Final = {
    Pay.SUCCEEDED: How.PAID,
    Pay.DECLINED: How.DECLINED,
    Pay.CANCELED: How.DECLINED,
    Pay.REQUIRES_ACTION: How.REQUIRES_ACTION,
    Pay.PROCESSING: How.PROCESSING,
    Pay.UNKNOWN: How.PROCESSING,
}
#: The first that an error is.
_REFUSED: Final[Mapping[type[CommandError], How]] = {
    TooManyTries: How.TOO_OFTEN,
    AmountDiffers: How.CHANGED,
    InProgress: How.PROCESSING,
    NotPossible: How.IMPOSSIBLE,
}


def pay(
    office: Office,
    claim: Claim,
    who: Customer,
    *,
    method: Ref | None,
    shown: Sequence[Money] | None,
) -> Done:
    """Pay what the claim is about, as `Links.pay`: the first that brings no money is the last."""
    seen = _seen(office, claim, who)
    due = [one for one in seen.invoices if not one.moving]
    if not due:
        return Done(How.PROCESSING if seen.moving else How.NOTHING_DUE)
    if shown is not None and tuple(shown) != seen.sums:
        return Done(How.CHANGED)
    after = _wait(office, claim)
    if after is not None:
        return Done(How.TOO_OFTEN, after=after)
    paid: list[Money] = []
    for one in due:
        done = _pay(office, claim, one, method)
        if done.how is not How.PAID:
            return Done(done.how, totals(paid), done.action, done.after)
        paid.append(one.remaining)
    return Done(How.PAID, totals(paid))


def bring(office: Office, claim: Claim, method: str, *, default: bool) -> PaymentMethod | Done:
    """Put a method on file for the customer; a `Done` says that it is tried too often."""
    after = _wait(office, claim)
    if after is not None:
        return Done(How.TOO_OFTEN, after=after)
    try:
        return Methods(office).attach(claim.customer, method, default=default)
    except (NotPossible, Rejected):
        return Done(How.IMPOSSIBLE)


def elsewhere(office: Office, claim: Claim, who: Customer, invoice: int) -> NextAction | None:
    """
    Return the processor's own page on which one of the invoices is paid; None: there is none.

    Raises:
        NotFound: the link is not about this invoice, or nothing of it is owed.
        Unreachable, Busy: it is not known: the same again.
    """
    due = _seen(office, claim, who).invoices
    if not any(one.id == invoice for one in due):
        raise NotFound("this link is not about such an invoice")
    with office.reading() as connection:
        found = views.read_invoice(connection, invoice, now=office.now())
    # Nothing is changed by asking, so whoever asks again a moment later asks anew.
    key = f"recoup:page:{invoice}:{office.now():%Y%m%dT%H%M%S}"
    try:
        action = office.processor.ask(PreparePayment(found.processor_id), key=key).action
    except Rejected:
        return None
    if action is None or action.url is None or not action.url.startswith("https://"):
        return None
    return action


def _seen(office: Office, claim: Claim, who: Customer) -> Owed:
    with office.reading() as connection:
        return reading.owed(connection, claim, who, now=office.now())


def _wait(office: Office, claim: Claim) -> float | None:
    """Return the seconds until the customer may try again; None: now."""
    now = office.now()
    with office.reading() as connection:
        times = links.tries(
            connection, claim.customer, actor=office.actor, attach=ATTACH.name, since=now - WINDOW
        )
    if len(times) < MOST_TRIES:
        return None
    return max(1.0, (times[-MOST_TRIES] + WINDOW - now).total_seconds())


def _pay(office: Office, claim: Claim, one: OwedInvoice, method: Ref | None) -> Done:
    try:
        made = _charged(office, claim, one, method)
    except (TooManyTries, AmountDiffers, InProgress, NotPossible) as error:
        how = next(how for kind, how in _REFUSED.items() if isinstance(error, kind))
        return Done(how, after=getattr(error, "after", None))
    return Done(How.IMPOSSIBLE) if made is None else Done(_HOW[made.outcome], action=made.action)


def _charged(office: Office, claim: Claim, one: OwedInvoice, method: Ref | None) -> Payment | None:
    """Return the payment; bad debt has a path of its own."""
    if not one.bad_debt:
        return Invoices(office).pay(one.id, method=method, origin="customer")
    made = Dunning(office).pay_bad_debt(
        claim.customer, [one.id], method=method, expected_amount=one.remaining
    )
    return made.charges[0].payment
