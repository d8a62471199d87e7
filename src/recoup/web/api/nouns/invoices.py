"""Invoices: looked at, collected, voided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.core.billing.views import Invoice, Payment
from recoup.web.api.endpoint import Asked, Endpoint, File, Nothing, Paging, Rows
from recoup.web.api.shapes import paged, shape

_SHOWN = shape(Invoice)


class Listing(Paging, frozen=True, kw_only=True):
    customer: str | None = None
    subscription: Annotated[int, Meta(ge=1, lt=10**18)] | None = None


class Printing(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which document of an invoice, and in which language."""

    kind: Literal["invoice", "receipt", "credit_note"] = "invoice"
    refund: Annotated[int, Meta(ge=1, lt=10**18)] | None = None
    locale: Annotated[str, Meta(min_length=2, max_length=35)] | None = None


class Collecting(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    method: str | None = None
    off_session: bool = False
    origin: Literal["operator", "customer"] = "operator"


class Voiding(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


def _list(asked: Asked) -> Rows:
    query: Listing = asked.query
    return Rows(
        asked.recoup.invoices.list(
            customer=asked.whose(),
            subscription=query.subscription,
            after=query.after,
            limit=query.limit + 1,
        )
    )


def _get(asked: Asked) -> Invoice:
    return asked.recoup.invoices.get(asked.id)


def _pdf(asked: Asked) -> File:
    told: Printing = asked.query
    made = asked.recoup.documents.pdf(
        asked.id, kind=told.kind, refund=told.refund, locale=told.locale
    )
    return File(made.filename, made.content, made.digest)


def _pay(asked: Asked) -> Payment:
    told: Collecting = asked.body
    return asked.recoup.invoices.pay(
        asked.id,
        method=told.method,
        off_session=told.off_session,
        origin=told.origin,
        key=asked.key,
    )


def _void(asked: Asked) -> Invoice:
    told: Voiding = asked.body
    return asked.recoup.invoices.void(asked.id, reason=told.reason, key=asked.key)


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "GET",
        "/invoices",
        "invoices:read",
        "List invoices, by id",
        _list,
        paged(_SHOWN),
        query=Listing,
        listed=True,
    ),
    Endpoint("GET", "/invoices/{id}", "invoices:read", "Show an invoice", _get, _SHOWN),
    Endpoint(
        "GET",
        "/invoices/{id}/pdf",
        "invoices:read",
        "Get the invoice, its receipt or a credit note as PDF; the first time it is issued",
        _pdf,
        Nothing,
        query=Printing,
        file=True,
    ),
    Endpoint(
        "POST",
        "/invoices/{id}/pay",
        "invoices:write",
        "Try to collect what remains, once, now; only `succeeded` means money",
        _pay,
        shape(Payment),
        takes=Collecting,
        keyed=True,
    ),
    Endpoint(
        "POST",
        "/invoices/{id}/void",
        "invoices:write",
        "Take back an invoice that was a mistake",
        _void,
        _SHOWN,
        takes=Voiding,
        keyed=True,
    ),
)
