"""
Customers, as the host asks for them.

A customer of ours bears the key it was asked for with in its metadata, so that it is found again
however long ago that was. That is one of the 50 keys that Stripe keeps: 49 are the host's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, cast

import stripe
from stripe.params import (
    CustomerCreateParams,
    CustomerListParams,
    CustomerUpdateParams,
    SubscriptionListParams,
)

from recoup.core.billing.requests import (
    CreateCustomer,
    DeleteCustomer,
    UpdateCustomer,
    UpdateTaxLocation,
)
from recoup.errors import Rejected
from recoup.processors.stripe.calls.client import Call, Client, Reply
from recoup.processors.stripe.calls.errors import Denied
from recoup.processors.stripe.calls.looking import as_it_is, look, made_with, since
from recoup.processors.stripe.desk.told import Told, Way
from recoup.processors.stripe.shapes import OURS

_ADDRESS: Final = ("country", "line1", "line2", "city", "postal_code", "state")


def retrieve(client: Client, customer: str) -> Reply | None:
    """Return the customer as it is now; None: there never was one. A deleted one says so."""
    return look(client, lambda sdk, options: sdk.v1.customers.retrieve(customer, None, options))


def create(client: Client, asked: CreateCustomer, key: str) -> Told:
    said = {name: text for name, text in asked.metadata.items() if text}
    params: CustomerCreateParams = {"metadata": said | {OURS: key}}
    if asked.email:
        params["email"] = asked.email
    if asked.name:
        params["name"] = asked.name
    if asked.locale:
        params["preferred_locales"] = [asked.locale]
    return _now(client, lambda sdk, options: sdk.v1.customers.create(params, options), key)


def find_created(client: Client, asked: CreateCustomer, key: str, at: datetime) -> Told | None:
    del asked

    def page(sdk: stripe.StripeClient, after: str | None) -> stripe.ListObject[stripe.Customer]:
        params: CustomerListParams = {"created": {"gte": since(at)}, "limit": 100}
        if after is not None:
            params["starting_after"] = after
        return sdk.v1.customers.list(params)

    found = made_with(client.all(page), key)
    return None if found is None else _told(found)


def update(client: Client, asked: UpdateCustomer, key: str) -> Told:
    """
    Raises:
        Rejected: unknown or deleted, a text that Stripe does not take, or a default method that
            is not the customer's.
    """
    params: CustomerUpdateParams = {}
    if asked.email is not None:
        params["email"] = asked.email
    if asked.name is not None:
        params["name"] = asked.name
    if asked.locale is not None:
        # A list of none is an empty text to Stripe; the SDK would leave it out.
        locales: object = [asked.locale] if asked.locale else ""
        params["preferred_locales"] = cast("list[str]", locales)
    if texts := _hosts(asked.metadata):
        params["metadata"] = texts
    if asked.default_method is not None:
        params["invoice_settings"] = {"default_payment_method": asked.default_method}
    return _change(client, asked.customer, params, key)


def find_updated(client: Client, asked: UpdateCustomer, key: str, at: datetime) -> Told | None:
    del key, at
    found = _living(client, asked.customer)
    return _told(found) if found is not None and _is_so(found.body, asked) else None


def _is_so(have: Mapping[str, Any], asked: UpdateCustomer) -> bool:
    locales = have.get("preferred_locales") or [""]
    settings, kept = have.get("invoice_settings") or {}, have.get("metadata") or {}
    pairs = (
        (asked.email, have.get("email")),
        (asked.name, have.get("name")),
        (asked.locale, locales[0]),
        (asked.default_method, settings.get("default_payment_method")),
    )
    return all(wanted in {None, there or ""} for wanted, there in pairs) and all(
        kept.get(name, "") == text for name, text in _hosts(asked.metadata).items()
    )


def _hosts(said: Mapping[str, str] | None) -> dict[str, str]:
    """Return the metadata without our mark, which is not the host's to change."""
    return {name: text for name, text in (said or {}).items() if name != OURS}


def locate(client: Client, asked: UpdateTaxLocation, key: str) -> Told:
    """
    Raises:
        CustomerTaxLocationInvalid: nobody can be there. Nothing is changed.
        Rejected: unknown, deleted, or a field that an address does not have.
    """
    params: CustomerUpdateParams = {
        "address": cast("stripe.params.CustomerUpdateParamsAddress", _address(asked.address)),
        "tax": {"validate_location": "immediately"},
    }
    if asked.shipping is not None:
        living = _living(client, asked.customer)
        params["shipping"] = {
            "address": cast(
                "stripe.params.CustomerUpdateParamsShippingAddress", _address(asked.shipping)
            ),
            # Stripe insists on a name there, and has none of its own for somebody unnamed.
            "name": (living and living.body.get("name")) or asked.customer,
        }
    if asked.phone is not None:
        params["phone"] = asked.phone
    return _change(client, asked.customer, params, key)


def find_located(client: Client, asked: UpdateTaxLocation, key: str, at: datetime) -> Told | None:
    del key, at
    found = _living(client, asked.customer)
    if found is None:
        return None
    have, shipping = found.body, found.body.get("shipping") or {}
    so = _is_there(have.get("address"), asked.address) and (
        asked.shipping is None or _is_there(shipping.get("address"), asked.shipping)
    )
    return _told(found) if so and asked.phone in {None, have.get("phone") or ""} else None


def _address(said: Mapping[str, str]) -> dict[str, str]:
    """Return the address whole, so that nothing of the one before is left at Stripe."""
    return {**dict.fromkeys(_ADDRESS, ""), **said}


def _is_there(have: Mapping[str, Any] | None, wanted: Mapping[str, str]) -> bool:
    return all(((have or {}).get(name) or "") == text for name, text in _address(wanted).items())


def delete(client: Client, asked: DeleteCustomer, key: str) -> Told:
    """
    Delete the customer. Deleting what is deleted is a success: Stripe knows no keys here.

    Raises:
        Rejected: there never was one.
    """
    del key
    try:
        gone = client.do(
            lambda sdk, options: sdk.v1.customers.delete(asked.customer, None, options)
        )
    except Denied as error:
        if not error.missing:
            raise
        found = _deleted(client, asked.customer)
        if found is None:
            raise
        return found
    return _gone(client, gone)


def find_deleted(client: Client, asked: DeleteCustomer, key: str, at: datetime) -> Told | None:
    del key, at
    return _deleted(client, asked.customer)


def _deleted(client: Client, customer: str) -> Told | None:
    found = retrieve(client, customer)
    return _gone(client, found) if found is not None and found.body.get("deleted") else None


def _gone(client: Client, gone: Reply) -> Told:
    id_ = str(gone.body["id"])
    return Told(
        id_,
        (gone.body, *_ended(client, id_)),
        gone.at,
        request_id=gone.request_id,
    )


def _ended(client: Client, customer: str) -> Iterator[Mapping[str, Any]]:
    """Return the subscriptions that ended with their customer."""

    def page(
        sdk: stripe.StripeClient, after: str | None
    ) -> stripe.ListObject[stripe.Subscription]:
        params: SubscriptionListParams = {"customer": customer, "status": "all", "limit": 100}
        if after is not None:
            params["starting_after"] = after
        return sdk.v1.subscriptions.list(params)

    try:
        for reply in client.all(page):
            yield from reply.body["data"]
    except Denied as error:
        if not error.missing:
            raise  # of somebody deleted nothing may be listed; then the events tell it


def _change(client: Client, customer: str, params: CustomerUpdateParams, key: str) -> Told:
    return _now(
        client, lambda sdk, options: sdk.v1.customers.update(customer, params, options), key
    )


def _now(client: Client, call: Call, key: str) -> Told:
    try:
        reply = client.do(call, key=key)
    except Denied as error:
        if error.code != "email_invalid":
            raise
        # Stripe's text has the address in it.
        raise Rejected("Invalid email address", request_id=error.request_id) from None
    id_ = str(reply.body["id"])
    return _told(
        as_it_is(client, reply, lambda sdk, options: sdk.v1.customers.retrieve(id_, None, options))
    )


def _living(client: Client, customer: str) -> Reply | None:
    found = retrieve(client, customer)
    return None if found is None or found.body.get("deleted") else found


def _told(reply: Reply) -> Told:
    return Told(str(reply.body["id"]), (reply.body,), reply.at, request_id=reply.request_id)


WAYS: Final[Mapping[type, Way]] = {
    CreateCustomer: Way(create, find_created),
    UpdateCustomer: Way(update, find_updated),
    UpdateTaxLocation: Way(locate, find_located),
    DeleteCustomer: Way(delete, find_deleted),
}
