"""Products: what prices are of, and what coupons are limited to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import stripe

from recoup.processors.fake.desk import metadata
from recoup.processors.fake.model import Product
from recoup.processors.fake.terms import ANY_PRODUCT
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.route import Call, Json, Route


def created(call: Call) -> Json:
    """Answer `POST /v1/products`."""
    p = call.params
    return _shape(
        make(
            call.session,
            p["name"],
            active=p.get("active", True),
            texts=p.get("metadata"),
        )
    )


def make(s: Session, name: str, *, active: bool, texts: Mapping[str, str] | None) -> Product:
    """Make a product. Stripe tells of it; the fake does not, as nobody reads it."""
    made = Product(
        s.new_id(Product), s.now, name, active, metadata=metadata.merged({}, texts or None)
    )
    return s.save(made)


def called(s: Session, id_: str) -> Product:
    """
    Return the product; that of prices for which none was named is always there.

    Raises:
        Rejected: there is none.
    """
    if id_ == ANY_PRODUCT and not s.has(id_):
        return s.save(Product(ANY_PRODUCT, 0, "Whatever"))
    return s.get(Product, id_)


def updated(call: Call) -> Json:
    """Answer `POST /v1/products/:id`."""
    found, p = called(call.session, call.ids[0]), call.params
    found.name, found.active = p.get("name", found.name), p.get("active", found.active)
    found.metadata = changed(found.metadata, p.get("metadata"))
    return _shape(call.session.save(found))


def changed(before: Mapping[str, str], said: Mapping[str, str] | str | None) -> dict[str, str]:
    """Return metadata after a call said something of it: an empty text clears all of it."""
    return metadata.merged({} if said == "" else before, None if isinstance(said, str) else said)


def retrieved(call: Call) -> Json:
    """Answer `GET /v1/products/:id`."""
    return shown(call.session, call.ids[0], call.version)


def shown(s: Session, id_: str, version: str) -> Json:
    """Return the product called `id_`; all versions show it alike."""
    del version
    return _shape(called(s, id_))


def listed(call: Call) -> Json:
    """Answer `GET /v1/products`: by `active`, `ids`, `created`."""
    p = call.params
    found = [
        one
        for one in lists.all_of(call.session, Product)
        if p.get("active") in {None, one.active}
        and one.id in p.get("ids", [one.id])
        and lists.created(p, one.created)
    ]
    return lists.page(call, found, _shape, url="/v1/products")


def _shape(p: Product) -> Json:
    return {
        "id": p.id,
        "object": "product",
        "active": p.active,
        "created": p.created,
        "default_price": None,
        "description": None,
        "livemode": False,
        "metadata": p.metadata,
        "name": p.name,
        "type": "service",
        "updated": p.created,
    }


_CHANGED: Final = frozenset({"name", "active", "metadata"})
ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/products": Route(created, stripe.params.ProductCreateParams, _CHANGED),
    "GET /v1/products": Route(
        listed, stripe.params.ProductListParams, lists.LISTED | {"active", "ids", "created"}
    ),
    "GET /v1/products/:id": Route(retrieved, stripe.params.ProductRetrieveParams),
    "POST /v1/products/:id": Route(updated, stripe.params.ProductUpdateParams, _CHANGED),
}
SHOWS: Final[Mapping[str, Show]] = {"prod": shown}
