"""What became of a run's lines, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: Reasons kept apart; more are counted together, so that a flood of them stays small.
_MOST_REASONS: Final = 200
_OTHERS: Final = "other reasons"


@dataclass(frozen=True, slots=True)
class Summary:
    """
    Counts of one run.

    `stored` is what was new. Of that and of what had been left over, `applied`, `ignored`,
    `failed` and `parked` say how it ended; `waiting` how many of this run's still wait for a
    parent.
    """

    lines: int = 0
    stored: int = 0
    duplicates: int = 0
    applied: int = 0
    waiting: int = 0
    failed: int = 0
    ignored: Mapping[str, int] = field(default_factory=dict)  #: reason -> how many
    parked: Mapping[str, int] = field(default_factory=dict)  #: reason -> how many

    def __add__(self, other: Summary) -> Summary:
        return Summary(
            lines=self.lines + other.lines,
            stored=self.stored + other.stored,
            duplicates=self.duplicates + other.duplicates,
            applied=self.applied + other.applied,
            waiting=self.waiting + other.waiting,
            failed=self.failed + other.failed,
            ignored=_together(self.ignored, other.ignored),
            parked=_together(self.parked, other.parked),
        )


def _together(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    if not one or not other:
        return one or other
    sums = Counter(one)
    for reason, count in other.items():
        sums[reason if reason in sums or len(sums) < _MOST_REASONS else _OTHERS] += count
    return dict(sums)
