"""Reading accounts: see `recoup.store.observe.accounts`."""

from recoup.store.observe.accounts import WINDOW, Observation, Trouble, claim_due, lock, observe

__all__ = ["WINDOW", "Observation", "Trouble", "claim_due", "lock", "observe"]
