"""
An invoice's face: its lines with their words, both parties, taxes by rate.

Source: docs.stripe.com/api/invoices/object, docs.stripe.com/api/invoice-line-item/object,
docs.stripe.com/api/tax_rates/object. Before 2025-03-31 taxes were `tax_amounts` and
`total_tax_amounts`; since then they are `taxes` and `total_taxes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from recoup.core.documents import Bill, BillLine, Party, Tax
from recoup.processors.stripe.calls.client import Client
from recoup.processors.stripe.calls.errors import Denied
from recoup.processors.stripe.shapes import Shape

_ABOUT: Final = "invoice"
_LEAST: Final = -(2**63) + 1
_PAGE: Final = 100
#: In the order in which they are printed; the country is kept apart.
_LINES: Final = ("line1", "line2")

Percent = Callable[[str], Decimal | None]


def bill(client: Client, invoice: str) -> Bill | None:
    """
    Return what an invoice shows, all of its lines included; None: there is none any more.

    A request for the invoice, one for every hundred lines of a long one, and one for every rate
    of tax that is on it.
    """
    try:
        reply = client.do(lambda sdk, _: sdk.v1.invoices.retrieve(invoice))
    except Denied as refusal:
        if refusal.missing:
            return None
        raise
    body = reply.body
    lines = list(body["lines"]["data"])
    if body["lines"]["has_more"]:
        lines = _all_lines(client, invoice)
    return read(body, lines, percent=_Rates(client))


def read(
    object_: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], *, percent: Percent
) -> Bill:
    """
    Return an invoice's face.

    Args:
        object_: The invoice.
        lines: All of its lines, which the invoice itself need not hold.
        percent: Gives the percentage of a rate of tax by its id.

    Raises:
        Unreadable: a field that it must have is missing or wrong.
    """
    told = Shape(_ABOUT, "object", object_)
    currency, wire = told.currency(), told.text("currency")
    transitions = told.child("status_transitions")
    discounts = told.opt_objects("total_discount_amounts") or []
    return Bill(
        number=told.opt_text("number"),
        currency=currency,
        issued_at=transitions.opt_instant("finalized_at") or told.instant("created"),
        due_at=told.opt_instant("due_date"),
        buyer=_buyer(told),
        lines=tuple(
            _line(Shape(_ABOUT, f"lines[{place}]", line), wire, percent)
            for place, line in enumerate(lines)
        ),
        taxes=_taxes(told, ("total_taxes", "total_tax_amounts"), wire, percent),
        subtotal=told.minor("subtotal", wire, low=_LEAST),
        discount=sum(one.minor("amount", wire) for one in discounts),
        total=told.minor("total", wire, low=_LEAST),
        balance=told.minor("amount_due", wire, low=_LEAST) - told.minor("total", wire, low=_LEAST),
        note=told.opt_text("description") or told.opt_text("footer"),
    )


def _all_lines(client: Client, invoice: str) -> list[Mapping[str, Any]]:
    def page(sdk: Any, after: str | None) -> Any:
        params = {"limit": _PAGE} | ({} if after is None else {"starting_after": after})
        return sdk.v1.invoices.line_items.list(invoice, params)

    return [line for reply in client.all(page) for line in reply.body["data"]]


class _Rates:
    """Percentages by the id of their rate, each asked for once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, Decimal | None] = {}

    def __call__(self, rate: str) -> Decimal | None:
        if rate not in self._known:
            reply = self._client.do(lambda sdk, _: sdk.v1.tax_rates.retrieve(rate))
            given = reply.body.get("effective_percentage")
            value = reply.body.get("percentage") if given is None else given
            self._known[rate] = None if value is None else Decimal(str(value))
        return self._known[rate]


def _buyer(told: Shape) -> Party:
    address = told.opt_child("customer_address")
    tax_ids = told.opt_objects("customer_tax_ids") or []
    values = (one.opt_text("value") for one in tax_ids)
    return Party(
        name=told.opt_text("customer_name"),
        address=() if address is None else _postal(address),
        country=None if address is None else address.opt_text("country"),
        email=told.opt_text("customer_email"),
        tax_id=next((value for value in values if value), None),
    )


def _postal(address: Shape) -> tuple[str, ...]:
    parts = (address.opt_text("postal_code"), address.opt_text("city"), address.opt_text("state"))
    lines = (*map(address.opt_text, _LINES), " ".join(part for part in parts if part))
    return tuple(line for line in lines if line)


def _line(told: Shape, currency: str, percent: Percent) -> BillLine:
    period = told.opt_child("period")
    discounts = told.opt_objects("discount_amounts") or []
    begins = None if period is None else period.opt_instant("start")
    ends = None if period is None else period.opt_instant("end")
    quantity = told.opt_integer("quantity")
    return BillLine(
        description=told.opt_text("description") or "",
        amount=told.minor("amount", currency, low=_LEAST),
        quantity=1 if quantity is None else quantity,
        discount=sum(one.minor("amount", currency) for one in discounts),
        taxes=_taxes(told, ("taxes", "tax_amounts"), currency, percent),
        begins=begins if begins != ends else None,
        ends=ends if begins != ends else None,
    )


def _taxes(
    told: Shape, names: tuple[str, str], currency: str, percent: Percent
) -> tuple[Tax, ...]:
    for name in names:
        found = told.opt_objects(name)
        if found:
            return tuple(_tax(one, currency, percent) for one in found)
    return ()


def _tax(told: Shape, currency: str, percent: Percent) -> Tax:
    details = told.opt_child("tax_rate_details") or told
    rate = details.opt_ref("tax_rate")
    return Tax(
        amount=told.minor("amount", currency, low=_LEAST),
        percent=None if rate is None else percent(rate),
        reason=told.opt_text("taxability_reason"),
        inclusive=told.flag("inclusive") or told.opt_text("tax_behavior") == "inclusive",
    )
