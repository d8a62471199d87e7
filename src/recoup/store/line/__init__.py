"""What all processes that ask one processor share, in their one database."""

from recoup.store.line.turns import DatabaseLine

__all__ = ["DatabaseLine"]
