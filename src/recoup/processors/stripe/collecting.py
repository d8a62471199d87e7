"""
Collecting at Stripe: one try of an invoice, what became of a try, and the end of a subscription.

A try is a charge. One that waits for its customer has none yet: it is its payment intent. Stripe
keeps no key of ours with either, but the event that told of it does, for 30 days; so a try is
looked for among the invoice's charges, and known by the event of that second.
Source: docs.stripe.com/api/invoices/pay, docs.stripe.com/api/events, docs.stripe.com/api/charges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from recoup.core import states
from recoup.core.facts import PaymentFact
from recoup.core.states import SubscriptionStatus
from recoup.errors import Busy, Rejected, Unreachable, Unreadable
from recoup.processors.stripe import reader
from recoup.processors.stripe.calls.client import Client, Reply
from recoup.processors.stripe.calls.errors import Declined, Denied
from recoup.processors.stripe.snapshots import snapshot

if TYPE_CHECKING:
    from stripe.params import EventListParams, EventListParamsCreated, InvoicePayParams

Json = Mapping[str, Any]

#: The code of the refusal when the customer is needed. Source: docs.stripe.com/error-codes.
NEEDED: Final = "invoice_payment_intent_requires_action"
_WAITS: Final = "payment_intent.requires_action"
_FAILED: Final = "payment_intent.payment_failed"
_CHARGED: Final = ("charge.succeeded", "charge.failed", "charge.pending")
_PAYMENTS: Final = "payments.data.payment.payment_intent"
_ENDED: Final = frozenset(one for one in SubscriptionStatus if states.has_ended(one))
#: How long after a charge its event may be dated.
_SOON: Final = timedelta(seconds=30)
#: How long after a charge its event may be missing still.
_LATE: Final = timedelta(minutes=10)
_AGAIN: Final = 30.0
#: How our keys begin; others are made up by Stripe's own libraries.
OURS: Final = "recoup:"
_PAGE: Final = 100
_LONGEST_COMMENT: Final = 500


def pay(
    client: Client, invoice: str, *, method: str | None, key: str, off_session: bool
) -> PaymentFact:
    """
    Try to collect `invoice`; see `recoup.processors.base.Collects`.

    Raises:
        Rejected: nothing was tried; or nothing had to be, because credit covered it.
    """
    params: InvoicePayParams = {"off_session": off_session, "expand": [_PAYMENTS]}
    if method is not None:
        params["payment_method"] = method
    try:
        reply = client.do(lambda sdk, given: sdk.v1.invoices.pay(invoice, params, given), key=key)
    except Denied as refusal:
        if not isinstance(refusal, Declined) and refusal.code != NEEDED:
            raise
        return _refused(client, invoice, key, refusal)
    return _outcome(client, _tried(reply.body), reply, invoice, key)


def find(client: Client, invoice: str, *, key: str, since: datetime) -> PaymentFact | None:
    """
    Return what became of a try; see `recoup.processors.base.Collects`.

    A try that waited for its customer is found as what the customer made of it. Whose a try is
    that is older than 30 days, Stripe does not tell any more: then this says None, and what was
    taken is known as a payment of the invoice all the same.

    Raises:
        Busy: there is a charge and no event of it yet, so nobody can say whose it is.
        Rejected: there is no such invoice.
    """
    reply = _look(client, invoice)
    first = int(since.timestamp())
    for intent in reversed(_intents(reply.body)):
        for charge in _charges(client, intent, first):
            if _key_of(client, charge, reply.at) == key:
                return _charged(client, charge, invoice, key)
        found = _waited(client, intent, reply, key=key, first=first)
        if found is not None:
            return replace(found, invoice=invoice, idempotency_key=key)
    return None


def cancel(client: Client, subscription: str, *, reason: str, key: str) -> None:
    """
    End `subscription`; see `recoup.processors.base.Ends`.

    Raises:
        Rejected: there is none.
    """
    try:
        client.do(
            lambda sdk, given: sdk.v1.subscriptions.cancel(
                subscription,
                {"cancellation_details": {"comment": reason[:_LONGEST_COMMENT]}},
                given,
            ),
            key=key,
        )
    except Denied:
        # What has ended can not be canceled any more, and Stripe's words for it vary.
        reply = client.do(lambda sdk, _: sdk.v1.subscriptions.retrieve(subscription))
        if reply.body.get("status") not in _ENDED:
            raise


# -- what a try came to -------------------------------------------------------------------------


def _refused(client: Client, invoice: str, key: str, refusal: Denied) -> PaymentFact:
    if isinstance(refusal, Declined) and refusal.charge is not None:
        charge = client.do(lambda sdk, _: sdk.v1.charges.retrieve(str(refusal.charge))).body
        return _charged(client, charge, invoice, key)
    reply = _look(client, invoice)
    return _outcome(client, _tried(reply.body), reply, invoice, key)


def _outcome(
    client: Client, intent: Json | None, reply: Reply, invoice: str, key: str
) -> PaymentFact:
    """Return the newest try of the intent, as it was shown by `reply`."""
    if intent is None:
        raise Rejected(f"{invoice} was settled without a payment", request_id=reply.request_id)
    waiting = _waiting(client, intent, reply, key)
    if waiting is not None:
        return replace(waiting, invoice=invoice, idempotency_key=key)
    latest = intent.get("latest_charge")
    if latest is None:
        raise Rejected(f"{invoice} was not tried", request_id=reply.request_id)
    charge = client.do(lambda sdk, _: sdk.v1.charges.retrieve(str(latest))).body
    return _charged(client, charge, invoice, key)


def _charged(client: Client, charge: Json, invoice: str, key: str) -> PaymentFact:
    # Dated by the charge itself: the same charge is always told alike, however often it is seen.
    event = _told(client, charge, datetime.fromtimestamp(charge["created"], UTC), key=key)
    fact = _try_in(event)
    if fact is None:
        raise Unreachable(f"what Stripe says of {charge['id']} is about nothing that is kept")
    return replace(fact, invoice=invoice, idempotency_key=key)


def _try_in(event: Json) -> PaymentFact | None:
    """
    Return the try that an event tells of.

    Raises:
        Unreachable: it is not understood. What became of the try is unknown until it is, and that
            is no reason to leave other tries alone.
    """
    try:
        facts = reader.read(event).facts
    except Unreadable as problem:
        raise Unreachable(f"what Stripe says is not understood: {problem}") from problem
    return next((one for one in facts if isinstance(one, PaymentFact)), None)


def _waiting(client: Client, intent: Json, reply: Reply, key: str) -> PaymentFact | None:
    """Return the try of an intent that waits for its customer; None: it does not."""
    if intent["status"] != "requires_action":
        return None
    fact = _try_in(_told(client, intent, reply.at, key=key) | {"type": _WAITS})
    # An intent waits for one try after another, and each of them is an attempt of its own.
    return fact and replace(fact, processor_id=f"{fact.processor_id}/{key}")


def _told(
    client: Client, object_: Json, at: datetime, *, key: str | None = None
) -> dict[str, Any]:
    # One turn for all: what a try came to only moves forward, and is told alike each time.
    return snapshot(
        object_, at=at, livemode=client.livemode, version=client.version, key=key, turn=0
    )


# -- whose a try was ----------------------------------------------------------------------------


def _key_of(client: Client, charge: Json, now: datetime) -> str | None:
    """Return the key of the request that made the charge, None if it had none, or nobody says."""
    first = int(charge["created"])
    last = first + int(_SOON.total_seconds())
    told = list(_events(client, _CHARGED, str(charge["id"]), first=first, last=last))
    if told:
        return _requested(told[-1])  # the one that told of its making
    if now - datetime.fromtimestamp(first, UTC) < _LATE:
        raise Busy(f"Stripe has not told yet whose {charge['id']} is", after=_AGAIN)
    return None


def _waited(
    client: Client, intent: Json, reply: Reply, *, key: str, first: int
) -> PaymentFact | None:
    """
    Return what became of a try that waited for its customer: what was told of the intent next.

    A charge is what the customer finished; a failure, that they did not pass the challenge. What
    another request of ours did took the try's place, and nothing can come of it any more.
    """
    types = (_WAITS, _FAILED, *_CHARGED)
    told = list(_events(client, types, str(intent["id"]), first=first))
    place = next((n for n, one in enumerate(told) if _began(one, key)), None)
    if place is None:
        return None
    for event in reversed(told[:place]):
        if event["type"] == _WAITS or (_requested(event) or "").startswith(OURS):
            return None
        if event["type"] in _CHARGED:
            id_ = str(event["data"]["object"]["id"])
            charge = client.do(lambda sdk, _, id_=id_: sdk.v1.charges.retrieve(id_)).body  # type: ignore[misc]
            return _charged(client, charge, "", key)
        failed = _try_in(event)
        if failed is not None:
            return failed
    return _waiting(client, intent, reply, key)


def _began(event: Json, key: str) -> bool:
    return event["type"] == _WAITS and _requested(event) == key


def _requested(event: Json) -> str | None:
    key = (event.get("request") or {}).get("idempotency_key")
    return key if isinstance(key, str) else None


def _events(
    client: Client, types: Sequence[str], of: str, *, first: int, last: int | None = None
) -> Iterator[Json]:
    """Yield the events of these types about the object `of`, or a payment of it, newest first."""
    created: EventListParamsCreated = {"gte": first}
    if last is not None:
        created["lte"] = last
    params: EventListParams = {"types": list(types), "created": created, "limit": _PAGE}
    pages = client.all(
        lambda sdk, after: sdk.v1.events.list(
            {**params, "starting_after": after} if after else params
        )
    )
    for page in pages:
        for one in page.body["data"]:
            about = one["data"]["object"]
            if of in {about["id"], about.get("payment_intent")}:
                yield one


# -- looking ------------------------------------------------------------------------------------


def _look(client: Client, invoice: str) -> Reply:
    return client.do(lambda sdk, _: sdk.v1.invoices.retrieve(invoice, {"expand": [_PAYMENTS]}))


def _charges(client: Client, intent: Json, first: int) -> Iterator[Json]:
    """Yield the charges of an intent from the second `first` on, newest first."""
    pages = client.all(
        lambda sdk, after: sdk.v1.charges.list(
            {
                "payment_intent": str(intent["id"]),
                "created": {"gte": first},
                "limit": _PAGE,
                **({"starting_after": after} if after else {}),
            }
        )
    )
    for page in pages:
        yield from page.body["data"]


def _intents(invoice: Json) -> list[Json]:
    """Return the payment intents of an invoice's payments, oldest first."""
    payments = sorted(_payments(invoice), key=lambda one: int(one["created"]))
    return [one["payment"]["payment_intent"] for one in payments]


def _tried(invoice: Json) -> Json | None:
    """Return the payment intent that paying the invoice tries; None: there is none."""
    payments = _payments(invoice)
    usual = [one for one in payments if one.get("is_default")] or payments
    return usual[-1]["payment"]["payment_intent"] if usual else None


def _payments(invoice: Json) -> list[Json]:
    data = (invoice.get("payments") or {}).get("data") or []
    return [one for one in data if one["payment"]["type"] == "payment_intent"]
