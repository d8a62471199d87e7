"""What becomes of customers who are there: changed, linked, deleted, erased."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import msgspec

from recoup.commands.base import Kind, Office, Plan, Recording, Work
from recoup.commands.documents import plain
from recoup.commands.owners import current, kept
from recoup.core.billing import metadata, sensitive
from recoup.core.billing.answers import Answer
from recoup.core.billing.requests import DeleteCustomer, UpdateCustomer, UpdateTaxLocation
from recoup.core.billing.views import Customer
from recoup.store import tables
from recoup.store.records import commands, erasure
from recoup.store.records import customers as records


def _same(work: Work, _answer: Answer) -> Customer:
    """What the answer said is in the rows already."""
    return kept(work.processor, work.customer_id)


def _updated(work: Work, answer: Answer) -> Customer:
    if "time_zone" in work.args and work.customer_id is not None:
        row = records.read(work.writer.connection, work.customer_id)
        work.writer.update(tables.customers, row, {"time_zone": work.args["time_zone"]})
    return _same(work, answer)


def _deleted(work: Work, _request: DeleteCustomer) -> Customer | None:
    assert work.customer_id is not None  # noqa: S101  every command about customers has one
    row = records.read(work.writer.connection, work.customer_id)
    return kept(work.processor, work.customer_id) if row["deleted"] else None


UPDATE: Final = Kind("customers.update", Customer, _updated, current=current)
LINK: Final = Kind("customers.link", Customer, _same, current=current)
PUT_DATA: Final = Kind("customers.put_data", Customer, _same, current=current)
PATCH_DATA: Final = Kind("customers.patch_data", Customer, _same, current=current)
TAX_LOCATION: Final = Kind("customers.update_tax_location", Customer, _same, current=current)
DELETE: Final = Kind("customers.delete", Customer, _same, current=current, so_already=_deleted)
ERASE: Final = Kind("customers.erase", Customer, _same, current=current)
KINDS: Final[Sequence[Kind[Any]]] = (
    UPDATE,
    LINK,
    PUT_DATA,
    PATCH_DATA,
    TAX_LOCATION,
    DELETE,
    ERASE,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is. Never kept, and never shown."""

    address: Mapping[str, str] = field(repr=False)
    shipping: Mapping[str, str] | None = field(repr=False)
    phone: str | None = field(repr=False)

    @property
    def names(self) -> str:
        """What is said, without what it says: "address.country,phone"."""
        parts = {"address": self.address, "shipping": self.shipping or {}}
        names = [f"{name}.{part}" for name, value in parts.items() for part in value]
        return ",".join(sorted(names + (["phone"] if self.phone is not None else [])))


def update(
    office: Office,
    id: int,
    told: Mapping[str, Any],
    zone: Mapping[str, str | None],
    *,
    version: int | None,
    key: str | None,
) -> Customer:
    """Change `told` at the processor and `zone`, the time zone if given, with us."""

    def prepare(recording: Recording) -> Plan:
        row = records.living(recording.connection, id)
        records.claim(recording.writer, row, version)
        metadata.merged(row["metadata"], told.get("metadata", {}))
        others = commands.under_way(recording.connection, subject=f"customer:{id}")
        if told or others:  # nothing overtakes what was asked for before
            return Plan(UpdateCustomer(row["processor_id"], **told), args=zone)
        recording.writer.update(tables.customers, row, zone)
        return Plan(result=kept(recording.processor, id))

    asked = {**told, **zone, "version": version}
    return office.run(UPDATE, asked=asked, prepare=prepare, customer=id, key=key)


def link(office: Office, id: int, owner: tuple[str, str], *, key: str | None) -> Customer:
    """Make the customer the owner's, here and nowhere else; whose it is already stays so."""

    def prepare(recording: Recording) -> Plan:
        records.link(recording.writer, id, *owner)
        return Plan(result=kept(recording.processor, id))

    return office.run(LINK, asked={"owner": owner}, prepare=prepare, customer=id, key=key)


def keep(
    office: Office,
    kind: Kind[Customer],
    id: int,
    data: Mapping[str, Any],
    *,
    version: int | None,
    key: str | None,
) -> Customer:
    """Replace the customer's data, or merge into it one level deep, as `kind` says."""
    given = sensitive.stripped(plain("data", data))

    def prepare(recording: Recording) -> Plan:
        row = records.living(recording.connection, id)
        records.claim(recording.writer, row, version)
        after = given if kind is PUT_DATA else {**row["data"], **given}
        recording.writer.update(tables.customers, row, {"data": after})
        return Plan(result=kept(recording.processor, id))

    asked = {"data": given, "version": version}
    return office.run(kind, asked=asked, prepare=prepare, customer=id, key=key)


def tell_place(office: Office, id: int, place: Place, *, key: str | None) -> Customer:
    """Tell the processor where the customer is, and keep only which fields were said."""

    def prepare(recording: Recording) -> Plan:
        row = records.living(recording.connection, id)
        records.claim(recording.writer, row, None)
        where = UpdateTaxLocation(row["processor_id"], **asdict(place))
        return Plan(where, args={"fields": place.names})

    # Enough to notice a key that is used for another place, too little to find one by it.
    check = hashlib.sha256(msgspec.json.encode([id, asdict(place)], order="sorted")).hexdigest()[
        :4
    ]
    asked = {"fields": place.names, "check": check}
    return office.run(TAX_LOCATION, asked=asked, prepare=prepare, customer=id, key=key)


def delete(office: Office, id: int, reason: str, *, key: str | None) -> Customer:
    """Delete the customer at the processor; who is deleted already stays so."""

    def prepare(recording: Recording) -> Plan:
        if records.read(recording.connection, id)["deleted"]:
            return Plan(result=kept(recording.processor, id))
        row = records.living(recording.connection, id)
        records.claim(recording.writer, row, None)
        return Plan(DeleteCustomer(row["processor_id"]), args={"reason": reason})

    return office.run(DELETE, asked={"reason": reason}, prepare=prepare, customer=id, key=key)


def erase(
    office: Office, id: int, reason: str, *, keep: bool, force: bool, key: str | None
) -> Customer:
    """Forget who the customer is, once; who is forgotten already stays so."""

    def prepare(recording: Recording) -> Plan:
        row = records.read(recording.connection, id)
        if row["erased_at"] is None:
            now = recording.now
            erasure.allowed(recording.connection, row, keep=keep, force=force, now=now)
            erasure.erase(recording.writer, row)
        return Plan(result=kept(recording.processor, id), args={"reason": reason})

    asked = {"reason": reason, "keep_at_processor": keep, "force": force}
    return office.run(ERASE, asked=asked, prepare=prepare, customer=id, key=key)
