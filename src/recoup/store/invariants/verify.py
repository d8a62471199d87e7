"""Checking them all, as of one instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec
from sqlalchemy import Connection

from recoup.core.policy import Policies, Policy
from recoup.errors import InvalidPolicy
from recoup.reference import load_rules
from recoup.store import batch
from recoup.store.debts.always import DEBTS
from recoup.store.invariants.attempts import ATTEMPTS
from recoup.store.invariants.base import MOST, Finding, Invariant, Look, Violation
from recoup.store.invariants.billing import ACTIVATION, BILLING
from recoup.store.invariants.cases import CASES
from recoup.store.invariants.money import MONEY
from recoup.store.invariants.networks import NETWORKS
from recoup.store.invariants.notices import NOTICES
from recoup.store.invariants.records import RECORDS
from recoup.store.invariants.standing import STANDING
from recoup.store.invariants.work import WORK
from recoup.store.snapshot import steady

INVARIANTS: Final[tuple[Invariant, ...]] = (
    *MONEY,
    *ATTEMPTS,
    *NETWORKS,
    *CASES,
    *DEBTS,
    *STANDING,
    *NOTICES,
    *WORK,
    *BILLING,
    *ACTIVATION,
    *RECORDS,
)


@dataclass(frozen=True, slots=True)
class Verification:
    """
    How many invariants were checked and where they do not hold.

    `waiting` lists what arrived before its parent did: no violation, but somebody may look.
    """

    checked: int
    violations: tuple[Violation, ...]
    waiting: tuple[Finding, ...] = ()


def check(
    connection: Connection,
    *,
    now: datetime,
    policies: Policies | None = None,
    progress: Callable[[Invariant], None] | None = None,
) -> Verification:
    """
    Check every stored invariant; list at most `MOST` violations of each.

    Everything is read as of one instant, if the connection has read nothing before.

    Args:
        now: UTC, our clock's.
        policies: Those in use, besides the ones that are stored; the default's otherwise.
        progress: Is told of each invariant before it is checked.
    """
    steady(connection)
    known = _policies(connection, policies or Policies())
    look = Look(connection, now, known, load_rules())
    found: list[Violation] = []
    for invariant in INVARIANTS:
        if progress:
            progress(invariant)
        findings = islice(invariant.find(look), MOST)
        found.extend(Violation(invariant.name, *finding) for finding in findings)
    waiting = look.find(
        "SELECT 'inbox ' || id, 'waits for ' || waiting_for FROM inbox"
        " WHERE state = 'waiting' ORDER BY id"
    )
    return Verification(len(INVARIANTS), tuple(found), tuple(waiting))


def _policies(connection: Connection, given: Policies) -> Mapping[str, Policy]:
    """Return every policy there is by name: the stored ones, and over them the given ones."""
    known: dict[str, Policy] = {}
    for name, body in batch.fetch(connection, "SELECT name, body FROM policies ORDER BY name"):
        try:
            known[name] = msgspec.convert(body, Policy, strict=False)
        except (msgspec.ValidationError, InvalidPolicy):
            continue  # then it is unknown, and a case that follows it is a violation
    known |= {policy.name: policy for policy in given.known.values()}
    return known | {choice.policy.name: choice.policy for choice in given.choices}
