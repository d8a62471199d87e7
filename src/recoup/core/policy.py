"""
Policies: the numbers a dunning decision follows, versioned and checked when they are made.

A running case keeps the version it was opened with. Spans count from the case's anchor.
Source of the defaults: docs/dunning.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Final

from recoup.core.consequences import CONSEQUENCES
from recoup.errors import InvalidPolicy

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder: from `after` on, these consequences hold. They replace, not add."""

    name: str
    after: timedelta
    consequences: tuple[str, ...]

    @property
    def restricts(self) -> bool:
        """Whether a notice must have been delivered before a case may stand on it."""
        return any(CONSEQUENCES[name].takes_away for name in self.consequences)


@dataclass(frozen=True, slots=True)
class Step:
    """A notice of the campaign. `announces` names the highest rung it warns of, lower ones too."""

    key: str
    after: timedelta
    mail: str
    announces: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """
    How debts of one kind are handled.

    Raises:
        InvalidPolicy: rungs or steps are out of order, named twice, unannounced or unknown, or a
            step lies after the ladder's end. Raised when it is made, so at start-up.
    """

    key: str
    version: int
    ladder: tuple[Rung, ...]
    steps: tuple[Step, ...]
    collector: str = "recoup"  #: who tries again: "recoup" or "processor"
    timer: str = "class_aware"  #: or "fixed"
    schedule: tuple[timedelta, ...] = ()  #: spans from the first failure, for the fixed timer
    min_notice: timedelta = 72 * HOUR  #: between a delivered notice and the rung it names
    bounce_hold: timedelta = 14 * DAY  #: how long an undelivered notice holds the climb
    min_stay: timedelta = DAY  #: on a rung before the next
    max_stretch: int = 2  #: how far a partial payment may stretch the ladder
    contact_hours: tuple[int, int] = (8, 21)  #: mail from, and before, in the customer's zone

    @property
    def name(self) -> str:
        return f"{self.key}/{self.version}"

    @property
    def end(self) -> Rung:
        """The last rung: where a case is exhausted."""
        return self.ladder[-1]

    def rung(self, name: str) -> Rung:
        return self.ladder[self.place(name)]

    def place(self, name: str | None) -> int:
        """Return a rung's place, 0 for the mildest, -1 for None: below the ladder."""
        if name is None:
            return -1
        for place, rung in enumerate(self.ladder):
            if rung.name == name:
                return place
        raise InvalidPolicy(f"policy {self.name} has no rung {name!r}")

    def __post_init__(self) -> None:
        names = [rung.name for rung in self.ladder]
        keys = [step.key for step in self.steps]
        afters = [rung.after for rung in self.ladder]
        dues = [step.after for step in self.steps]
        start, stop = self.contact_hours
        self._insist(bool(names), "the ladder has no rung")
        self._insist(bool(keys), "the campaign has no step")
        self._insist(len(set(names)) == len(names), f"a rung is named twice: {names}")
        self._insist(len(set(keys)) == len(keys), f"a step is named twice: {keys}")
        self._insist(_rising(afters), f"rungs must rise strictly from 0 or more: {names}")
        self._insist(_rising(dues), f"steps must rise strictly from 0 or more: {keys}")
        self._insist(dues[-1] <= afters[-1], f"step {keys[-1]!r} lies after the ladder's end")
        self._insist(self.collector in {"recoup", "processor"}, f"collector {self.collector!r}")
        self._insist(self.timer in {"class_aware", "fixed"}, f"timer {self.timer!r}")
        self._insist(self.timer != "fixed" or _rising(self.schedule), "fixed needs a schedule")
        self._insist(0 <= start < stop <= 24, f"contact hours {self.contact_hours}")
        whole = type(self.max_stretch) is int and 1 <= self.max_stretch <= 10
        self._insist(whole, f"max_stretch is a whole number from 1 to 10, not {self.max_stretch}")
        numbered = type(self.version) is int and 0 <= self.version < 2**31
        self._insist(numbered, f"version is a whole number, not {self.version}")
        self._insist(self.min_stay > timedelta(0), "min_stay is more than nothing")
        for rung in self.ladder:
            unknown = sorted(set(rung.consequences) - set(CONSEQUENCES))
            self._insist(not unknown, f"rung {rung.name!r} has {unknown}, not a consequence")
        for step in self.steps:
            self._insist(
                step.announces is None or step.announces in names,
                f"step {step.key!r} announces {step.announces!r}, which is no rung of {names}",
            )
        for place, rung in enumerate(self.ladder):
            if rung.restricts:
                self._insist(
                    any(
                        self.place(step.announces) >= place
                        and step.after + self.min_notice <= rung.after
                        for step in self.steps
                    ),
                    f"no step announces rung {rung.name!r} at least {self.min_notice} before it",
                )

    def _insist(self, holds: bool, problem: str) -> None:
        if not holds:
            raise InvalidPolicy(f"policy {self.name}: {problem}. See docs/dunning.md.")


def _rising(spans: tuple[timedelta, ...] | list[timedelta]) -> bool:
    return bool(spans) and spans[0] >= timedelta(0) and all(a < b for a, b in pairwise(spans))


DEFAULT: Final = Policy(
    key="default",
    version=1,
    ladder=(
        Rung("reminded", timedelta(0), ("notify",)),
        Rung("soft", 8 * DAY, ("restrict_features",)),
        Rung("limited", 15 * DAY, ("read_only",)),
        Rung("suspended", 24 * DAY, ("suspend",)),
        Rung("ended", 28 * DAY, ("cancel",)),
    ),
    steps=(
        Step("reminder", timedelta(0), "dunning_reminder"),
        Step("action_required", 5 * DAY, "dunning_action_required", announces="soft"),
        Step("restriction_notice", 12 * DAY, "dunning_restriction_notice", announces="limited"),
        Step("final_notice", 21 * DAY, "dunning_final_notice", announces="ended"),
    ),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A policy and the accounts it is for; None matches everything."""

    policy: Policy
    plan: str | None = None
    segment: str | None = None
    currency: str | None = None
    country: str | None = None

    def fits(self, facts: Mapping[str, str | None]) -> bool:
        wanted = {
            "plan": self.plan,
            "segment": self.segment,
            "currency": self.currency,
            "country": self.country,
        }
        return all(value is None or facts.get(name) == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True)
class Policies:
    """Every policy in use: choices for new cases, first fit wins; and all versions by name."""

    choices: tuple[Choice, ...] = (Choice(DEFAULT),)
    known: Mapping[str, Policy] = field(default_factory=dict)
    _by_name: Mapping[str, Policy] = field(init=False, repr=False, compare=False)

    def choose(self, **facts: str | None) -> Policy:
        """
        Return the policy for a new case with these facts: plan, segment, currency, country.

        Raises:
            InvalidPolicy: no choice fits; the last one should fit everything.
        """
        for choice in self.choices:
            if choice.fits(facts):
                return choice.policy
        raise InvalidPolicy(f"no policy fits {facts}; let the last one fit everything")

    def named(self, name: str) -> Policy:
        """
        Return the version a running case follows.

        Raises:
            InvalidPolicy: that version is gone.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise InvalidPolicy(f"a running case follows policy {name}, which is gone") from None

    def __post_init__(self) -> None:
        chosen = {choice.policy.name: choice.policy for choice in self.choices}
        object.__setattr__(self, "_by_name", {**self.known, **chosen})
