"""Ways to pay, as the host asks for them, and keeping one for later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from recoup.core import states
from recoup.core.billing.requests import AttachMethod, CreateSetupIntent, DetachMethod
from recoup.core.states import AttemptState
from recoup.errors import Rejected
from recoup.processors.fake import customers, events, shapes
from recoup.processors.fake.desk import metadata
from recoup.processors.fake.desk.told import Told, to_set_up
from recoup.processors.fake.model import Instrument, Method, SetupIntent, instant
from recoup.processors.fake.payers import EXPIRED, Answer, Refusal, meet
from recoup.processors.fake.world import Session

_CHALLENGE_FAILED: Final = Refusal("setup_intent_authentication_failure")


def attach(s: Session, asked: AttachMethod) -> Told:
    customers.adopt(s, asked.customer, asked.method, default=asked.default)
    return Told(asked.method)


def detach(s: Session, asked: DetachMethod) -> Told:
    found = s.get(Method, asked.method)
    if found.customer is not None or not found.spent:
        customers.detach(s, asked.method)
    return Told(asked.method)


def set_up(s: Session, asked: CreateSetupIntent) -> Told:
    owner = customers.living(s, asked.customer)
    made = SetupIntent(
        id=s.new_id(SetupIntent),
        created=s.now,
        customer=owner.id,
        off_session=asked.off_session,
        metadata=metadata.merged({}, asked.metadata),
    )
    events.setup(s, "setup_intent.created", s.save(made, owner=owner.id))
    if asked.method is not None:
        confirm(s, made, asked.method)
    return Told(made.id, shapes.setup_status(made), to_set_up(s, made))


def confirm(s: Session, intent: SetupIntent, method: str) -> None:
    """
    Try to keep `method` for later; the bank may want a challenge first.

    Raises:
        Rejected: it is kept already, or the method is another's or spent.
    """
    if states.succeeded(intent.state):
        raise Rejected(f"{intent.id} has succeeded and can not be confirmed again")
    named = customers.attachable(s, intent.customer, method)
    intent.method = method
    _conclude(s, intent, _ask(s, named, authenticated=False))


def authenticate(s: Session, intent: SetupIntent, *, ok: bool) -> None:
    """
    Let the customer pass the bank's challenge, or fail it.

    Raises:
        Rejected: nobody waits for that, or the method has gone to another meanwhile.
    """
    if not states.awaits_customer(intent.state):
        raise Rejected(f"{intent.id} does not wait for its customer")
    named = customers.attachable(s, intent.customer, str(intent.method))
    answer = Answer("declines", _CHALLENGE_FAILED)
    _conclude(s, intent, _ask(s, named, authenticated=True) if ok else answer)


def _ask(s: Session, method: Method, *, authenticated: bool) -> Answer:
    if method.expired(s.now):
        return Answer("declines", EXPIRED)
    card = s.get(Instrument, method.instrument)
    answer, left = meet(
        card.payer,
        now=instant(s.now),
        off_session=False,
        authenticated=authenticated,
        dice=s.dice("setup", method.id, s.now),
    )
    # A bank debit is only promised here; what it is worth shows when it is collected.
    if left is not card.payer and answer.kind != "waits":
        card.payer = left
        s.save(card)
    return answer


def _conclude(s: Session, intent: SetupIntent, answer: Answer) -> None:
    intent.refusal = None
    if answer.kind == "asks":
        intent.state, event = AttemptState.ACTION_REQUIRED, "setup_intent.requires_action"
    elif answer.kind == "declines":
        intent.state, event = AttemptState.DECLINED, "setup_intent.setup_failed"
        intent.refusal, intent.method = answer.refusal, None
    else:
        customers.adopt(s, intent.customer, str(intent.method), default=False)
        intent.state, event = AttemptState.SUCCEEDED, "setup_intent.succeeded"
    events.setup(s, event, s.save(intent))


ANSWERS: Final[Mapping[type, Callable[[Session, Any], Told]]] = {
    AttachMethod: attach,
    DetachMethod: detach,
    CreateSetupIntent: set_up,
}
