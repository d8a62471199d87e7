"""
Customers: made once per owner, linked to one, changed, deleted, erased.

What a command keeps of a customer is the id; what callers get back is read from the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recoup.commands import changing
from recoup.commands.base import Kind, Office
from recoup.commands.options import Metadata, verb
from recoup.commands.owners import CREATE, make
from recoup.core.billing import contact
from recoup.core.billing import metadata as rules
from recoup.core.billing.requests import CreateCustomer
from recoup.core.billing.views import Customer
from recoup.errors import InvalidValue, NotPossible
from recoup.store import views
from recoup.store.views.reading import Ref

KINDS: Final[Sequence[Kind[Any]]] = (CREATE, *changing.KINDS)


@dataclass(frozen=True, slots=True)
class Customers:
    """
    The verbs on customers. A `customer` is named by our id or the processor's.

    `key` is the caller's idempotency key: the same call again with it does nothing again.
    `version` is that of the customer the caller has read.
    """

    office: Office

    @verb
    def get_or_create(
        self,
        owner_type: str,
        owner_id: str | int,
        *,
        email: str | None = None,
        name: str | None = None,
        locale: str | None = None,
        time_zone: str | None = None,
        metadata: Metadata | None = None,
    ) -> Customer:
        """
        Return the owner's customer, making it first where there is none.

        However many call at once, there is one row and one customer at the processor; after a
        crash the same call goes on where it ended. Who is there already is returned as they are,
        deleted ones too: what is passed counts only for a new one.

        Raises:
            InvalidValue: a value can not be; the text names it.
            Rejected: the processor refused, by its reason. A call with better values asks again.
        """
        owner = _owner(owner_type, owner_id)
        found = self.find(*owner)
        if found is not None and found.processor_id is not None:
            return found
        asked = CreateCustomer(
            email=_line("email", email) or None,
            name=_line("name", name) or None,
            locale=_language(locale) or None,
            metadata=rules.merged({}, {} if metadata is None else metadata),
        )
        return make(self.office, *owner, asked, _zone(time_zone))

    @verb
    def create(
        self,
        owner_type: str,
        owner_id: str | int,
        *,
        email: str | None = None,
        name: str | None = None,
        locale: str | None = None,
        time_zone: str | None = None,
        metadata: Metadata | None = None,
    ) -> Customer:
        """
        Make the owner's customer at the processor, and return it.

        It always asks the processor, so it is for an owner who has no customer yet; of several
        that call at once all get the same one.

        Raises:
            NotPossible: the owner has a customer; `get_or_create` returns it.
        """
        found = self.find(owner_type, owner_id)
        if found is not None and found.processor_id is not None:
            raise NotPossible(f"this owner has customer {found.id} already: use get_or_create")
        return self.get_or_create(
            owner_type, owner_id,
            email=email, name=name, locale=locale, time_zone=time_zone, metadata=metadata,
        )  # fmt: skip

    @verb
    def get(self, customer: Ref) -> Customer:
        """
        Return the customer.

        Raises:
            NotFound: there is none.
        """
        with self.office.reading() as connection:
            return views.read_customer(connection, customer)

    @verb
    def find(self, owner_type: str, owner_id: str | int) -> Customer | None:
        """Return the owner's customer, if there is one; it may not be at the processor yet."""
        owner = _owner(owner_type, owner_id)
        with self.office.reading() as connection:
            return views.find_customer(connection, *owner, processor=self.office.processor.name)

    @verb
    def list(self, *, after: int = 0, limit: int = 50) -> tuple[Customer, ...]:
        """Return up to `limit` customers behind the id `after`, by id."""
        with self.office.reading() as connection:
            return views.list_customers(connection, after=after, limit=limit)

    @verb
    def update(
        self,
        customer: Ref,
        *,
        email: str | None = None,
        name: str | None = None,
        metadata: Metadata | None = None,
        locale: str | None = None,
        time_zone: str | None = None,
        version: int | None = None,
        key: str | None = None,
    ) -> Customer:
        """
        Change what is given and leave the rest. An empty text clears a field.

        `metadata` is merged, and an empty value deletes its key. `time_zone` (IANA) stays with
        us; everything else is changed at the processor first.

        Raises:
            StaleRecord: the customer is not at `version` any more.
            InvalidMetadata: not a flat map of short texts, or too many keys.
            NotPossible: deleted, erased, or not at the processor yet.
        """
        told = _told(email, name, locale, metadata)
        zone = {} if time_zone is None else {"time_zone": _zone(time_zone)}
        id = self.get(customer).id
        return changing.update(self.office, id, told, zone, version=version, key=key)

    @verb
    def link(
        self, customer: Ref, owner_type: str, owner_id: str | int, *, key: str | None = None
    ) -> Customer:
        """
        Make a customer without an owner, as an import leaves it, the owner's.

        Nobody is asked: owners stay with us. The same link again is a success.

        Raises:
            NotPossible: the customer has another owner, the owner has another customer at this
                processor, or the customer is deleted or erased.
        """
        owner = _owner(owner_type, owner_id)
        return changing.link(self.office, self.get(customer).id, owner, key=key)

    @verb
    def put_data(
        self,
        customer: Ref,
        data: Mapping[str, Any],
        *,
        version: int | None = None,
        key: str | None = None,
    ) -> Customer:
        """
        Replace what is kept as the customer's `data`, here and not at the processor.

        Sensitive parts are left out as `recoup.core.billing.sensitive` says. It is a copy of the
        processor's object: the next news of the customer replaces it.

        Raises:
            StaleRecord: the customer is not at `version` any more.
            InvalidValue: it is not JSON.
        """
        id = self.get(customer).id
        return changing.keep(self.office, changing.PUT_DATA, id, data, version=version, key=key)

    @verb
    def patch_data(
        self,
        customer: Ref,
        data: Mapping[str, Any],
        *,
        version: int | None = None,
        key: str | None = None,
    ) -> Customer:
        """
        Merge into the customer's `data`, one level deep: each key given replaces that key whole.

        As for `put_data`, sensitive parts are left out, and the next news replaces it all.
        """
        id = self.get(customer).id
        return changing.keep(self.office, changing.PATCH_DATA, id, data, version=version, key=key)

    @verb
    def update_tax_location(
        self,
        customer: Ref,
        address: Mapping[str, str],
        *,
        shipping: Mapping[str, str] | None = None,
        phone: str | None = None,
        key: str | None = None,
    ) -> Customer:
        """
        Tell the processor where the customer is, for taxes; it is validated at once.

        Nothing of it is kept with us: the command holds the names of the fields and no value, so
        only this process can ask it, and not within a host's transaction.

        Raises:
            CustomerTaxLocationInvalid: the address can not be placed. Nothing was changed; the
                same key says so again.
        """
        id = self.get(customer).id
        where = changing.Place(address, shipping, phone)
        return changing.tell_place(self.office, id, where, key=key)

    @verb
    def delete(self, customer: Ref, *, reason: str, key: str | None = None) -> Customer:
        """
        Delete the customer at the processor, for good; its subscriptions end at once.

        What happened stays with us, under its ids. Deleting who is deleted is a success.
        """
        why = contact.words("reason", reason)
        return changing.delete(self.office, self.get(customer).id, why, key=key)

    @verb
    def erase(
        self,
        customer: Ref,
        *,
        reason: str,
        keep_at_processor: bool = False,
        force: bool = False,
        key: str | None = None,
    ) -> Customer:
        """
        Forget who the customer is: replace everything personal by a pseudonym, for good.

        Amounts, states, instants and ids stay, and so does the ledger, which never held anything
        personal. The owner's name is free again. `reason` and `key` are kept as the proof that
        it was done; they must not be personal themselves.

        Args:
            keep_at_processor: The processor's customer is not deleted, and shall not be.
            force: Although a subscription is live, money is owed, a hold forbids it, or news of
                the customer has not been absorbed, which is then dropped.

        Raises:
            NotPossible: it is still at the processor, or one of these is so, or a command or a
                payment of the customer's is under way, which `force` does not change.
        """
        id, why = self.get(customer).id, contact.words("reason", reason)
        return changing.erase(self.office, id, why, keep=keep_at_processor, force=force, key=key)


def _owner(owner_type: str, owner_id: str | int) -> tuple[str, str]:
    return contact.words("owner_type", owner_type), contact.words("owner_id", str(owner_id))


def _told(
    email: str | None, name: str | None, locale: str | None, metadata: Metadata | None
) -> dict[str, Any]:
    """Return, checked, what is to be told to the processor: what is None is left as it is."""
    fields = {
        "email": _line("email", email),
        "name": _line("name", name),
        "locale": _language(locale),
        "metadata": None if metadata is None else rules.checked(metadata),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _line(field: str, value: str | None) -> str | None:
    return None if value is None else contact.line(field, value)


def _language(locale: str | None) -> str | None:
    return None if locale is None else contact.language(locale)


def _zone(zone: str | None) -> str | None:
    """Return the name of a time zone that exists; None for an empty one, which clears it."""
    if not zone:
        return None
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidValue(
            "time_zone: expected a name of the IANA database such as 'Europe/Berlin'"
        ) from error
    return zone
