"""
Everything that must be true, checked: the stored invariants, and, with the fake processor, our
rows against its own books.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recoup.billing import Recoup
from recoup.processors.fake import FakeProcessor
from recoup.store.invariants import Books, Invariant, Violation, against_books, check


@dataclass(frozen=True, slots=True)
class Verified:
    """
    How many invariants were checked, and where they do not hold.

    `waiting` lists what arrived before its parent did: no violation, but somebody may look.
    `books_match` is None when there are no books we can read.
    """

    checked: int
    violations: tuple[Violation, ...]
    waiting: tuple[tuple[str, str], ...]
    books_match: bool | None


def verified(recoup: Recoup, *, progress: Callable[[Invariant], None] | None = None) -> Verified:
    """
    Check everything, as of one instant each for the rows and for the books.

    A fake world in which nothing ever happened is passed over: the events came from elsewhere.
    """
    with recoup.database.connect() as connection:
        stored = check(
            connection,
            now=recoup.clock.now(),
            policies=recoup.engine.policies,
            progress=progress,
        )
    fake = recoup.processor
    if not isinstance(fake, FakeProcessor) or not fake.events(limit=1):
        return Verified(stored.checked, stored.violations, stored.waiting, None)
    with recoup.database.connect() as connection:
        off = against_books(connection, books_of(fake))
    askew = tuple(
        Violation("books_balance", currency, f"the books are out by {minor} minor units")
        for currency, minor in fake.books().imbalance().items()
    )
    violations = (*stored.violations, *askew, *off)
    return Verified(stored.checked + 1, violations, stored.waiting, not (askew or off))


def books_of(fake: FakeProcessor) -> Books:
    """Return what the fake says happened, in the form our rows are compared with."""
    books = fake.books()
    back = {invoice: amount.minor for invoice, amount in books.refunded.items()}
    money = {
        invoice: (amount.minor, back.get(invoice, 0), amount.currency)
        for invoice, amount in books.captured.items()
    }
    return Books(fake.name, money, books.charges, books.keys)
