"""A strict, deterministic fake of a payment company, in a file: see `FakeProcessor`."""

from recoup.processors.fake.billing.offers import BANK_DEBITS
from recoup.processors.fake.books import Books
from recoup.processors.fake.idempotency import Fault
from recoup.processors.fake.payers import (
    EXPIRED,
    LOST,
    NO_FUNDS,
    Asks,
    Broke,
    Declines,
    Habit,
    Payer,
    Pays,
    Refunds,
    Refusal,
    Slow,
    Sometimes,
)
from recoup.processors.fake.processor import FakeProcessor
from recoup.processors.fake.world import NEWEST, START

__all__ = [
    "BANK_DEBITS",
    "EXPIRED",
    "LOST",
    "NEWEST",
    "NO_FUNDS",
    "START",
    "Asks",
    "Books",
    "Broke",
    "Declines",
    "FakeProcessor",
    "Fault",
    "Habit",
    "Payer",
    "Pays",
    "Refunds",
    "Refusal",
    "Slow",
    "Sometimes",
]
