"""Ways to pay, as the host asks for them, and keeping one for later."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import stripe
from stripe.params import EventListParams, SetupIntentCreateParams, SetupIntentListParams

from recoup.core.billing.answers import NextAction
from recoup.core.billing.requests import AttachMethod, CreateSetupIntent, DetachMethod
from recoup.processors.stripe.calls.client import Client, Reply
from recoup.processors.stripe.calls.errors import Declined, Denied
from recoup.processors.stripe.calls.looking import as_it_is, look, made_with, since
from recoup.processors.stripe.desk import people
from recoup.processors.stripe.desk.told import Told, Way
from recoup.processors.stripe.shapes import OURS

#: Nothing is left for the customer to do.
_OVER: Final = frozenset({"succeeded", "processing", "canceled"})


def attach(client: Client, asked: AttachMethod, key: str) -> Told:
    """
    Raises:
        Rejected: the method is another's or was somebody's once, or its bank refuses it.
    """
    method, customer = asked.method, asked.customer
    made = client.do(
        lambda sdk, options: sdk.v1.payment_methods.attach(
            method, {"customer": customer}, options
        ),
        key=key,
    )
    id_ = str(made.body["id"])  # a method for tests, "pm_card_visa", becomes one of its own
    shown = as_it_is(client, made, lambda sdk, options: _read(sdk, id_, options))
    if not asked.default:
        return _told(shown)
    changed = client.do(
        lambda sdk, options: sdk.v1.customers.update(
            customer, {"invoice_settings": {"default_payment_method": id_}}, options
        ),
        key=f"{key}:default",
    )
    owner = as_it_is(
        client, changed, lambda sdk, options: sdk.v1.customers.retrieve(customer, None, options)
    )
    return Told(id_, (owner.body, shown.body), owner.at, request_id=made.request_id)


def find_attached(client: Client, asked: AttachMethod, key: str, at: datetime) -> Told | None:
    del key, at
    found = _retrieve(client, asked.method)
    if found is None or found.body.get("customer") != asked.customer:
        return None
    if not asked.default:
        return _told(found)
    owner = people.retrieve(client, asked.customer)
    if owner is None or _default_of(owner) != asked.method:
        return None
    return Told(asked.method, (owner.body, found.body), owner.at, request_id=found.request_id)


def detach(client: Client, asked: DetachMethod, key: str) -> Told:
    """
    Take the method from its customer. One that is nobody's (any more) is a success.

    The customer is shown too where the method was its default, and only there.

    Raises:
        Rejected: there is no such method.
    """
    before = _retrieve(client, asked.method)
    owner = None if before is None else before.body.get("customer")
    if before is not None and owner is None:
        return _told(before)
    had = owner is not None and _default_of(people.retrieve(client, str(owner))) == asked.method
    try:
        gone = client.do(
            lambda sdk, options: sdk.v1.payment_methods.detach(asked.method, None, options),
            key=key,
        )
    except Denied:
        found = _retrieve(client, asked.method)
        if found is None or found.body.get("customer") is not None:
            raise
        return _told(found)  # somebody was faster
    return _without(client, gone, str(owner) if had else None)


def find_detached(client: Client, asked: DetachMethod, key: str, at: datetime) -> Told | None:
    """Return what became of it; whose default it was, only the events of that time tell."""
    del key
    found = _retrieve(client, asked.method)
    if found is None or found.body.get("customer") is not None:
        return None

    def page(sdk: stripe.StripeClient, after: str | None) -> stripe.ListObject[stripe.Event]:
        params: EventListParams = {
            "type": "customer.updated",
            "created": {"gte": since(at)},
            "limit": 100,
        }
        if after is not None:
            params["starting_after"] = after
        return sdk.v1.events.list(params)

    for reply in client.all(page):
        for event in reply.body["data"]:
            before = event["data"].get("previous_attributes") or {}
            settings = before.get("invoice_settings") or {}
            if settings.get("default_payment_method") == asked.method:
                return _without(client, found, str(event["data"]["object"]["id"]))
    return _told(found)


def _without(client: Client, gone: Reply, owner: str | None) -> Told:
    """Return what became of a method, and of the customer whose default it was."""
    left = None if owner is None else people.retrieve(client, owner)
    if left is None or left.body.get("deleted"):
        return _told(gone)
    id_ = str(gone.body["id"])
    return Told(id_, (left.body, gone.body), left.at, request_id=gone.request_id)


def _default_of(customer: Reply | None) -> str | None:
    settings = (customer.body.get("invoice_settings") if customer else None) or {}
    default = settings.get("default_payment_method")
    return default if isinstance(default, str) else None


def set_up(client: Client, asked: CreateSetupIntent, key: str) -> Told:
    """
    Prepare to keep a method. A bank that refuses it is an answer: another one is needed.

    Raises:
        Rejected: unknown or deleted, or a method that can not become the customer's.
    """
    params: SetupIntentCreateParams = {
        "customer": asked.customer,
        "usage": "off_session" if asked.off_session else "on_session",
        "metadata": {name: text for name, text in asked.metadata.items() if text} | {OURS: key},
        "expand": ["payment_method"],
    }
    if asked.method is not None:
        params["payment_method"] = asked.method
        params["confirm"] = True
        # Whoever is sent elsewhere to confirm would need a page of the host's to come back to.
        params["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
    try:
        made = client.do(
            lambda sdk, options: sdk.v1.setup_intents.create(params, options), key=key
        )
    except Declined:
        refused = _set_up_with(client, asked.customer, key, None)
        if refused is None:
            raise
        return _set(refused)
    id_ = str(made.body["id"])
    return _set(
        as_it_is(
            client,
            made,
            lambda sdk, options: sdk.v1.setup_intents.retrieve(
                id_, {"expand": ["payment_method"]}, options
            ),
        )
    )


def find_set_up(client: Client, asked: CreateSetupIntent, key: str, at: datetime) -> Told | None:
    found = _set_up_with(client, asked.customer, key, at)
    return None if found is None else _set(found)


def _set_up_with(client: Client, customer: str, key: str, at: datetime | None) -> Reply | None:
    def page(sdk: stripe.StripeClient, after: str | None) -> stripe.ListObject[stripe.SetupIntent]:
        params: SetupIntentListParams = {
            "customer": customer,
            "limit": 100,
            "expand": ["data.payment_method"],
        }
        if at is not None:
            params["created"] = {"gte": since(at)}
        if after is not None:
            params["starting_after"] = after
        return sdk.v1.setup_intents.list(params)

    try:
        return made_with(client.all(page), key)
    except Denied as error:
        if not error.missing:
            raise
        return None  # for somebody unknown nothing was made


def _set(reply: Reply) -> Told:
    intent = reply.body
    method = intent.get("payment_method")
    kept = isinstance(method, Mapping) and method.get("customer") is not None
    return Told(
        str(intent["id"]),
        (method,) if kept and isinstance(method, Mapping) else (),
        reply.at,
        str(intent["status"]),
        _left_to_do(intent),
        reply.request_id,
    )


def _left_to_do(intent: Mapping[str, Any]) -> NextAction | None:
    secret = intent.get("client_secret")
    if intent["status"] in _OVER:
        return None
    if intent["status"] != "requires_action":
        return NextAction("new_method", client_secret=secret)
    elsewhere = (intent.get("next_action") or {}).get("redirect_to_url") or {}
    return NextAction("authenticate", elsewhere.get("url"), secret)


def _retrieve(client: Client, method: str) -> Reply | None:
    return look(client, lambda sdk, options: _read(sdk, method, options))


def _read(
    sdk: stripe.StripeClient, method: str, options: stripe.RequestOptions
) -> stripe.PaymentMethod:
    return sdk.v1.payment_methods.retrieve(method, None, options)


def _told(reply: Reply) -> Told:
    return Told(str(reply.body["id"]), (reply.body,), reply.at, request_id=reply.request_id)


WAYS: Final[Mapping[type, Way]] = {
    AttachMethod: Way(attach, find_attached),
    DetachMethod: Way(detach, find_detached),
    CreateSetupIntent: Way(set_up, find_set_up),
}
