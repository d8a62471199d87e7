"""What all processes that ask one processor share, in their one database."""

from recoup.store.line.turns import DatabaseLine, Pace, State, state

__all__ = ["DatabaseLine", "Pace", "State", "state"]
