"""Facts about one customer who owes, to be varied by the tests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from recoup.core.money import Money
from recoup.mail.base import Brand, MailFacts

FACTS = MailFacts(
    to="grace@example.com",
    name="Grace Hopper",
    brand=Brand(
        business="Example",
        mail_from="Example <billing@example.com>",
        base_url="https://app.example.com",
    ),
    owed=(Money(4900, "EUR"),),
    plan="Team",
    invoices=("INV-1",),
    time_zone="Europe/Berlin",
)


@pytest.fixture
def facts() -> MailFacts:
    return FACTS


@pytest.fixture
def noon() -> datetime:
    return datetime(2026, 3, 2, 12, tzinfo=UTC)
