"""
Invoices, asked of Stripe: made, finalised, sent, void, given up, paid elsewhere.

Stripe takes no quantity beside an amount, and a price of its own for each line would fill the
catalogue: more than one of something is said in the line's description. Taxes are sent as sums,
at 0 percent, which is how Stripe takes what somebody else has computed.
Source: docs.stripe.com/api/invoices/add_lines; github.com/stripe/stripe-php/issues/777.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from recoup.core import states
from recoup.core.billing.requests import (
    CreateInvoice,
    FinalizeInvoice,
    LineWanted,
    MarkPaidOutOfBand,
    MarkUncollectible,
    SendInvoice,
    VoidInvoice,
)
from recoup.core.money import Money, exponent
from recoup.core.states import InvoiceStatus, SubscriptionStatus
from recoup.errors import InvalidMoney, Rejected, Unreadable
from recoup.processors.stripe.amounts import stripe_amount
from recoup.processors.stripe.calls.client import Call, Client, Reply
from recoup.processors.stripe.calls.errors import Denied
from recoup.processors.stripe.calls.looking import as_it_is, look, made_with, since
from recoup.processors.stripe.calls.tracing import events_of
from recoup.processors.stripe.desk.told import Told, Way
from recoup.processors.stripe.shapes import OURS

if TYPE_CHECKING:
    import stripe
    from stripe.params import (
        InvoiceAddLinesParamsLine,
        InvoiceCreateParams,
        InvoiceListParams,
    )

Json = Mapping[str, Any]
_S = TypeVar("_S", bound=StrEnum)

#: Kinds of payments that did not pass through Stripe.
_ELSEWHERE: Final = frozenset({"out_of_band", "payment_record"})
#: What is asked for with every invoice: whose it is, what it is for and what pays it.
WHOLE: Final = ["customer", "parent.subscription_details.subscription", "payments"]
_THREE: Final = 3


def status(invoice: Json) -> InvoiceStatus:
    """
    Return where the invoice is.

    Raises:
        Unreadable: Stripe has a new word for it.
    """
    return _word(InvoiceStatus, invoice)


def _word(words: type[_S], shown: Json) -> _S:
    try:
        return words(shown["status"])
    except ValueError as error:
        raise Unreadable(f"{shown['id']}: its status {shown['status']!r} is unknown") from error


def retrieve(client: Client, invoice: str) -> Reply | None:
    """Return the invoice as it is now; None: there is none (any more)."""
    return look(client, _whole(invoice))


def _whole(invoice: str) -> Call:
    return lambda sdk, options: sdk.v1.invoices.retrieve(invoice, {"expand": WHOLE}, options)


def told(reply: Reply, word: str | None = None) -> Told:
    """Return what a look at an invoice says; `word` is the answer's status, if not its own."""
    invoice = reply.body
    shown = tuple(_shown(invoice))
    return Told(invoice["id"], shown, reply.at, word or invoice["status"], None, reply.request_id)


def changed(client: Client, reply: Reply, word: str | None = None) -> Told:
    """Return what a request that answered with an invoice came to, as it is now."""
    return told(as_it_is(client, reply, _whole(reply.body["id"])), word)


def _shown(invoice: Json) -> Iterator[Json]:
    """
    Yield the invoice after what changes with it: its subscription stands as its closed invoices
    do. Where that is good again its customer is too; and its credit is used, or given back.
    """
    of = ((invoice.get("parent") or {}).get("subscription_details") or {}).get("subscription")
    closed = states.is_paid(status(invoice)) or states.is_resolved(status(invoice))
    good = closed and of is not None and states.is_live(_word(SubscriptionStatus, of))
    if good or invoice["starting_balance"] or invoice["ending_balance"]:
        yield invoice["customer"]
    if closed and of:
        yield of
    yield invoice


def create(client: Client, asked: CreateInvoice, key: str) -> Told:
    """
    Make a draft, put all lines on it at once, and finalise it: three calls, each with its key.

    What Stripe refuses half-way is deleted again; nobody would ever go on with it.

    Raises:
        Rejected: no lines or of several currencies, a total below 0, or Stripe refuses them.
    """
    params, lines = _draft(asked, key), [_line(wanted) for wanted in asked.lines]
    made = client.do(lambda sdk, options: sdk.v1.invoices.create(params, options), key=key)
    return _completed(client, asked, key, made.body, lines)


def created(client: Client, asked: CreateInvoice, key: str, at: datetime) -> Told | None:
    """Return what became of it, by our mark; what stopped half-way goes on from there."""

    def page(sdk: stripe.StripeClient, after: str | None) -> stripe.ListObject[stripe.Invoice]:
        params: InvoiceListParams = {
            "created": {"gte": since(at)},
            "customer": asked.customer,
            "limit": 100,
        }
        if after is not None:
            params["starting_after"] = after
        return sdk.v1.invoices.list(params)

    try:
        found = made_with(client.all(page), key)
    except Denied as error:
        if error.missing:
            return None  # there is no such customer
        raise
    if found is None:
        return None
    return _completed(client, asked, key, found.body, [_line(wanted) for wanted in asked.lines])


def _completed(
    client: Client,
    asked: CreateInvoice,
    key: str,
    made: Json,
    lines: list[InvoiceAddLinesParamsLine],
) -> Told:
    """Do what is left to do. Each step is told by what the invoice shows, not by its key alone."""
    id_, reply = made["id"], None
    try:
        if states.is_draft(status(made)) and not made["lines"]["data"]:
            reply = client.do(
                lambda sdk, options: sdk.v1.invoices.add_lines(
                    id_, {"lines": lines, "expand": WHOLE}, options
                ),
                key=f"{key}:lines",
            )
        if asked.finalize and states.is_draft(status(made)):
            reply = client.do(
                lambda sdk, options: sdk.v1.invoices.finalize_invoice(
                    id_, {"auto_advance": False, "expand": WHOLE}, options
                ),
                key=f"{key}:finalize",
            )
    except Denied:
        found = retrieve(client, id_)
        if found is not None and not states.is_draft(status(found.body)):
            return told(found)  # somebody else has finalised it
        with suppress(Denied):
            client.do(lambda sdk, options: sdk.v1.invoices.delete(id_, None, options))
        raise
    return told(client.do(_whole(id_))) if reply is None else changed(client, reply)


def _draft(asked: CreateInvoice, key: str) -> InvoiceCreateParams:
    currencies = sorted({wanted.amount.currency for wanted in asked.lines})
    if len(currencies) != 1:
        raise Rejected(f"An invoice has lines of one currency; got {currencies}")
    total = sum(wanted.amount.minor + wanted.tax for wanted in asked.lines)
    if total < 0:
        # Stripe would give it to the customer's good; this is not how credit is given here.
        raise Rejected(f"The total of an invoice is not negative; got {total}")
    params: InvoiceCreateParams = {
        "auto_advance": False,
        "collection_method": asked.collection,
        "currency": currencies[0].lower(),
        "customer": asked.customer,
        "metadata": {name: text for name, text in asked.metadata.items() if text} | {OURS: key},
        "pending_invoice_items_behavior": "exclude",
    }
    if asked.description:
        params["description"] = asked.description
    if asked.days_until_due is not None:
        params["days_until_due"] = asked.days_until_due
    return params


def wire(amount: Money) -> int:
    """
    Return an amount as Stripe is told it.

    Raises:
        Rejected: it is finer than Stripe takes the currency: of those with three decimals the
            last is 0. Source: docs.stripe.com/currencies.
    """
    try:
        units = stripe_amount(amount)
    except InvalidMoney as error:
        raise Rejected(str(error)) from error
    if exponent(amount.currency) == _THREE and units % 10:
        raise Rejected(f"Invalid amount: {amount}; the last of three decimals is 0")
    return units


def _line(wanted: LineWanted) -> InvoiceAddLinesParamsLine:
    if not wanted.description:
        raise Rejected("Missing required param: description")
    if wanted.quantity < 1:
        raise Rejected(f"Invalid quantity: {wanted.quantity}")
    if wanted.tax * wanted.amount.minor < 0 or (wanted.tax and not wanted.amount.minor):
        raise Rejected(f"Tax of {wanted.tax} is not a part of {wanted.amount}")
    amount = wire(wanted.amount)
    tax = wire(Money(wanted.tax, wanted.amount.currency))
    many = f"{wanted.quantity} × " if wanted.quantity > 1 else ""
    line: InvoiceAddLinesParamsLine = {
        "amount": amount,
        "description": many + wanted.description,
    }
    if tax:
        line["tax_amounts"] = [
            {
                "amount": tax,
                "tax_rate_data": {"display_name": "Tax", "inclusive": False, "percentage": 0.0},
                "taxable_amount": amount,
            }
        ]
    return line


# -- what becomes of an invoice -----------------------------------------------------------------


def _done(client: Client, key: str, call: Call) -> Told:
    return changed(client, client.do(call, key=key))


def _after(client: Client, invoice: str, what: str, at: datetime) -> Reply | None:
    """Return the invoice, if `what` happened to it after `at`, as far as two clocks agree."""
    found = retrieve(client, invoice)
    when = None if found is None else found.body["status_transitions"][what]
    return None if when is None or when < since(at) else found


def finalize(client: Client, asked: FinalizeInvoice, key: str) -> Told:
    """
    Number the draft; whether Stripe goes on with it by itself stays as it is.

    Raises:
        Rejected: it is no draft.
    """
    return _done(
        client,
        key,
        lambda sdk, options: sdk.v1.invoices.finalize_invoice(
            asked.invoice, {"expand": WHOLE}, options
        ),
    )


def finalized(client: Client, asked: FinalizeInvoice, key: str, at: datetime) -> Told | None:
    del key
    found = _after(client, asked.invoice, "finalized_at", at)
    return None if found is None else told(found)


def send(client: Client, asked: SendInvoice, key: str) -> Told:
    """
    Raises:
        Rejected: it is closed, or a draft that is not meant to be sent.
    """
    return _done(
        client,
        key,
        lambda sdk, options: sdk.v1.invoices.send_invoice(
            asked.invoice, {"expand": WHOLE}, options
        ),
    )


def was_sent(client: Client, asked: SendInvoice, key: str, at: datetime) -> Told | None:
    """An invoice does not show that it was sent; for 30 days an event does, with our key."""
    if not events_of(client, key, at, ["invoice.sent"]):
        return None
    found = retrieve(client, asked.invoice)
    return None if found is None else told(found)


def void(client: Client, asked: VoidInvoice, key: str) -> Told:
    """
    Raises:
        Rejected: it is a draft or paid, or its payment is processing.
    """
    try:
        return _done(
            client,
            key,
            lambda sdk, options: sdk.v1.invoices.void_invoice(
                asked.invoice, {"expand": WHOLE}, options
            ),
        )
    except Denied:
        found = retrieve(client, asked.invoice)
        if found is None or not states.is_void(status(found.body)):
            raise
        return told(found)


def voided(client: Client, asked: VoidInvoice, key: str, at: datetime) -> Told | None:
    """Whoever voided it: voiding what is void is a success."""
    del key, at
    found = retrieve(client, asked.invoice)
    return told(found) if found and states.is_void(status(found.body)) else None


def give_up(client: Client, asked: MarkUncollectible, key: str) -> Told:
    """
    Raises:
        Rejected: it is not open.
    """
    return _done(
        client,
        key,
        lambda sdk, options: sdk.v1.invoices.mark_uncollectible(
            asked.invoice, {"expand": WHOLE}, options
        ),
    )


def given_up(client: Client, asked: MarkUncollectible, key: str, at: datetime) -> Told | None:
    del key
    found = _after(client, asked.invoice, "marked_uncollectible_at", at)
    return None if found is None else told(found)


def paid_elsewhere(client: Client, asked: MarkPaidOutOfBand, key: str) -> Told:
    """
    Raises:
        Rejected: it is neither open nor given up, or its payment is processing.
    """
    return _done(
        client,
        key,
        lambda sdk, options: sdk.v1.invoices.pay(
            asked.invoice, {"paid_out_of_band": True, "expand": WHOLE}, options
        ),
    )


def was_paid_elsewhere(
    client: Client, asked: MarkPaidOutOfBand, key: str, at: datetime
) -> Told | None:
    del key
    found = _after(client, asked.invoice, "paid_at", at)
    if found is None:
        return None
    kinds = {one["payment"]["type"] for one in found.body["payments"]["data"]}
    return told(found) if kinds & _ELSEWHERE else None


WAYS: Final[Mapping[type, Way]] = {
    CreateInvoice: Way(create, created),
    FinalizeInvoice: Way(finalize, finalized),
    SendInvoice: Way(send, was_sent),
    VoidInvoice: Way(void, voided),
    MarkUncollectible: Way(give_up, given_up),
    MarkPaidOutOfBand: Way(paid_elsewhere, was_paid_elsewhere),
}
