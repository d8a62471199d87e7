"""Customers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import stripe

from recoup.core.billing.requests import DeleteCustomer, UpdateCustomer
from recoup.errors import Rejected
from recoup.processors.fake import customers as fake
from recoup.processors.fake import shapes
from recoup.processors.fake.desk import metadata, people
from recoup.processors.fake.desk.places import FIELDS, checked
from recoup.processors.fake.model import Customer, Method
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.resources import payment_methods
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

_LOCALE: Final = 1  #: as many the fake's customers have


def created(call: Call) -> Json:
    """Answer `POST /v1/customers`."""
    s, p = call.session, call.params
    address = _address(p.get("address"), {})
    _refuse_nowhere(p, address)
    made = fake.create(
        s,
        email=_email(p.get("email")) or None,
        name=p.get("name") or None,
        country=(address or {}).get("country"),
        locale=_locale(p),
        metadata=metadata.merged({}, p.get("metadata") or None),
        habits=(),
        address=address,
        shipping=_shipping(p, {}),
        phone=p.get("phone") or None,
    )
    if p.get("payment_method"):
        payment_methods.attach(s, p["payment_method"], made.id)
    if (method := _default(call, made)) is not None:
        people.update(s, UpdateCustomer(made.id, default_method=method))
    return shapes.customer(made)


def updated(call: Call) -> Json:
    """Answer `POST /v1/customers/:id`."""
    s, p = call.session, call.params
    found = living(s, call.ids[0], "id")
    address = _address(p.get("address"), found.address or {})
    _refuse_nowhere(p, address if address is not None else found.address)
    texts = p.get("metadata")
    people.update(
        s,
        UpdateCustomer(
            found.id,
            email=_email(p.get("email")),
            name=p.get("name"),
            locale=_locale(p),
            metadata=dict.fromkeys(found.metadata, "") if texts == "" else texts,
            default_method=_default(call, found),
        ),
    )
    shipping = _shipping(p, found.shipping or {})
    people.place(s, found, address, shipping=shipping, phone=p.get("phone"))
    return shapes.customer(found)


def _default(call: Call, found: Customer) -> str | None:
    """Return the method that invoices are to be paid with, if the call names one."""
    wanted: str | None = call.params.get("invoice_settings", {}).get("default_payment_method")
    if wanted and not _is_of(call.session, wanted, found):
        raise Refusal(
            f"The customer does not have a payment method with the ID {wanted}. The payment"
            " method must be attached to the customer.",
            code="resource_missing",
            param="invoice_settings[default_payment_method]",
        )
    return wanted


def _is_of(s: Session, method: str, owner: Customer) -> bool:
    try:
        return s.get(Method, method).customer == owner.id
    except Rejected:
        return False


def retrieved(call: Call) -> Json:
    """Answer `GET /v1/customers/:id`: a deleted one says so."""
    return shown(call.session, call.ids[0], call.version)


def shown(s: Session, id_: str, version: str) -> Json:
    """Return the customer called `id_`; all versions show it alike."""
    del version
    return shapes.customer(s.get(Customer, id_))


def deleted(call: Call) -> Json:
    """Answer `DELETE /v1/customers/:id`."""
    found = living(call.session, call.ids[0], "id")
    people.delete(call.session, DeleteCustomer(found.id))
    return shapes.customer(found)


def listed(call: Call) -> Json:
    """Answer `GET /v1/customers`: deleted ones are not among them."""
    email = call.params.get("email")
    found = [
        one
        for one in lists.all_of(call.session, Customer)
        if not one.deleted
        and email in {None, one.email}
        and lists.created(call.params, one.created)
    ]
    return lists.page(call, found, shapes.customer, url="/v1/customers")


def living(s: Session, id_: str, param: str) -> Customer:
    """
    Return the customer, unless it is deleted.

    Raises:
        Refusal: it is.
    """
    found = s.get(Customer, id_)
    if found.deleted:
        raise Refusal(
            f"No such customer: '{id_}'; it was deleted",
            status=404 if param == "id" else 400,
            code="resource_missing",
            param=param,
        )
    return found


def _email(text: str | None) -> str | None:
    try:
        return people.email_address(text)
    except Rejected:
        raise Refusal(
            f"Invalid email address: {text}", code="email_invalid", param="email"
        ) from None


def _locale(p: Mapping[str, Any]) -> str | None:
    wanted = p.get("preferred_locales")
    if wanted is None:
        return None
    if len(wanted) > _LOCALE:
        raise Refusal(
            "The server for tests plays one preferred locale",
            code="not_played",
            param="preferred_locales",
        )
    return wanted[0] if wanted else ""


def _address(said: Any, before: Mapping[str, str]) -> dict[str, str] | None:
    """Return the address as it is to be: what is not said of it stays; None: nothing is said."""
    if not said:
        return None if said is None else {}
    return {name: text for name, text in {**before, **said}.items() if text}


def _shipping(p: Mapping[str, Any], before: Mapping[str, str]) -> dict[str, str] | None:
    said = p.get("shipping")
    return None if said is None else _address((said or {}).get("address", ""), before)


def _refuse_nowhere(p: Mapping[str, Any], address: Mapping[str, str] | None) -> None:
    if p.get("tax", {}).get("validate_location") == "immediately":
        checked(address or {})


_WHERE: Final = frozenset(f"address.{name}" for name in FIELDS)
_CHANGED: Final = (
    frozenset(
        "email name phone preferred_locales metadata address shipping.name tax.validate_location"
        " invoice_settings.default_payment_method".split()
    )
    | _WHERE
    | {f"shipping.{name}" for name in _WHERE}
)
#: The SDK's definitions do not say it, but these are unset by an empty text at Stripe.
_CLEARED: Final = (
    frozenset("email name phone preferred_locales invoice_settings.default_payment_method".split())
    | _WHERE
    | {f"shipping.{name}" for name in _WHERE}
)
ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/customers": Route(
        created, stripe.params.CustomerCreateParams, _CHANGED | {"payment_method"}, _CLEARED
    ),
    "GET /v1/customers": Route(
        listed, stripe.params.CustomerListParams, lists.LISTED | {"email", "created"}
    ),
    "GET /v1/customers/:id": Route(retrieved, stripe.params.CustomerRetrieveParams),
    "POST /v1/customers/:id": Route(
        updated, stripe.params.CustomerUpdateParams, _CHANGED, _CLEARED
    ),
    "DELETE /v1/customers/:id": Route(deleted, stripe.params.CustomerDeleteParams),
}
SHOWS: Final[Mapping[str, Show]] = {"cus": shown}
