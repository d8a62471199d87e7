"""
Policies: the numbers a dunning decision follows, versioned and checked when they are made.

A running case keeps the version it was opened with. Spans count from the case's anchor.
Source of the defaults: docs/dunning.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from recoup.core.consequences import consequence
from recoup.core.dunning.conditions import ALWAYS, About, When
from recoup.errors import InvalidPolicy

if TYPE_CHECKING:
    from recoup.core.collection.timers import RetryTimer

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)

#: Who may try again.
COLLECTORS: Final = frozenset({"recoup", "processor"})
#: What a policy's key ends in when nobody said who collects, and the processor does.
BY_PROCESSOR: Final = "@processor"
#: How a timer is named that is not built in: its module and its name there.
TIMER: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
#: How a notice can reach its customer: our mail, or the host's own means.
CHANNELS: Final = frozenset({"mail", "host"})


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder: from `after` on, these consequences hold. They replace, not add."""

    name: str
    after: timedelta
    consequences: tuple[str, ...]
    only: tuple[tuple[str, When], ...] = ()  #: which of them are not for every debt

    @property
    def restricts(self) -> bool:
        """Whether anybody at all may lose anything on it."""
        return any(consequence(name).takes_away for name in self.consequences)

    def when(self, named: str) -> When:
        """Return which debts one of its consequences is for."""
        return next((when for name, when in self.only if name == named), ALWAYS)

    def held(self, about: About | None) -> tuple[str, ...]:
        """Return the consequences that are for this debt; all of them when nothing is known."""
        if about is None or not self.only:
            return self.consequences
        return tuple(n for n in self.consequences if self.when(n).why_not(about) is None)

    def takes_away(self, about: About | None) -> bool:
        """Whether a notice must have been delivered before a case of this debt stands on it."""
        return any(consequence(name).takes_away for name in self.held(about))


@dataclass(frozen=True, slots=True)
class Step:
    """A notice of the campaign. `announces` names the highest rung it warns of, lower ones too."""

    key: str
    after: timedelta
    mail: str
    announces: str | None = None
    when: When = ALWAYS  #: where it does not fit, the step is skipped
    channels: tuple[str, ...] = ("mail",)  #: of `CHANNELS`, the first one first


@dataclass(frozen=True, slots=True)
class Policy:
    """
    How debts of one kind are handled.

    Without any step nobody is written to, so nothing may be taken away either.

    Raises:
        InvalidPolicy: rungs or steps are out of order, named twice, unannounced or unknown, or a
            step lies after the ladder's end. Raised when it is made, so at start-up.
    """

    key: str
    version: int
    ladder: tuple[Rung, ...]
    steps: tuple[Step, ...]
    #: Who tries again: "recoup" or "processor". None: the processor where it does so by itself,
    #: else Recoup; `Policies.collected_by` settles it before a case follows the policy.
    collector: str | None = None
    timer: str = "class_aware"  #: or "fixed", or another one as "module:timer"
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
    def ours(self) -> bool:
        """Whether Recoup is who tries again."""
        return self.collector != "processor"

    def collected_by(self, *, processor: bool) -> Policy:
        """
        Return the policy with its collector named; `processor` when that one retries by itself.

        A policy that leaves it open is two: with the processor as collector its key ends in
        "@processor", so that no version means one thing today and another tomorrow.
        """
        if self.collector is not None:
            return self
        if not processor:
            return replace(self, collector="recoup")
        return replace(self, key=self.key + BY_PROCESSOR, collector="processor")

    @property
    def conditional(self) -> bool:
        """Whether anything in it is not for every debt."""
        return any(rung.only for rung in self.ladder) or any(
            step.when is not ALWAYS for step in self.steps
        )

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
        rungs, steps = ", ".join(names), ", ".join(keys)
        self._insist(bool(names), "the ladder has no rung")
        self._insist_on_consequences()
        self._insist(len(set(names)) == len(names), f"a rung is named twice: {rungs}")
        self._insist(len(set(keys)) == len(keys), f"a step is named twice: {steps}")
        self._insist(_rising(afters), f"rungs must rise strictly from 0 or more: {rungs}")
        self._insist(
            not dues or _rising(dues), f"steps must rise strictly from 0 or more: {steps}"
        )
        self._insist(
            not dues or dues[-1] <= afters[-1],
            f"step {keys[-1] if keys else ''!r} lies after the ladder's end",
        )
        self._insist(
            self.collector in {None, *COLLECTORS},
            f"collector {self.collector!r}; expected processor or recoup",
        )
        built_in = self.timer in {"class_aware", "fixed"}
        self._insist(
            built_in or bool(TIMER.fullmatch(self.timer)),
            f"timer {self.timer!r}; expected class_aware, fixed or package.module:name",
        )
        self._insist(self.timer != "fixed" or _rising(self.schedule), "fixed needs a schedule")
        self._insist(
            0 <= start < stop <= 24,
            "contact_hours are two whole hours of a day, the earlier first, as [8, 21], "
            f"not [{start}, {stop}]",
        )
        whole = type(self.max_stretch) is int and 1 <= self.max_stretch <= 10
        self._insist(whole, f"max_stretch is a whole number from 1 to 10, not {self.max_stretch}")
        numbered = type(self.version) is int and 0 <= self.version < 2**31
        self._insist(numbered, f"version is a whole number, not {self.version}")
        self._insist(self.min_stay > timedelta(0), "min_stay is more than nothing")
        self._insist_on_steps(names)
        for place, rung in enumerate(self.ladder):
            self._insist_on_rung(place, rung)

    def _insist_on_consequences(self) -> None:
        for rung in self.ladder:
            for name in rung.consequences:
                try:
                    consequence(name)
                except InvalidPolicy as error:
                    self._insist(False, f"rung {rung.name!r}: {error}")

    def _insist_on_steps(self, names: list[str]) -> None:
        for step in self.steps:
            self._insist(
                step.announces is None or step.announces in names,
                f"step {step.key!r} announces {step.announces!r}, which is no rung of "
                + ", ".join(names),
            )
            known = step.channels and set(step.channels) <= CHANNELS
            once = len(set(step.channels)) == len(step.channels)
            self._insist(
                bool(known) and once,
                f"step {step.key!r} has channels {', '.join(step.channels) or 'none'}, "
                f"expected some of {', '.join(sorted(CHANNELS))}, each once",
            )

    def _insist_on_rung(self, place: int, rung: Rung) -> None:
        """Every consequence exists, and what takes away is announced to all it is for."""
        strangers = sorted({name for name, _ in rung.only} - set(rung.consequences))
        self._insist(
            not strangers, f"rung {rung.name!r} has a condition on {', '.join(strangers)}, not it"
        )
        for name in rung.consequences:
            if not consequence(name).takes_away:
                continue
            in_time = [
                step
                for step in self.steps
                if self.place(step.announces) >= place
                and step.after + self.min_notice <= rung.after
            ]
            self._insist(
                bool(in_time),
                f"no step announces rung {rung.name!r} at least {self.min_notice} before it",
            )
            self._insist(
                any(step.when.covers(rung.when(name)) for step in in_time),
                f"no step that announces rung {rung.name!r} goes to everybody who meets {name!r}",
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
    rollout: str | None = None  #: it is only for who is a member of this rollout

    def fits(self, facts: Mapping[str, str | None], flags: frozenset[str] = frozenset()) -> bool:
        if self.rollout is not None and self.rollout not in flags:
            return False
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
    engine: str | None = None  #: what brings up the steps of new cases; None: ours
    timers: Mapping[str, RetryTimer] = field(default_factory=dict, repr=False)  #: not built in
    patience: timedelta = DAY  #: how long a due step waits for an engine outside to ask for it
    undo_within: timedelta = timedelta(minutes=10)  #: how long a host may take to undo
    withdraw_after: timedelta = HOUR  #: how long the bill of a refused change of plan stays
    _by_name: Mapping[str, Policy] = field(init=False, repr=False, compare=False)

    def choose(self, flags: frozenset[str] = frozenset(), /, **facts: str | None) -> Policy:
        """
        Return the policy for a new case with these facts: plan, segment, currency, country.

        `flags` are the rollouts that its customer is a member of.

        Raises:
            InvalidPolicy: no choice fits; the last one should fit everything.
        """
        for choice in self.choices:
            if choice.fits(facts, flags):
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

    def rollout_of(self, name: str) -> str | None:
        """Return the rollout under which alone a version is used; None: it needs none."""
        given = [choice.rollout for choice in self.choices if choice.policy.name == name]
        return None if None in given else next(iter(given), None)

    def __post_init__(self) -> None:
        chosen = {choice.policy.name: choice.policy for choice in self.choices}
        object.__setattr__(self, "_by_name", {**self.known, **chosen})
