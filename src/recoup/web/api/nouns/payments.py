"""Payments: looked at, given back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from recoup.commands.payments import Reason
from recoup.core.billing.views import Payment, Refund
from recoup.core.dunning.acts import Acted
from recoup.core.money import Money
from recoup.store import views
from recoup.web.api.endpoint import Asked, Endpoint, Paging, Rows
from recoup.web.api.shapes import paged, shape

_SHOWN = shape(Payment)


class Listing(Paging, frozen=True, kw_only=True):
    customer: str | None = None
    invoice: str | None = None


class Given(Struct, frozen=True, forbid_unknown_fields=True):
    amount: Annotated[int, Meta(ge=1, le=2**63 - 1, description="In minor units.")]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]


class GiveBack(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: Annotated[Given, Meta(description="Without it all that is left.")] | None = None
    reason: Reason | None = None


class Refunding(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    payment: Annotated[str | int, Meta(description="Our id, or its charge's.")]
    amount: Annotated[Given, Meta(description="Without it all that is left.")] | None = None
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    dry_run: bool = False


def _list(asked: Asked) -> Rows:
    query: Listing = asked.query
    return Rows(
        asked.recoup.payments.list(
            customer=asked.whose(),
            invoice=query.invoice,
            after=query.after,
            limit=query.limit + 1,
        )
    )


def _get(asked: Asked) -> Payment:
    # Not `payments.get`, which asks the processor for what a browser confirms with: a secret.
    with asked.recoup.database.connect() as connection:
        return views.read_payment(connection, asked.id)


def _money(given: Given | None) -> Money | None:
    return None if given is None else Money(given.amount, given.currency)


def _refund(asked: Asked) -> Refund:
    told: GiveBack = asked.body
    amount = _money(told.amount)
    return asked.recoup.payments.refund(asked.id, amount, reason=told.reason, key=asked.key)


def _decided(asked: Asked) -> Acted:
    told: Refunding = asked.body
    more: dict[str, Any] = {"reason": told.reason, "dry_run": told.dry_run, "key": asked.key}
    return asked.recoup.dunning.refund(told.payment, _money(told.amount), **more)


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "GET",
        "/payments",
        "payments:read",
        "List payments, by id",
        _list,
        paged(_SHOWN),
        query=Listing,
        listed=True,
    ),
    Endpoint("GET", "/payments/{id}", "payments:read", "Show a payment", _get, _SHOWN),
    Endpoint(
        "POST",
        "/payments/{id}/refund",
        "payments:write",
        "Give back an amount, or all that is left",
        _refund,
        shape(Refund),
        takes=GiveBack,
        keyed=True,
    ),
    Endpoint(
        "POST",
        "/refunds",
        "payments:write",
        "Give back what a person decides to, with a reason that is kept, or rehearse it",
        _decided,
        shape(Acted),
        takes=Refunding,
        keyed=True,
    ),
)
