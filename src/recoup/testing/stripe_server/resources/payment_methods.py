"""Payment methods, of the API and of tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import stripe

from recoup.processors.fake import customers as fake
from recoup.processors.fake import shapes
from recoup.processors.fake.model import Customer, Instrument, Method, instant
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.resources import cards
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

_TAKEN: Final = "The payment method you provided has already been attached to a customer."
_SPENT: Final = (
    "This PaymentMethod was previously used without being attached to a Customer or was detached"
    " from a Customer, and may not be used again."
)
_FREE: Final = (
    "The payment method you provided is not attached to a customer so detachment is impossible."
)


def created(call: Call) -> Json:
    """Answer `POST /v1/payment_methods`: cards with a number for tests."""
    card = call.params.get("card", {})
    if call.params.get("type") != "card":
        raise Refusal(
            "The server for tests makes cards; take bank debits by their tokens",
            code="not_played",
            param="type",
        )
    for name in ("number", "exp_month", "exp_year"):
        if name not in card:
            raise Refusal(
                f"Missing required param: card[{name}].",
                code="parameter_missing",
                param=f"card[{name}]",
            )
    number = card["number"].replace(" ", "").replace("-", "")
    known = cards.by_number(number)
    if known is None:
        raise _card_error("Your card number is incorrect.", "incorrect_number", "number")
    expires = _expires(call.session, card["exp_month"], card["exp_year"])
    return shown(call.session, cards.made(call.session, known, None, expires).id, call.version)


def _expires(s: Session, month: int, year: int) -> tuple[int, int]:
    today = instant(s.now)
    year = year + 2000 if year < 100 else year
    if not 1 <= month <= 12:
        text = "Your card's expiration month is invalid."
        raise _card_error(text, "invalid_expiry_month", "exp_month")
    if (year, month) < (today.year, today.month):
        text = "Your card's expiration year is invalid."
        raise _card_error(text, "invalid_expiry_year", "exp_year")
    return year, month


def _card_error(text: str, code: str, param: str) -> Refusal:
    return Refusal(text, status=402, type="card_error", code=code, param=param)


def retrieved(call: Call) -> Json:
    """Answer `GET /v1/payment_methods/:id`; a token's is a new one."""
    return shown(call.session, cards.named(call.session, call.ids[0]), call.version)


def shown(s: Session, id_: str, version: str) -> Json:
    """Return the method called `id_`; all versions show it alike."""
    del version
    found = s.get(Method, id_)
    return shapes.method(found, s.get(Instrument, found.instrument))


def updated(call: Call) -> Json:
    """Answer `POST /v1/payment_methods/:id`: a card's expiry."""
    s, id_ = call.session, call.ids[0]
    found, card = s.get(Method, id_), call.params.get("card", {})
    if found.customer is None:
        raise Refusal("You must save this PaymentMethod to a customer before you can update it.")
    if found.expires is not None and card:
        year, month = found.expires
        expires = _expires(s, card.get("exp_month", month), card.get("exp_year", year))
        fake.update_method(s, id_, expires=expires, payer=None, fingerprint=None)
    return shown(s, id_, call.version)


def attached(call: Call) -> Json:
    """Answer `POST /v1/payment_methods/:id/attach`."""
    owner = call.params.get("customer")
    if owner is None:
        raise Refusal(
            "Missing required param: customer.", code="parameter_missing", param="customer"
        )
    made = attach(call.session, call.ids[0], owner)
    return shown(call.session, made.id, call.version)


def attach(s: Session, method: str, customer: str) -> Method:
    """
    Give the customer the method; a token's is a new one.

    Raises:
        Refusal: it is another's or was somebody's once, its bank refuses it, or the customer is
            deleted.
    """
    owner = s.get(Customer, customer)
    if owner.deleted:
        raise Refusal(
            f"No such customer: '{customer}'; it was deleted",
            code="resource_missing",
            param="customer",
        )
    found = s.get(Method, cards.named(s, method, customer))
    refuse_unusable(found, customer)
    if found.customer is None and found.refused is not None:
        told = shapes.card_error(found.refused)
        raise Refusal(told.pop("message"), status=402, **told)
    return fake.adopt(s, customer, found.id, default=False)


def refuse_unusable(found: Method, customer: str) -> None:
    """
    Raises:
        Refusal: the method is another's, or was somebody's once.
    """
    if found.customer not in {None, customer}:
        raise Refusal(_TAKEN)
    if found.spent:
        raise Refusal(_SPENT)


def detached(call: Call) -> Json:
    """Answer `POST /v1/payment_methods/:id/detach`."""
    found = call.session.get(Method, call.ids[0])
    if found.customer is None:
        raise Refusal(_FREE)
    fake.detach(call.session, found.id)
    return shown(call.session, found.id, call.version)


def listed(call: Call) -> Json:
    """Answer `GET /v1/payment_methods`: a customer's."""
    owner = call.params.get("customer")
    if owner is None:
        raise Refusal(
            "Missing required param: customer.", code="parameter_missing", param="customer"
        )
    return _page(call, owner, "/v1/payment_methods")


def listed_of(call: Call) -> Json:
    """Answer `GET /v1/customers/:id/payment_methods`."""
    return _page(call, call.ids[0], f"/v1/customers/{call.ids[0]}/payment_methods")


def _page(call: Call, owner: str, url: str) -> Json:
    s, kind = call.session, call.params.get("type")
    found = [
        one
        for one in s.owned(Method, s.get(Customer, owner).id)
        if one.customer == owner and kind in {None, one.kind}
    ]

    def show(one: Method) -> Json:
        return shown(s, one.id, call.version)

    return lists.page(call, found, show, url=url)


def retrieved_of(call: Call) -> Json:
    """Answer `GET /v1/customers/:id/payment_methods/:id`."""
    owner, id_ = call.ids
    if call.session.get(Method, id_).customer != call.session.get(Customer, owner).id:
        raise Refusal(
            f"No such PaymentMethod: '{id_}'", status=404, code="resource_missing", param="id"
        )
    return shown(call.session, id_, call.version)


_LISTED: Final = lists.LISTED | {"type"}
ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/payment_methods": Route(
        created,
        stripe.params.PaymentMethodCreateParams,
        frozenset({"type", "card.number", "card.exp_month", "card.exp_year", "card.cvc"}),
    ),
    "GET /v1/payment_methods": Route(
        listed, stripe.params.PaymentMethodListParams, _LISTED | {"customer"}
    ),
    "GET /v1/payment_methods/:id": Route(retrieved, stripe.params.PaymentMethodRetrieveParams),
    "POST /v1/payment_methods/:id": Route(
        updated,
        stripe.params.PaymentMethodUpdateParams,
        frozenset({"card.exp_month", "card.exp_year"}),
    ),
    "POST /v1/payment_methods/:id/attach": Route(
        attached, stripe.params.PaymentMethodAttachParams, frozenset({"customer"})
    ),
    "POST /v1/payment_methods/:id/detach": Route(
        detached, stripe.params.PaymentMethodDetachParams
    ),
    "GET /v1/customers/:id/payment_methods": Route(
        listed_of, stripe.params.CustomerListPaymentMethodsParams, _LISTED
    ),
    "GET /v1/customers/:id/payment_methods/:id": Route(
        retrieved_of, stripe.params.CustomerRetrievePaymentMethodParams
    ),
}
SHOWS: Final[Mapping[str, Show]] = {"pm": shown}
