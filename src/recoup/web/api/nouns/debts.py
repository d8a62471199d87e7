"""Bad debt: looked at, paid, given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from recoup.core.dunning.acts import Acted
from recoup.core.dunning.views import BadDebt, DebtPayment
from recoup.core.money import Money
from recoup.web.api.endpoint import Asked, Endpoint, Paging, Rows
from recoup.web.api.nouns.operations import number
from recoup.web.api.shapes import paged, shape

_SHOWN = shape(BadDebt)
_ACTED = shape(Acted)
_Reason = Annotated[str, Meta(min_length=1, max_length=500)]
_Id = Annotated[int, Meta(ge=1, lt=10**18)]


class Listing(Paging, frozen=True, kw_only=True):
    customer: str | None = None
    over: Annotated[bool, Meta(description="What has left it too.")] = False


class Paying(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which invoices are paid, by our ids or the processor's."""

    customer: Annotated[
        str | int, Meta(description="Our id, the processor's, or owner_type:owner_id.")
    ]
    invoices: Annotated[tuple[str | int, ...], Meta(max_length=100)]
    expected_amount: Annotated[int, Meta(ge=1, lt=10**15)] | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    method: str | None = None
    reason: Annotated[_Reason | None, Meta(description="Of an operator; it is kept.")] = None
    dry_run: bool = False

    def expected(self) -> Money | None:
        """
        Return what the caller expects to be charged.

        Raises:
            NotWhole: an amount without its currency, or a currency alone.
        """
        if self.expected_amount is None or self.currency is None:
            return None
        return Money(self.expected_amount, self.currency)


class Deciding(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reason: _Reason
    dry_run: bool = False


class WritingOff(Deciding, frozen=True, kw_only=True):
    case: _Id | None = None


def _list(asked: Asked) -> Rows:
    query: Listing = asked.query
    return Rows(
        asked.recoup.dunning.bad_debts(
            asked.whose(), over=query.over, after=query.after, limit=query.limit + 1
        )
    )


def _get(asked: Asked) -> BadDebt:
    return asked.recoup.dunning.bad_debt(number(asked, "bad debt"))


def _write_off(asked: Asked) -> Acted:
    told: WritingOff = asked.body
    return asked.recoup.dunning.write_off(
        asked.customer(), case=told.case, reason=told.reason, dry_run=told.dry_run, key=asked.key
    )


def _mark_uncollectible(asked: Asked) -> Acted:
    told: Deciding = asked.body
    return asked.recoup.dunning.mark_uncollectible(
        asked.id, reason=told.reason, dry_run=told.dry_run, key=asked.key
    )


def _forgive(asked: Asked) -> Acted:
    told: Deciding = asked.body
    return asked.recoup.dunning.forgive(
        asked.id, reason=told.reason, dry_run=told.dry_run, key=asked.key
    )


def paid(asked: Asked) -> DebtPayment:
    """Pay what the body names, in the name of who asks."""
    told: Paying = asked.body
    return asked.recoup.dunning.pay_bad_debt(
        asked.customer(str(told.customer)),
        told.invoices,
        method=told.method,
        expected_amount=told.expected(),
        reason=told.reason,
        dry_run=told.dry_run,
        key=asked.key,
    )


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "GET",
        "/debts",
        "debts:read",
        "List bad debt, by id; with `over` what has left it too",
        _list,
        paged(_SHOWN),
        query=Listing,
        listed=True,
    ),
    Endpoint(
        "GET",
        "/debts/{id}",
        "debts:read",
        "Show one stay of an invoice in bad debt",
        _get,
        _SHOWN,
    ),
    Endpoint(
        "POST",
        "/customers/{id}/write-off",
        "debts:write",
        "Give up everything in default that the customer owes",
        _write_off,
        _ACTED,
        takes=WritingOff,
        keyed=True,
    ),
    Endpoint(
        "POST",
        "/invoices/{id}/mark-uncollectible",
        "debts:write",
        "Give up the money of an invoice",
        _mark_uncollectible,
        _ACTED,
        takes=Deciding,
        keyed=True,
    ),
    Endpoint(
        "POST",
        "/invoices/{id}/forgive",
        "debts:write",
        "Let the customer off an invoice",
        _forgive,
        _ACTED,
        takes=Deciding,
        keyed=True,
    ),
)
