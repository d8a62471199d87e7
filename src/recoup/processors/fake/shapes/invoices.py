"""Invoices, and what ties payments to them."""

from __future__ import annotations

from recoup.core import states
from recoup.processors.fake.model import Intent, Invoice, Line
from recoup.processors.fake.shapes.wire import Json, amount


def invoice(i: Invoice, pi: Intent | None, *, basil: bool) -> Json:
    """Return the invoice; `pi` is its payment intent, once it has one."""
    subtotal, discount, tax = i.sums
    shape = {
        "id": i.id,
        "object": "invoice",
        "amount_due": amount(i.amount, i.currency),
        "amount_paid": amount(i.paid, i.currency),
        "amount_remaining": amount(i.remaining, i.currency),
        "attempt_count": i.attempt_count,
        "attempted": i.attempted,
        "auto_advance": i.auto_advance,
        "billing_reason": i.reason,
        "collection_method": i.collection,
        "created": i.created,
        "currency": i.currency.lower(),
        "customer": i.customer,
        "default_payment_method": None,
        "description": i.description,
        "discounts": [] if i.discount is None else [i.discount],
        "due_date": i.due_date,
        "ending_balance": None
        if i.finalized_at is None
        else amount(i.credit_used - i.credit_before, i.currency),
        "hosted_invoice_url": i.number and f"https://invoice.example.com/{i.id}",
        "lines": {"object": "list", "data": lines(i, basil=basil), "has_more": False},
        "livemode": False,
        "metadata": i.metadata,
        "next_payment_attempt": i.next_try,
        "number": i.number,
        "period_end": i.period_end,
        "period_start": i.period_start,
        "starting_balance": amount(-i.credit_before, i.currency),
        "status": i.status,
        "status_transitions": {
            "finalized_at": i.finalized_at,
            "marked_uncollectible_at": i.uncollectible_at,
            "paid_at": i.paid_at,
            "voided_at": i.voided_at,
        },
        "subtotal": amount(subtotal, i.currency),
        "total": amount(subtotal - discount + tax, i.currency),
        "total_discount_amounts": [_taken(i, discount)] if discount else [],
    }
    return shape | (_basil_links(i, pi, tax) if basil else _old_links(i, pi, tax))


def _taken(i: Invoice, minor: int) -> Json:
    return {"amount": amount(minor, i.currency), "discount": i.discount}


def _old_links(i: Invoice, pi: Intent | None, tax: int) -> Json:
    return {
        "charge": pi and pi.latest_charge,
        "paid": states.is_paid(i.status),
        "paid_out_of_band": i.out_of_band,
        "payment_intent": pi and pi.id,
        "subscription": i.subscription,
        "tax": amount(tax, i.currency) if tax else None,
    }


def _basil_links(i: Invoice, pi: Intent | None, tax: int) -> Json:
    parent = None
    if i.subscription is not None:
        details = {"metadata": {}, "subscription": i.subscription}
        parent = {
            "quote_details": None,
            "subscription_details": details,
            "type": "subscription_details",
        }
    payments = [] if pi is None else [invoice_payment(i, pi)]
    if i.out_of_band:
        payments.append(_payment_elsewhere(i))
    return {
        "parent": parent,
        "payments": {"object": "list", "data": payments, "has_more": False},
        "total_taxes": [_tax(i, tax)] if tax else [],
    }


def _tax(i: Invoice, minor: int) -> Json:
    return {
        "amount": amount(minor, i.currency),
        "tax_behavior": "exclusive",
        "type": "tax_rate_details",
    }


def lines(i: Invoice, *, basil: bool) -> list[Json]:
    """Return the invoice's lines; the first bears the invoice's own number."""
    first = i.id.replace("in_", "il_", 1)
    return [
        _line(i, line, f"{first}_{place}" if place else first, basil=basil)
        for place, line in enumerate(i.lines)
    ]


def _line(i: Invoice, line: Line, id_: str, *, basil: bool) -> Json:
    shape: Json = {
        "id": id_,
        "object": "line_item",
        "amount": amount(line.amount, i.currency),
        "currency": i.currency.lower(),
        "description": line.description,
        "discount_amounts": [_taken(i, line.discount)] if line.discount else [],
        "discountable": not line.proration,
        "period": {"end": line.end, "start": line.start},
        "quantity": line.quantity,
    }
    if not basil:
        return shape | {
            "price": line.price and {"id": line.price, "object": "price"},
            "proration": line.proration,
            "subscription": i.subscription,
            "subscription_item": line.item,
            "type": "subscription" if line.item and not line.proration else "invoiceitem",
        }
    shape["pricing"] = line.price and {
        "price_details": {"price": line.price},
        "type": "price_details",
    }
    details = {"proration": line.proration, "subscription": i.subscription}
    if line.item is None:
        parent = {"invoice_item_details": details, "type": "invoice_item_details"}
    else:
        details["subscription_item"] = line.item
        parent = {"subscription_item_details": details, "type": "subscription_item_details"}
    return shape | {"parent": parent}


def invoice_payment(i: Invoice, pi: Intent) -> Json:
    """Return what ties a payment intent to an invoice, from basil on."""
    by_intent = pi.received > 0
    canceled = pi.canceled_at is not None
    return {
        "id": pi.id.replace("pi_", "inpay_", 1),
        "object": "invoice_payment",
        "amount_paid": amount(pi.received, pi.currency) if by_intent else None,
        "amount_requested": amount(pi.amount, pi.currency),
        "created": pi.created,
        "currency": pi.currency.lower(),
        "invoice": i.id,
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": pi.id, "type": "payment_intent"},
        "status": "paid" if by_intent else "canceled" if canceled else "open",
        "status_transitions": {
            "canceled_at": pi.canceled_at,
            "paid_at": i.paid_at if by_intent else None,
        },
    }


def _payment_elsewhere(i: Invoice) -> Json:
    total = amount(i.amount, i.currency)
    return {
        "id": i.id.replace("in_", "inpay_elsewhere_", 1),
        "object": "invoice_payment",
        "amount_paid": total,
        "amount_requested": total,
        "created": i.paid_at,
        "currency": i.currency.lower(),
        "invoice": i.id,
        "is_default": False,
        "livemode": False,
        "payment": {"payment_record": f"pr_{i.id}", "type": "payment_record"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": i.paid_at},
    }
