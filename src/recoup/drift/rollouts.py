"""`recoup.rollouts`: letting a risky behaviour in, stage by stage, and taking it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Engine as Database

from recoup.core import rollout
from recoup.core.billing.contact import words
from recoup.core.policy import Policies
from recoup.core.rollout import SAMPLE, Stage
from recoup.errors import NotFound, NotPossible
from recoup.store import rollouts as rows
from recoup.store.queries import customers
from recoup.store.rollouts import Move, RolloutRow, ShadowRow


@dataclass(frozen=True, slots=True)
class Listed:
    """All rollouts that there are or were."""

    data: tuple[RolloutRow, ...]


@dataclass(frozen=True, slots=True)
class Moves:
    """Who moved a rollout, newest first."""

    data: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Harm:
    """Decisions in the shadow that would have done harm, newest first."""

    data: tuple[ShadowRow, ...]


_LOWER: Final = (Stage.OFF, Stage.SHADOW)


def _never(name: str) -> RolloutRow:
    """Return a rollout that was never begun."""
    return RolloutRow(name, str(Stage.OFF), (), None, 0, 0, 1, name)


class Rollouts:
    """
    The rollouts there are. Each move says who acted and why, and is kept.

    Args:
        actor: Who acts.
        sample: Decisions in the shadow that are enough.
    """

    def __init__(
        self,
        database: Database,
        policies: Policies,
        now: Callable[[], datetime],
        *,
        actor: str,
        sample: int = SAMPLE,
    ) -> None:
        self._database = database
        self._policies = policies
        self._now = now
        self._actor = actor
        self._sample = sample

    def list(self) -> tuple[RolloutRow, ...]:
        """Return all rollouts that there are or were, by name; one not begun is off."""
        with self._database.connect() as connection:
            begun = rows.listing(connection)
        fresh = self._known() - {one.name for one in begun}
        return tuple(sorted((*begun, *map(_never, fresh)), key=lambda one: one.name))

    def get(self, name: str) -> RolloutRow:
        """
        Return one rollout; one that can be begun and was not is off.

        Raises:
            NotFound: there is none of this name.
        """
        with self._database.connect() as connection:
            try:
                return rows.show(connection, name)
            except NotFound:
                if name not in self._known():
                    raise
                return _never(name)

    def moves(self, name: str, *, limit: int = 50) -> tuple[Move, ...]:
        """
        Return who moved a rollout, and why, newest first.

        Raises:
            NotFound: there is none of this name.
        """
        self.get(name)
        with self._database.connect() as connection:
            return rows.moves(connection, name, limit=limit)

    def harmful(self, name: str, *, limit: int = 50) -> tuple[ShadowRow, ...]:
        """
        Return the decisions in the shadow that would have done harm, newest first.

        Raises:
            NotFound: there is none of this name.
        """
        round_ = self.get(name).round
        with self._database.connect() as connection:
            return rows.harmful(connection, name, round_=round_, limit=limit)

    def widen(self, name: str, *, reason: str) -> RolloutRow:
        """
        Bring a rollout to its next stage; a new one begins in the shadow.

        Raises:
            InvalidValue: no rollout may be called so, or no reason is given.
            NotPossible: it is at 100 %, or the shadow has shown harm, or too little; or there is
                nothing that it would let in.
        """
        why, now = words("reason", reason), self._now()
        self._exists(rollout.checked(name))
        with self._database.begin() as connection:
            row = rows.start(connection, name, salt=name, now=now)
            target = rollout.widened(
                row.rollout, decisions=row.decisions, harmful=row.harmful, sample=self._sample
            )
            return rows.move(connection, row, target, actor=self._actor, reason=why, now=now)

    def rollback(self, name: str, *, reason: str, shadow: bool = False) -> RolloutRow:
        """
        Take a rollout back at once, from any stage: off, or to the shadow.

        Running cases under its policy follow, from the next look on, the policy that they would
        without it; they are all looked at now.

        Raises:
            NotFound: it was never begun.
        """
        why, now = words("reason", reason), self._now()
        target = Stage.SHADOW if shadow else Stage.OFF
        with self._database.begin() as connection:
            row = rows.show(connection, name, lock=True)
            if row.rollout.stage in _LOWER and row.rollout.stage is not target and shadow:
                raise NotPossible(f"{name} is off: widen it")
            found = rows.move(connection, row, target, actor=self._actor, reason=why, now=now)
            follows = [
                choice.policy.name
                for choice in self._policies.choices
                if self._policies.rollout_of(choice.policy.name) == name
            ]
            rows.wake(connection, follows, now=now)
            return found

    def name(self, name: str, given: Iterable[int | str], *, reason: str) -> RolloutRow:
        """
        Name customers, who are members from the stage `named` on. Nobody is ever dropped.

        Raises:
            NotFound: it was never begun, or there is no such customer.
        """
        why, now = words("reason", reason), self._now()
        with self._database.begin() as connection:
            row = rows.show(connection, name, lock=True)
            ids = [customers.find(connection, str(one)) for one in given]
            return rows.name_customers(
                connection, row, ids, actor=self._actor, reason=why, now=now
            )

    def _known(self) -> set[str]:
        """Return what can be begun: what is built in, and what policies in use are under."""
        named = (choice.rollout for choice in self._policies.choices)
        return {rollout.DRIFT_REPAIR, *filter(None, named)}

    def _exists(self, name: str) -> None:
        if name not in self._known():
            raise NotPossible(
                f"{name}: no policy in use is under it: write rollout = {name!r} into one"
            )
