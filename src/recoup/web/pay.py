"""
`POST /pay-bad-debt`: who may ask for it, and what it answers.

With a key of the API that has the scope `debts:pay`, for any customer; or in the host's own
session, where a port says which customer it is, for that one alone. Nobody is believed to be a
customer because a request names one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request

from recoup.billing import Recoup
from recoup.core.dunning.views import DebtPayment
from recoup.errors import InvalidValue, NotFound, NotTheirInvoice, UnknownInvoice
from recoup.store.database import reading
from recoup.store.keys import Holder
from recoup.store.queries import customers
from recoup.store.views.reading import Ref
from recoup.web.api.endpoint import Asked, Endpoint
from recoup.web.api.nouns import debts
from recoup.web.api.refusals import Refusal, Refused
from recoup.web.api.shapes import shape

log: Final = logging.getLogger(__name__)

PATH: Final = "/pay-bad-debt"
SCOPE: Final = "debts:pay"
#: Says whose request it is, by our id of the customer, the processor's or (owner_type, owner_id);
#: None: nobody's.
PayerOf = Callable[[Request], Ref | tuple[str, str] | None]

_CROSS_SITE: Final = Refusal(403, "cross_site", "this is asked for from another site")
_NO_JSON: Final = Refusal(415, "not_json", "send application/json")


@dataclass(frozen=True, slots=True)
class Payer(Holder):
    """A customer in the host's own session, who may pay for themselves and do nothing else."""

    customer: int = 0


@dataclass(frozen=True, slots=True)
class Apart(Endpoint):
    """An endpoint with a path of its own, which a customer may ask too."""

    @property
    def route(self) -> str:
        """The path as it is served."""
        return self.path


def payer(recoup: Recoup, payer_of: PayerOf | None, request: Request) -> Payer | None:
    """
    Return the customer whose session it is; None where the host knows of none.

    A browser sends a host's cookies along with what other sites make it send. It asks first
    before it sends JSON, so nothing else is taken, and what says that it is from elsewhere never.

    Raises:
        Refused: it may come from another site.
    """
    if payer_of is None:
        return None
    try:
        ref = payer_of(request)
    except Exception:
        log.exception("nobody may pay because payer_of failed")
        return None
    if ref is None:
        return None
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Refused(_CROSS_SITE)
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Refused(_NO_JSON)
    id = _customer(recoup, ref)
    return None if id is None else Payer(0, f"customer:{id}", frozenset({SCOPE}), id)


def _customer(recoup: Recoup, ref: Ref | tuple[str, str]) -> int | None:
    """Return our id of a customer, if there is one whom `ref` names."""
    name = ":".join(ref) if isinstance(ref, tuple) else str(ref)
    with reading(recoup.database) as connection:
        try:
            return customers.find(connection, name)
        except (NotFound, InvalidValue):
            return None


def _paid(asked: Asked) -> DebtPayment:
    told: debts.Paying = asked.body
    if (told.expected_amount is None) != (told.currency is None):
        raise InvalidValue("expected_amount and currency: say both, or neither")
    if asked.payer is None:
        return debts.paid(asked)
    if told.reason is not None:
        raise InvalidValue("reason: only operators give one, with a key of the API")
    if _customer(asked.recoup, told.customer) != asked.payer:
        raise NotFound(f"there is no customer {told.customer!r}")
    try:
        return _worded(debts.paid(asked))
    except (NotTheirInvoice, UnknownInvoice):
        # Which invoices there are is no customer's business but their own.
        raise UnknownInvoice("an invoice that is named is not known") from None


def _worded(made: DebtPayment) -> DebtPayment:
    """Return the same without why a bank refused, and how we decide: that is for operators."""
    return replace(
        made,
        changes=(),
        why=(),
        failed=None,
        charges=tuple(
            charge
            if charge.payment is None
            else replace(charge, payment=replace(charge.payment, decline_code=None))
            for charge in made.charges
        ),
    )


ENDPOINT: Final = Apart(
    "POST",
    PATH,
    SCOPE,
    "Pay bad debt: the amount is worked out here, and charged once however often it is asked",
    _paid,
    shape(DebtPayment),
    takes=debts.Paying,
)
