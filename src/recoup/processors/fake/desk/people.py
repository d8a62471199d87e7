"""Customers, as the host asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from recoup.core.billing.requests import CreateCustomer
from recoup.processors.fake import customers
from recoup.processors.fake.desk.told import Told
from recoup.processors.fake.world import Session


def create(s: Session, asked: CreateCustomer) -> Told:
    made = customers.create(
        s,
        email=asked.email,
        name=asked.name,
        country=None,
        locale=asked.locale,
        metadata=dict(asked.metadata),
        habits=(),
    )
    return Told(made.id)


ANSWERS: Final[Mapping[type, Callable[[Session, Any], Told]]] = {CreateCustomer: create}
