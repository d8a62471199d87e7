"""
The account: everything about one customer that a decision reads, at one instant.

What is and what should be are the same type. `decide` returns an `Account`; `diff` compares two.
All instants are UTC. Ids are the database's; a thing that does not exist yet has id None and is
known by its natural key (a case by its scope, a notice by scope, anchor and step).
"""

from recoup.core.account import scopes
from recoup.core.account.debts import Debt, DebtExit
from recoup.core.account.gates import Gate, Late
from recoup.core.account.snapshot import Account, CustomerId
from recoup.core.account.standing import (
    BAD_DEBT,
    CURRENT,
    DECEASED,
    LEFT_OUT,
    LIFTING,
    NO_ADDRESS,
    UNFIT,
    Case,
    Hold,
    Notice,
    Restriction,
    StepRequest,
    Task,
)
from recoup.core.account.things import Attempt, Invoice, Method, Signal, Subscription, Upgrade

__all__ = [
    "BAD_DEBT",
    "CURRENT",
    "DECEASED",
    "LEFT_OUT",
    "LIFTING",
    "NO_ADDRESS",
    "UNFIT",
    "Account",
    "Attempt",
    "Case",
    "CustomerId",
    "Debt",
    "DebtExit",
    "Gate",
    "Hold",
    "Invoice",
    "Late",
    "Method",
    "Notice",
    "Restriction",
    "Signal",
    "StepRequest",
    "Subscription",
    "Task",
    "Upgrade",
    "scopes",
]
