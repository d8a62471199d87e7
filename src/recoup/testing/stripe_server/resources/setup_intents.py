"""Setup intents: keeping a method for later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import stripe

from recoup.core import states
from recoup.core.billing.requests import CreateSetupIntent
from recoup.processors.fake import shapes
from recoup.processors.fake.desk import methods
from recoup.processors.fake.desk.told import secret
from recoup.processors.fake.model import Method, SetupIntent
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.resources import cards, customers, payment_methods
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route


def created(call: Call) -> Json:
    """Answer `POST /v1/setup_intents`: for a customer, and confirmed where it names a method."""
    s, p = call.session, call.params
    if p.get("confirm", False) != ("payment_method" in p):
        raise Refusal(
            "The server for tests plays confirm and payment_method together, or neither",
            code="not_played",
            param="confirm",
        )
    if "customer" not in p:
        raise Refusal(
            "The server for tests plays setup intents of customers",
            code="not_played",
            param="customer",
        )
    owner = customers.living(s, p["customer"], "customer")
    off_session = p.get("usage", "off_session") == "off_session"
    asked = CreateSetupIntent(owner.id, off_session=off_session, metadata=p.get("metadata") or {})
    made = s.get(SetupIntent, methods.set_up(s, asked).object)
    return _confirmed(call, made) if p.get("confirm") else shown(s, made.id, call.version)


def confirmed(call: Call) -> Json:
    """Answer `POST /v1/setup_intents/:id/confirm`."""
    found = call.session.get(SetupIntent, call.ids[0])
    if states.succeeded(found.state):
        raise Refusal(
            "You cannot confirm this SetupIntent because it has already succeeded.",
            code="setup_intent_unexpected_state",
        )
    if "payment_method" not in call.params:
        raise Refusal(
            "You cannot confirm this SetupIntent because it's missing a payment method.",
            code="parameter_missing",
            param="payment_method",
        )
    return _confirmed(call, found)


def _confirmed(call: Call, intent: SetupIntent) -> Json:
    s = call.session
    method = cards.named(s, call.params["payment_method"], intent.customer)
    payment_methods.refuse_unusable(s.get(Method, method), intent.customer)
    methods.confirm(s, intent, method)
    answer = shown(s, intent.id, call.version)
    if intent.refusal is not None:
        told = shapes.card_error(intent.refusal)
        text = told.pop("message")
        raise Refusal(text, status=402, kept=True, setup_intent=answer, **told)
    return answer


def retrieved(call: Call) -> Json:
    """Answer `GET /v1/setup_intents/:id`."""
    return shown(call.session, call.ids[0], call.version)


def shown(s: Session, id_: str, version: str) -> Json:
    """Return the setup intent called `id_`; all versions show it alike."""
    del version
    found = s.get(SetupIntent, id_)
    waits = states.awaits_customer(found.state)
    page = f"https://hooks.example.com/3d_secure/{id_}"
    return shapes.setup(found) | {
        "client_secret": secret(s, id_),
        "next_action": {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": page},
        }
        if waits
        else None,
        "payment_method_types": ["card"],
    }


def listed(call: Call) -> Json:
    """Answer `GET /v1/setup_intents`: by `customer`, `payment_method`, `created`."""
    s, p = call.session, call.params
    if "customer" in p:
        customers.living(s, p["customer"], "customer")
    found = [
        one
        for one in lists.all_of(s, SetupIntent)
        if p.get("customer") in {None, one.customer}
        and p.get("payment_method") in {None, one.method}
        and lists.created(p, one.created)
    ]

    def show(one: SetupIntent) -> Json:
        return shown(s, one.id, call.version)

    return lists.page(call, found, show, url="/v1/setup_intents")


ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/setup_intents": Route(
        created,
        stripe.params.SetupIntentCreateParams,
        frozenset(
            "customer usage metadata payment_method confirm automatic_payment_methods.enabled"
            " automatic_payment_methods.allow_redirects".split()
        ),
    ),
    "GET /v1/setup_intents": Route(
        listed,
        stripe.params.SetupIntentListParams,
        lists.LISTED | {"customer", "payment_method", "created"},
    ),
    "GET /v1/setup_intents/:id": Route(retrieved, stripe.params.SetupIntentRetrieveParams),
    "POST /v1/setup_intents/:id/confirm": Route(
        confirmed, stripe.params.SetupIntentConfirmParams, frozenset({"payment_method"})
    ),
}
SHOWS: Final[Mapping[str, Show]] = {"seti": shown}
