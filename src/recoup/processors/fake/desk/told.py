"""What the desk says: what a request came to, and what the customer must do now."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from recoup.core import states
from recoup.core.billing.answers import NextAction
from recoup.processors.fake.model import Intent, Invoice, SetupIntent
from recoup.processors.fake.world import Session


@dataclass(frozen=True, slots=True)
class Told:
    """What a request came to, beside the events it caused."""

    object: str
    status: str | None = None
    action: NextAction | None = None


def to_pay(s: Session, intent: Intent) -> NextAction | None:
    """Return what the customer must do for the payment; None when it is done, or on its way."""
    state = intent.tries[-1].state if intent.tries else None
    if state is not None and (states.in_flight(state) or states.succeeded(state)):
        return None
    if intent.canceled_at is not None:
        return None
    if state is not None and states.awaits_customer(state):
        return _challenge(s, intent.id)
    page = f"https://invoice.example.com/{s.get(Invoice, intent.invoice).id}"
    return NextAction("confirm", page, secret(s, intent.id))


def to_set_up(s: Session, intent: SetupIntent) -> NextAction | None:
    """Return what the customer must do to keep a method; None when it is kept."""
    if states.succeeded(intent.state):
        return None
    if states.awaits_customer(intent.state):
        return _challenge(s, intent.id)
    return NextAction("new_method", client_secret=secret(s, intent.id))


def _challenge(s: Session, id_: str) -> NextAction:
    url = f"https://hooks.example.com/3d_secure/{id_}"
    return NextAction("authenticate", url, secret(s, id_))


def secret(s: Session, id_: str) -> str:
    """Return what the browser confirms a payment or setup intent with."""
    digest = blake2b(f"{id_} {s.dice('secret', id_)}".encode(), digest_size=12).hexdigest()
    return f"{id_}_secret_{digest}"
