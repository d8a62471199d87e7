"""Customers and their ways to pay."""

from __future__ import annotations

from hashlib import blake2b

from recoup.core import states
from recoup.errors import Rejected
from recoup.processors.fake import billing, events
from recoup.processors.fake.model import Customer, Instrument, Method, Subscription
from recoup.processors.fake.payers import Habit, Payer
from recoup.processors.fake.world import Session


def create(
    s: Session,
    *,
    email: str | None,
    name: str | None,
    country: str | None,
    locale: str | None,
    metadata: dict[str, str],
    habits: tuple[Habit, ...],
    address: dict[str, str] | None = None,
    shipping: dict[str, str] | None = None,
    phone: str | None = None,
) -> Customer:
    made = Customer(
        id=s.new_id(Customer),
        created=s.now,
        email=email,
        name=name,
        country=country,
        locale=locale,
        metadata=metadata,
        habits=habits,
        address=address,
        shipping=shipping,
        phone=phone,
    )
    s.save(made)
    events.customer(s, "customer.created", made)
    return made


def living(s: Session, id_: str) -> Customer:
    """
    Return the customer.

    Raises:
        Rejected: unknown, or deleted.
    """
    found = s.get(Customer, id_)
    if found.deleted:
        raise Rejected(f"No such customer: {id_!r}; a similar object was deleted")
    return found


def change(s: Session, id_: str, *, email: str | None, name: str | None) -> Customer:
    """Give the customer another address or name; None leaves it."""
    found = living(s, id_)
    previous = {}
    if email is not None and email != found.email:
        previous["email"], found.email = found.email, email
    if name is not None and name != found.name:
        previous["name"], found.name = found.name, name
    if previous:
        events.customer(s, "customer.updated", s.save(found), previous)
    return found


def delete(s: Session, id_: str) -> None:
    """Delete the customer; its subscriptions end at once."""
    found = living(s, id_)
    for subscription in s.owned(Subscription, id_):
        if not states.has_ended(subscription.status):
            billing.end(s, subscription, reason="cancellation_requested", comment=None)
    found.deleted = True
    events.customer(s, "customer.deleted", s.save(found))


def attach(
    s: Session,
    customer: str,
    payer: Payer,
    *,
    kind: str,
    brand: str | None,
    country: str | None,
    expires: tuple[int, int] | None,
    fingerprint: str | None,
    default: bool,
) -> Method:
    """
    Give the customer a method. The same fingerprint is the same instrument.

    An instrument that exists already answers as `payer` from now on.
    """
    living(s, customer)
    made = new_method(
        s,
        payer,
        kind=kind,
        brand=brand,
        country=country,
        expires=expires,
        fingerprint=fingerprint,
    )
    return adopt(s, customer, made.id, default=default)


def new_method(
    s: Session,
    payer: Payer,
    *,
    kind: str,
    brand: str | None,
    country: str | None,
    expires: tuple[int, int] | None,
    fingerprint: str | None,
) -> Method:
    """Make a method of nobody's. Stripe tells nothing of it."""
    id_ = s.new_id(Method)
    card = kind == "card"
    made = Method(
        id=id_,
        created=s.now,
        customer=None,
        instrument=_instrument(s, fingerprint or f"{s.dice('fp', id_):03d}{id_}", payer),
        kind=kind,
        brand=brand if card else None,
        last4=f"{int(id_.rpartition('_')[2]) % 10_000:04d}",
        country=country,
        expires=expires if card else None,
    )
    return s.save(made)


def attachable(s: Session, customer: str, method: str) -> Method:
    """
    Return the method, if it is the customer's or may become so.

    Raises:
        Rejected: it is another's, or was somebody's once; the customer is unknown or deleted.
    """
    living(s, customer)
    found = s.get(Method, method)
    if found.customer not in {None, customer}:
        raise Rejected(f"The payment method {method!r} has already been attached to a customer")
    if found.spent:
        raise Rejected(
            f"The payment method {method!r} was previously used without being attached to a "
            "customer or was detached from a customer, and may not be used again"
        )
    return found


def adopt(s: Session, customer: str, method: str, *, default: bool) -> Method:
    """
    Attach a method; one that is the customer's already stays so.

    Raises:
        Rejected: see `attachable`.
    """
    found = attachable(s, customer, method)
    if found.customer is None:
        found.customer = customer
        events.method(s, "payment_method.attached", s.save(found, owner=customer))
    owner = living(s, customer)
    if default and owner.default_method != method:
        make_default(s, owner, method)
    return found


def make_default(s: Session, owner: Customer, method: str | None) -> None:
    """Make `method` the one that invoices are paid with."""
    previous = {"invoice_settings": {"default_payment_method": owner.default_method}}
    owner.default_method = method
    events.customer(s, "customer.updated", s.save(owner), previous)


def detach(s: Session, method: str) -> None:
    """
    Take the method from its customer, for good.

    Raises:
        Rejected: it has none any more.
    """
    found = s.get(Method, method)
    if found.customer is None:
        raise Rejected(f"The payment method {method!r} is not attached to a customer")
    owner = s.get(Customer, found.customer)
    previous = {"customer": found.customer}
    found.customer, found.spent = None, True
    events.method(s, "payment_method.detached", s.save(found), previous)
    if owner.default_method == method and not owner.deleted:
        make_default(s, owner, None)


def update_method(
    s: Session,
    method: str,
    *,
    expires: tuple[int, int] | None,
    payer: Payer | None,
    fingerprint: str | None,
) -> Method:
    """Change a card in place, as an account updater does; None leaves a thing as it is."""
    found = s.get(Method, method)
    if found.customer is None:
        raise Rejected(f"The payment method {method!r} is not attached to a customer")
    card = s.get(Instrument, found.instrument)
    previous: dict[str, object] = {}
    if expires is not None and found.expires is not None:
        previous |= {"exp_month": found.expires[1], "exp_year": found.expires[0]}
        found.expires = expires
    if fingerprint is not None:
        previous["fingerprint"] = card.id
        found.instrument = _instrument(s, fingerprint, payer or card.payer)
    elif payer is not None:
        card.payer = payer
        s.save(card)
    s.save(found)
    if previous:
        events.method(s, "payment_method.updated", found, {"card": previous})
    return found


def _instrument(s: Session, fingerprint: str, payer: Payer) -> str:
    digest = blake2b(fingerprint.encode(), digest_size=8).hexdigest()
    return s.save(Instrument(id=f"fp_{digest}", payer=payer)).id
