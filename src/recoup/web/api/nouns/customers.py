"""Customers: how they stand and why, what they may use; made, changed, decided on again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta, Struct

from recoup import explain
from recoup.core.billing.views import Customer
from recoup.core.explain import Explanation
from recoup.store.queries import customers as queries
from recoup.store.queries.customers import CustomerRow
from recoup.web.api.endpoint import Asked, Endpoint, Paging, Rows
from recoup.web.api.shapes import Amount, paged, shape

#: What may quote rows, or repeats the processor's object, is for who sits at the database.
_ROW = shape(CustomerRow, name="CustomerRow", without={"run_error"})


class CustomerShown(Struct, frozen=True, kw_only=True):
    """A customer, and how they stand."""

    customer: shape(Customer, without={"data"})  # type: ignore[valid-type]  # made at run time
    standing: str
    owed: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class _Standing:
    customer: Customer
    standing: str
    owed: object


@dataclass(frozen=True, slots=True)
class Access:
    """What a customer may use now. A limit of null has no bound; one that is not named is 0."""

    features: Sequence[str]
    limits: dict[str, int | None]


@dataclass(frozen=True, slots=True)
class Decided:
    """What deciding again came to."""

    id: int
    changes: Sequence[str]
    failed: bool  #: it could not be decided on, and is tried again


class Listing(Paging, frozen=True, kw_only=True):
    standing: str | None = None
    troubled: bool = False


class NewCustomer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    owner_type: str
    owner_id: str
    email: str | None = None
    name: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    metadata: dict[str, str] | None = None


class CustomerUpdate(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    email: str | None = None
    name: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    metadata: dict[str, str] | None = None
    version: int | None = None


class Recomputing(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reason: Annotated[str, Meta(min_length=1, max_length=500)] = "asked for over HTTP"
    dry_run: bool = False


def _list(asked: Asked) -> Rows:
    query: Listing = asked.query
    with asked.recoup.database.connect() as connection:
        page = queries.listing(
            connection,
            standing=query.standing,
            troubled=query.troubled,
            after=query.after,
            limit=query.limit + 1,
        )
    return Rows(page.rows)


def _get(asked: Asked) -> _Standing:
    return _standing(asked, asked.recoup.customers.get(asked.customer()))


def _explain(asked: Asked) -> Explanation:
    recoup = asked.recoup
    with recoup.database.connect() as connection:
        return explain.explanation(connection, asked.id, recoup.engine, recoup.clock.now())


def _access(asked: Asked) -> Access:
    id, entitlements = asked.customer(), asked.recoup.entitlements
    return Access(
        sorted(entitlements.features(id)),
        {name: entitlements.limit(id, name) for name in sorted(asked.recoup.plans.limits)},
    )


def _create(asked: Asked) -> _Standing:
    new: NewCustomer = asked.body
    made = asked.recoup.customers.get_or_create(
        new.owner_type,
        new.owner_id,
        email=new.email,
        name=new.name,
        locale=new.locale,
        time_zone=new.time_zone,
        metadata=new.metadata,
    )
    return _standing(asked, made)


def _update(asked: Asked) -> _Standing:
    told: CustomerUpdate = asked.body
    changed = asked.recoup.customers.update(
        asked.customer(),
        email=told.email,
        name=told.name,
        locale=told.locale,
        time_zone=told.time_zone,
        metadata=told.metadata,
        version=told.version,
        key=asked.key,
    )
    return _standing(asked, changed)


def _recompute(asked: Asked) -> Decided:
    told: Recomputing = asked.body
    made = asked.recoup.dunning.recompute_now(
        asked.customer(), reason=told.reason, dry_run=told.dry_run
    )
    return Decided(made.customer_id or 0, made.changes, made.failed is not None)


def _standing(asked: Asked, customer: Customer) -> _Standing:
    with asked.recoup.database.connect() as connection:
        row = queries.show(connection, customer.id)
    return _Standing(customer, row.standing, row.owed)


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "GET",
        "/customers",
        "customers:read",
        "List customers, by id, with their standing and what they owe",
        _list,
        paged(_ROW),
        query=Listing,
        listed=True,
    ),
    Endpoint("GET", "/customers/{id}", "customers:read", "Show a customer", _get, CustomerShown),
    Endpoint(
        "GET",
        "/customers/{id}/explain",
        "customers:read",
        "Tell why a customer is in this state",
        _explain,
        shape(Explanation),
    ),
    Endpoint(
        "GET",
        "/customers/{id}/entitlements",
        "customers:read",
        "Tell what a customer may use",
        _access,
        shape(Access, name="Entitlements"),
    ),
    Endpoint(
        "POST",
        "/customers",
        "customers:write",
        "Make the owner's customer, or show the one there is: the owner is the key",
        _create,
        CustomerShown,
        takes=NewCustomer,
    ),
    Endpoint(
        "POST",
        "/customers/{id}",
        "customers:write",
        "Change what is given and leave the rest; an empty text clears a field",
        _update,
        CustomerShown,
        takes=CustomerUpdate,
        keyed=True,
    ),
    Endpoint(
        "POST",
        "/customers/{id}/recompute",
        "customers:write",
        "Decide on a customer again, now, or rehearse it; twice changes nothing the second time",
        _recompute,
        shape(Decided),
        takes=Recomputing,
    ),
)
