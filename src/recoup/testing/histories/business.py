"""
What rules a business of a random history has: its policies, who tries again, who follows.

    with opened(database_url, home, seed=7) as scene:
        history = History(scene, 7)

Every fifth seed has the rules of the default alone; the others have policies with conditions, a
policy under a rollout, the processor as collector, or all of that and the fixed timer.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from recoup.core.dunning.conditions import When
from recoup.core.money import Money
from recoup.core.policy import DAY, DEFAULT, Choice, Policies, Policy, Rung, Step
from recoup.processors.fake import FakeProcessor
from recoup.processors.fake.billing.retries import Ending
from recoup.testing.histories.watching import Witness
from recoup.testing.scene import Scene

_SOFT: Final = When(classes=frozenset({"soft"}))
_NEAR: Final = When(min_amount=Money(2000, "EUR"), countries=frozenset({"DE", "AT"}))

#: Not everything in it is for everybody; it ends with a pause, and knows the host's own means.
PICKY: Final = Policy(
    key="picky",
    version=1,
    ladder=(
        Rung("reminded", 0 * DAY, ("notify",)),
        Rung("soft", 7 * DAY, ("restrict_features",), only=(("restrict_features", _NEAR),)),
        Rung("limited", 11 * DAY, ("read_only",)),
        Rung("resting", 18 * DAY, ("pause_collection",)),
    ),
    steps=(
        Step("reminder", 0 * DAY, "dunning_reminder", channels=("mail", "host")),
        Step("no_funds", 2 * DAY, "dunning_reminder", when=_SOFT),
        Step("warning", 4 * DAY, "dunning_action_required", announces="limited"),
        Step("final_notice", 14 * DAY, "dunning_final_notice", announces="resting"),
    ),
)
#: The default for those who are let in; it takes its time.
GENTLE: Final = replace(
    DEFAULT,
    key="gentle",
    ladder=tuple(replace(rung, after=rung.after * 5 // 4) for rung in DEFAULT.ladder),
)
#: Tries on fixed days, and gives the money up at the end.
FIXED: Final = replace(
    DEFAULT,
    key="fixed",
    timer="fixed",
    schedule=(3 * DAY, 8 * DAY, 15 * DAY),
    ladder=(*DEFAULT.ladder[:-1], Rung("ended", 28 * DAY, ("write_off",))),
)
#: Whatever the processor does, we try.
OURS: Final = replace(DEFAULT, key="ours", collector="recoup")
ROLLOUT: Final = f"policy:{GENTLE.name}"

_ALL: Final = Choice(DEFAULT)
_RULES: Final = (
    (_ALL,),
    (Choice(PICKY, country="AT"), _ALL),
    (Choice(GENTLE, rollout=ROLLOUT), _ALL),
    (_ALL,),
    (Choice(GENTLE, rollout=ROLLOUT), Choice(PICKY, country="DE"), Choice(FIXED, country="AT"),
     _ALL),
)  # fmt: skip
#: Whose processor tries again by itself.
_PROCESSOR: Final = 3
_ENDINGS: Final[tuple[Ending, ...]] = ("cancel", "unpaid", "past_due")
#: Decisions in the shadow that are enough, in businesses as small as this.
_SAMPLE: Final = 5


@contextmanager
def opened(database_url: str, home: Path, *, seed: int) -> Iterator[Scene]:
    """Open a scene with the rules of a seed, whose mails are looked at as they go out."""
    kind = seed % len(_RULES)
    if kind == _PROCESSOR:
        home.mkdir(parents=True, exist_ok=True)
        ends = random.Random(f"business:{seed}").choice(_ENDINGS)
        with FakeProcessor(home / "books.sqlite3", seed=seed) as fake:
            fake.smart_retries(ends, tries=4)
    known = {policy.name: policy for policy in (PICKY, FIXED, OURS)}
    policies = Policies(_RULES[kind], known=known)
    with Scene.open(
        database_url, home, seed=seed, policies=policies, rollout_sample=_SAMPLE,
        outbox=Witness(),
    ) as scene:  # fmt: skip
        yield scene
