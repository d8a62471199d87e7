"""
Making an owner's customer, once.

    intent: the row, its standing and their ledger entries, committed
    command: recorded under a key made from the owner, asked, concluded

Who comes second finds the row and asks with the same key, be it at once or after a crash. A
refusal ends the command, so the key counts how many of them ended without giving a customer.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final

import msgspec
from sqlalchemy import Connection

from recoup.commands.base import Kind, Office, Plan, Recording, Work
from recoup.core.billing.answers import Answer
from recoup.core.billing.requests import CreateCustomer
from recoup.core.billing.views import Customer
from recoup.errors import KeyReused, NotPossible
from recoup.store import views
from recoup.store.records import customers as records
from recoup.store.writer import Writer

#: An answer that belongs to a past we do not know of is asked for anew so often.
_TRIES: Final = 3
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


def kept(processor: str, id: int | None) -> Customer:
    """Return what a command keeps of a customer: the id, and nothing about anybody."""
    assert id is not None  # noqa: S101  every command about customers has one
    return Customer(
        id=id,
        owner_type=None,
        owner_id=None,
        processor=processor,
        processor_id=None,
        version=0,
        email=None,
        name=None,
        locale=None,
        time_zone=None,
        country=None,
        currency=None,
        default_method=None,
        metadata={},
        data={},
        deleted=False,
        created_at=_BEFORE_ALL,
    )


def current(connection: Connection, kept: Customer) -> Customer:
    """Return the customer of whom a command kept the id."""
    return views.read_customer(connection, kept.id)


def _created(work: Work, answer: Answer) -> Customer:
    assert work.customer_id is not None  # noqa: S101  the intent came first
    return kept(work.processor, records.settle(work.writer, work.customer_id, answer.object))


CREATE: Final = Kind("customers.create", Customer, _created, current=current)


def make(
    office: Office, owner_type: str, owner_id: str, asked: CreateCustomer, zone: str | None
) -> Customer:
    """
    Return the owner's customer, asking the processor for it as `asked`.

    Raises:
        NotPossible: whatever the key, the processor answers with somebody else's customer.
    """
    owner = (office.processor.name, owner_type, owner_id)
    digest = hashlib.sha256(msgspec.json.encode(owner)).hexdigest()[:32]

    def prepare(recording: Recording) -> Plan:
        assert recording.customer_id is not None  # noqa: S101  the intent came first
        row = records.read(recording.connection, recording.customer_id)
        if row["processor_id"] is not None:
            return Plan(result=kept(recording.processor, row["id"]))
        return Plan(asked)

    for attempt in range(1, _TRIES + 1):
        id, generation = _intent(office, owner_type, owner_id, zone)
        if generation is None:  # somebody else was faster, after the caller had looked
            with office.reading() as connection:
                return views.read_customer(connection, id)
        key = f"{CREATE.name}:{digest}:{generation}"
        try:
            made = office.run(
                CREATE, asked={"owner": owner}, prepare=prepare, customer=id, key=key
            )
        except KeyReused:
            # The key was used in a past that a restored backup or an erasure has forgotten.
            if attempt == _TRIES:
                raise
            continue
        if office.bound is not None or made.processor_id is not None:
            return made
    raise NotPossible(f"the processor answers with another owner's customer than {id}")


def _intent(
    office: Office, owner_type: str, owner_id: str, zone: str | None
) -> tuple[int, int | None]:
    """Return the owner's row, and how often the processor was asked in vain; None: it has it."""
    name = office.processor.name
    with office.writing() as connection:
        records.one_of_owner(connection, name, owner_type, owner_id)
        row = records.by_owner(connection, name, owner_type, owner_id)
        if row is not None and row["processor_id"] is not None:
            return row["id"], None
        if row is not None:
            return row["id"], records.asked_before(connection, row["id"], CREATE.name)
        writer = Writer(connection, now=office.now(), actor=office.actor, cause="command")
        return records.intend(writer, owner_type, owner_id, processor=name, zone=zone), 0
