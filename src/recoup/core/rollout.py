"""
Rollouts: a behaviour that is a risk is let in stage by stage, and taken back at once.

    off · shadow · named · 5 · 10 · 25 · 50 · 100 %

Whether a customer is a member follows from a salted hash of its id, so who is a member at one
stage is one at every later stage. In the shadow nobody is a member: what would be decided is
worked out, compared with what is decided, and recorded. Source: docs/rollouts.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from recoup.core import periods
from recoup.core.account import Account, Case, CustomerId
from recoup.core.consequences import CONSEQUENCES, consequence
from recoup.core.dunning import cases
from recoup.core.dunning.ladder import stretched
from recoup.core.policy import Policies, Policy, Rung
from recoup.errors import InvalidValue, NotPossible


class Stage(StrEnum):
    """How far a rollout has come. The percentages are of all customers."""

    OFF = "off"
    SHADOW = "shadow"
    NAMED = "named"
    FIVE = "5"
    TEN = "10"
    QUARTER = "25"
    HALF = "50"
    ALL = "100"


STAGES: Final = tuple(Stage)
#: So many decisions in the shadow are a large enough sample.
SAMPLE: Final = 1_000
#: The rollout behind which drift is repaired.
DRIFT_REPAIR: Final = "drift_repair"

_PARTS: Final = 10_000
_SHARE: Final[Mapping[Stage, int]] = {
    stage: int(stage) * 100 if stage.isdecimal() else 0 for stage in STAGES
}
_NAME: Final = re.compile(
    r"drift_repair|policy:[\w.-]{1,60}/\d{1,9}|timer:[a-z][a-z0-9_]{0,60}", re.ASCII
)

#: Why a decision in the shadow is harmful.
RESTRICTS: Final = "restricts who owes nothing"
MAILS: Final = "mails who owes nothing"
ENDS: Final = "ends who owes nothing"
SOONER: Final = "restricts sooner than the policy in use"


@dataclass(frozen=True, slots=True)
class Rollout:
    """One rollout. Its salt never changes, and who is named stays named."""

    name: str
    stage: Stage
    salt: str
    named: frozenset[CustomerId] = frozenset()

    @property
    def on(self) -> bool:
        """Whether anything is worked out for it at all."""
        return self.stage is not Stage.OFF

    def includes(self, id: CustomerId) -> bool:
        """Return whether the customer is a member at the present stage."""
        place = STAGES.index(self.stage)
        if place < STAGES.index(Stage.NAMED):
            return False
        share = _SHARE[self.stage]
        return id in self.named or share == _PARTS or (share > 0 and spot(self.salt, id) < share)


def spot(salt: str, id: CustomerId) -> int:
    """Return the customer's place among 10,000: the same for ever, and even over customers."""
    digest = hashlib.sha256(f"{len(salt)}:{salt}:{id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % _PARTS


def flags(rollouts: Iterable[Rollout], id: CustomerId) -> frozenset[str]:
    """Return the names of the rollouts that the customer is a member of."""
    return frozenset(one.name for one in rollouts if one.includes(id))


def checked(name: str) -> str:
    """
    Return `name` if a rollout may be called that.

    Raises:
        InvalidValue: it is none of drift_repair, policy:KEY/VERSION and timer:NAME.
    """
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            f"rollout: expected drift_repair, policy:KEY/VERSION or timer:NAME, got {name!r}"
        )
    return name


def widened(rollout: Rollout, *, decisions: int, harmful: int, sample: int = SAMPLE) -> Stage:
    """
    Return the next stage, if it may be entered. Stages are not skipped upwards: each is the test
    of the next.

    Args:
        decisions: Decided in the shadow since the rollout was last off.
        harmful: Those of them that would have done harm.
        sample: How many decisions are enough.

    Raises:
        NotPossible: it is at 100 %, or the shadow has shown harm, or too little.
    """
    place = STAGES.index(rollout.stage)
    if rollout.stage is Stage.ALL:
        raise NotPossible(f"{rollout.name} is at 100 % already")
    if place >= STAGES.index(Stage.SHADOW):
        if harmful:
            raise NotPossible(
                f"{rollout.name}: {harmful} of {decisions} decisions in the shadow would have "
                "done harm: recoup rollout show"
            )
        if decisions < sample:
            raise NotPossible(
                f"{rollout.name}: only {decisions} of {sample} decisions have been compared in "
                "the shadow; RECOUP_ROLLOUT_SAMPLE says how many are enough"
            )
    return STAGES[place + 1]


def placed(account: Account, policies: Policies) -> Account:
    """
    Return the account with no running case under a policy that its customer is no member for.

    Such a case follows, from now on, the policy that a new case of its scope would. It stands on
    no harsher rung for that.
    """
    return account.but(
        cases=tuple(
            moved(account, case, policies)
            if case.open and not _is_member(account, policies.rollout_of(case.policy))
            else case
            for case in account.cases
        )
    )


def as_member(account: Account, name: str, policies: Policies) -> Account:
    """Return the account as it would be were its customer a member, and always had been."""
    member = account.but(flags=account.flags | {name})
    return member.but(
        cases=tuple(
            moved(member, case, policies)
            if case.open and policies.rollout_of(_choice(member, case, policies).name) == name
            else case
            for case in member.cases
        )
    )


def moved(account: Account, case: Case, policies: Policies) -> Case:
    """Return `case` under the policy that a new one of its scope would follow."""
    policy = _choice(account, case, policies)
    if policy.name == case.policy:
        return case
    rung = None
    if case.rung is not None:
        stood = policies.named(case.policy).rung(case.rung)
        milder = [
            one.name
            for one in policy.ladder
            if severity(one) <= severity(stood) and one.after <= stood.after
        ]
        rung = milder[-1] if milder else None
    since = case.rung_since if rung is not None else None
    return replace(case, policy=policy.name, rung=rung, rung_since=since)


def severity(rung: Rung) -> int:
    """Return how much a rung takes away, 0 for nothing; in the order of the consequences."""
    order = list(CONSEQUENCES)
    names = (named.partition(":")[0] for named in rung.consequences)
    return max(
        (1 + order.index(name) for name in names if CONSEQUENCES[name].takes_away), default=0
    )


def harms(
    observed: Account, in_use: Account, candidate: Account, *, policies: Policies, now: datetime
) -> tuple[str, ...]:
    """
    Return why the candidate's decision would do harm; nothing if it would not.

    Args:
        observed: What both decisions were made about.
        in_use: What was decided.
        candidate: What would have been decided were the customer a member.
    """
    return tuple(dict.fromkeys(_harms(observed, in_use, candidate, policies, now)))


def _harms(
    observed: Account, in_use: Account, candidate: Account, policies: Policies, now: datetime
) -> Iterator[str]:
    owing = {case.scope for case in in_use.cases if in_use.obligations(case.scope)}
    owing &= {invoice.scope for invoice in observed.invoices if invoice.in_default}
    held = {one.key for one in observed.restrictions}
    for fresh in candidate.restrictions:
        takes = consequence(fresh.consequence).takes_away
        if fresh.key not in held and takes and fresh.scope not in owing:
            yield RESTRICTS
    sent = {one.key for one in observed.notices}
    for notice in candidate.notices:
        if notice.key not in sent and not notice.reason and notice.scope not in owing:
            yield MAILS
    asked = {one.id: one.end_requested_at for one in observed.subscriptions}
    for one in candidate.subscriptions:
        fresh_end = one.end_requested_at is not None and one.end_requested_at != asked.get(one.id)
        if fresh_end and f"subscription:{one.id}" not in owing:
            yield ENDS
    for case in candidate.open_cases():
        mine = next((one for one in in_use.open_cases() if one.scope == case.scope), None)
        if mine is not None and mine.policy != case.policy:
            theirs = _due(candidate, case, policies.named(case.policy), now)
            if theirs > _due(in_use, mine, policies.named(mine.policy), now):
                yield SOONER


def _due(account: Account, case: Case, policy: Policy, now: datetime) -> int:
    """Return how much the ladder takes away at `now` by time alone, were every notice sent."""
    stretch = stretched(account.obligations(case.scope), most=policy.max_stretch)
    lasted = periods.elapsed(case.anchor, now, paused=account.paused)
    due = [rung for rung in policy.ladder if lasted >= stretch(rung.after)]
    return severity(due[-1]) if due else 0


def _is_member(account: Account, name: str | None) -> bool:
    return name is None or name in account.flags


def _choice(account: Account, case: Case, policies: Policies) -> Policy:
    """Return the policy that a new case of the same scope would follow."""
    mine = [invoice for invoice in account.invoices if invoice.scope == case.scope]
    currency = mine[0].due.currency if mine else account.currency
    return cases.chosen(account, case.scope, currency=currency, policies=policies)
