"""
Dunning: what an operator may decide about a customer's debt. `recoup.dunning`.

Every verb says who acted and why, can be rehearsed (`dry_run`), and is in the ledger together with
what it changed. The rules decide afterwards as ever: a verb only adds a fact for them to see.
"""

from __future__ import annotations

from dataclasses import dataclass

from recoup.commands.casework import Casework
from recoup.commands.charging import Charging
from recoup.commands.debts import Debts
from recoup.commands.holds import Holds
from recoup.commands.refunds import Refunds
from recoup.commands.replays import Replays
from recoup.commands.steps import Steps


@dataclass(frozen=True, slots=True)
class Dunning(Holds, Casework, Steps, Debts, Refunds, Replays, Charging):
    """What an operator may decide about a customer's debt."""
