"""
What is true of the stored rows at any time, and the search for where it is not.

Reads only. `recoup verify` runs it; docs/invariants.md has a line for each.
"""

from recoup.store.invariants.base import Invariant, Violation
from recoup.store.invariants.books import Books, against_books
from recoup.store.invariants.verify import INVARIANTS, Verification, check

__all__ = [
    "INVARIANTS",
    "Books",
    "Invariant",
    "Verification",
    "Violation",
    "against_books",
    "check",
]
