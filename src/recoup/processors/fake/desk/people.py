"""Customers, as the host asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from recoup.core.billing.requests import (
    CreateCustomer,
    DeleteCustomer,
    UpdateCustomer,
    UpdateTaxLocation,
)
from recoup.errors import Rejected
from recoup.processors.fake import customers, events
from recoup.processors.fake.desk import metadata, places
from recoup.processors.fake.desk.told import Told
from recoup.processors.fake.model import Customer, Method
from recoup.processors.fake.world import Session

_LONGEST_EMAIL: Final = 512
_LONGEST_NAME: Final = 256


def create(s: Session, asked: CreateCustomer) -> Told:
    made = customers.create(
        s,
        email=email_address(asked.email) or None,
        name=_name(asked.name) or None,
        country=None,
        locale=asked.locale or None,
        metadata=metadata.merged({}, asked.metadata),
        habits=(),
    )
    return Told(made.id)


def update(s: Session, asked: UpdateCustomer) -> Told:
    """
    Change what is said and leave the rest. What changes nothing is no news.

    Raises:
        Rejected: unknown or deleted, a text that Stripe would not take, or a default method
            that is not the customer's.
    """
    found = customers.living(s, asked.customer)
    before = _seen(found)
    texts = metadata.merged(found.metadata, asked.metadata)
    for name, wanted in (
        ("email", email_address(asked.email)),
        ("name", _name(asked.name)),
        ("locale", asked.locale),
        ("default_method", _default(s, found, asked.default_method)),
    ):
        if wanted is not None:
            setattr(found, name, wanted or None)
    previous = {name: old for name, old in before.items() if _seen(found)[name] != old}
    if texts != found.metadata:
        changed = {key for key, _ in texts.items() ^ found.metadata.items()}
        previous["metadata"] = {key: found.metadata.get(key) for key in sorted(changed)}
        found.metadata = texts
    if previous:
        events.customer(s, "customer.updated", s.save(found), previous)
    return Told(found.id)


def locate(s: Session, asked: UpdateTaxLocation) -> Told:
    """
    Say where the customer is, for taxes.

    Raises:
        CustomerTaxLocationInvalid: nobody can be there. Nothing is changed.
        Rejected: unknown, deleted, or a field that an address does not have.
    """
    found = customers.living(s, asked.customer)
    address = places.checked(asked.address)
    shipping = None if asked.shipping is None else places.checked(asked.shipping)
    place(s, found, address, shipping=shipping, phone=asked.phone)
    return Told(found.id)


def place(
    s: Session,
    found: Customer,
    address: dict[str, str] | None,
    *,
    shipping: dict[str, str] | None = None,
    phone: str | None = None,
) -> None:
    """Put the customer there, whether anybody can be there or not; None leaves a thing."""
    previous: dict[str, Any] = {}
    for name, now in (("address", address), ("shipping", shipping), ("phone", phone)):
        if now is not None and now != getattr(found, name):
            previous[name] = getattr(found, name)
            setattr(found, name, now)
    if address is not None:
        found.country = address.get("country")
    if previous:
        events.customer(s, "customer.updated", s.save(found), previous)


def delete(s: Session, asked: DeleteCustomer) -> Told:
    customers.delete(s, asked.customer)
    return Told(asked.customer)


def _seen(c: Customer) -> dict[str, Any]:
    """Return the fields that may change, as Stripe calls and shows them."""
    return {
        "email": c.email,
        "name": c.name,
        "preferred_locales": [c.locale] if c.locale else [],
        "invoice_settings": {"default_payment_method": c.default_method},
    }


def email_address(text: str | None) -> str | None:
    """
    Return the text, if mail can be sent there or it is empty.

    Raises:
        Rejected: it can not.
    """
    if text:
        name, at, host = text.partition("@")
        odd = any(mark.isspace() for mark in text) or "@" in host
        if odd or not (name and at and host) or len(text) > _LONGEST_EMAIL:
            raise Rejected("Invalid email address")
    return text


def _name(text: str | None) -> str | None:
    if text and len(text) > _LONGEST_NAME:
        raise Rejected(f"Invalid string: a name has at most {_LONGEST_NAME} characters")
    return text


def _default(s: Session, owner: Customer, method: str | None) -> str | None:
    if method and s.get(Method, method).customer != owner.id:
        raise Rejected(f"The customer does not have a payment method with the ID {method}")
    return method


ANSWERS: Final[Mapping[type, Callable[[Session, Any], Told]]] = {
    CreateCustomer: create,
    UpdateCustomer: update,
    UpdateTaxLocation: locate,
    DeleteCustomer: delete,
}
