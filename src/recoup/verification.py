"""
Everything that must be true, checked: the stored invariants, and, with the fake processor, our
rows against its own books.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from recoup.billing import Recoup
from recoup.processors.fake import FakeProcessor
from recoup.store.invariants import Books, Invariant, Violation, against_books, check

#: What `against_books` compares, counted as checks of their own.
IN_BOOKS: Final = 5


@dataclass(frozen=True, slots=True)
class Verified:
    """How many invariants were checked, and where they do not hold."""

    checked: int
    violations: tuple[Violation, ...]
    books_match: bool | None  #: None: there are no books we can read


def verified(recoup: Recoup, *, progress: Callable[[Invariant], None] | None = None) -> Verified:
    """Check everything, as of one instant each for the rows and for the books."""
    with recoup.database.connect() as connection:
        stored = check(
            connection,
            now=recoup.clock.now(),
            policies=recoup.engine.policies,
            progress=progress,
        )
    if not isinstance(recoup.processor, FakeProcessor):
        return Verified(stored.checked, stored.violations, None)
    with recoup.database.connect() as connection:
        found = against_books(connection, books_of(recoup.processor))
    match = not found and not recoup.processor.books().imbalance()
    return Verified(stored.checked + IN_BOOKS, (*stored.violations, *found), match)


def books_of(fake: FakeProcessor) -> Books:
    """Return what the fake says happened, in the form our rows are compared with."""
    books = fake.books()
    money = {
        invoice: (
            captured.minor,
            books.refunded[invoice].minor if invoice in books.refunded else 0,
            captured.currency,
        )
        for invoice, captured in books.captured.items()
    }
    return Books(fake.name, money, books.charges, books.keys)
