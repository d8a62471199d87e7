"""/v1/refunds. Source: docs.stripe.com/api/refunds, docs.stripe.com/error-codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stripe import params as sdk

from recoup.core import states
from recoup.core.money import Money
from recoup.processors.fake import shapes
from recoup.processors.fake.desk import metadata, money
from recoup.processors.fake.model import Charge, Dispute, Instrument, Intent, Refund, smallest
from recoup.processors.fake.world import Session
from recoup.processors.stripe.amounts import money as read_amount
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route


def show(s: Session, id_: str, version: str) -> Json:
    del version
    return shapes.refund(s.get(Refund, id_))


def create(call: Call) -> Json:
    s, given = call.session, call.params
    charge = _charge(call)
    left = charge.amount - charge.refunded
    if not states.succeeded(charge.state):
        raise Refusal(
            "This charge cannot be refunded because it did not succeed.",
            code="charge_not_refundable",
        )
    if not left:
        code = "charge_already_refunded"
        raise Refusal(f"Charge {charge.id} has already been refunded.", code=code)
    if any(one.open or one.lost for one in s.owned(Dispute, charge.id)):
        raise Refusal(f"Charge {charge.id} has been charged back.", code="charge_disputed")
    if s.get(Instrument, charge.instrument).refunds.refused:
        raise Refusal(
            f"Charge {charge.id} can not be refunded any more.", code="charge_not_refundable"
        )
    wanted = None
    if "amount" in given:
        wanted = read_amount(given["amount"], charge.currency)
        _refuse_amount(wanted, left, given["amount"])
    made = money.refund(
        s,
        charge.id,
        wanted,
        reason=given.get("reason"),
        texts=metadata.merged({}, given.get("metadata") or {}),
    )
    return shapes.refund(made)


def _refuse_amount(wanted: Money, left: int, given: int) -> None:
    if wanted.minor <= 0:
        raise Refusal(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param="amount",
        )
    if wanted.minor > left:
        raise Refusal(
            f"Refund amount ({wanted}) is greater than unrefunded amount on charge"
            f" ({Money(left, wanted.currency)})",
            param="amount",
        )
    if wanted.minor % smallest(wanted.currency):
        raise Refusal(f"Invalid amount: {given}", param="amount")


def _charge(call: Call) -> Charge:
    s, given = call.session, call.params
    if "charge" in given:
        return s.get(Charge, given["charge"])
    if "payment_intent" not in given:
        raise Refusal("One of the following params should be provided for this request:"
                      " payment_intent or charge.")  # fmt: skip
    intent = s.get(Intent, given["payment_intent"])
    if intent.latest_charge is None:
        raise Refusal(
            f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    return s.get(Charge, intent.latest_charge)


def retrieve(call: Call) -> Json:
    return show(call.session, call.ids[0], call.version)


def update(call: Call) -> Json:
    s = call.session
    found = s.get(Refund, call.ids[0])
    if "metadata" in call.params:
        texts = call.params["metadata"]
        found.metadata = metadata.merged(found.metadata, texts) if texts else {}
        s.save(found)
    return shapes.refund(found)


def cancel(call: Call) -> Json:
    """Refuse it: only a refund that waits for its customer can be canceled, and none does."""
    found = call.session.get(Refund, call.ids[0])
    raise Refusal(
        f"You cannot cancel the refund {found.id}: only one that requires action can be canceled."
    )


def listed(call: Call) -> Json:
    s, given = call.session, call.params
    of = given.get("charge")
    things = lists.all_of(s, Refund) if of is None else s.owned(Refund, s.get(Charge, of).id)
    found = [
        one
        for one in things
        if one.intent == given.get("payment_intent", one.intent)
        and lists.created(given, one.created)
    ]
    return lists.page(call, found, shapes.refund, url="/v1/refunds")


ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/refunds": Route(
        create,
        sdk.RefundCreateParams,
        frozenset({"amount", "charge", "metadata", "payment_intent", "reason"}),
    ),
    "GET /v1/refunds": Route(
        listed, sdk.RefundListParams, lists.LISTED | {"charge", "created", "payment_intent"}
    ),
    "GET /v1/refunds/:id": Route(retrieve, sdk.RefundRetrieveParams),
    "POST /v1/refunds/:id": Route(update, sdk.RefundUpdateParams, frozenset({"metadata"})),
    "POST /v1/refunds/:id/cancel": Route(cancel, sdk.RefundCancelParams),
}
SHOWS: Final[Mapping[str, Show]] = {"re": show}
