from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail.letter import Warned, warning_of


@dataclass(frozen=True, slots=True)
class DunningActionRequired(Warned):
    """The second notice: still unpaid, and what the first restriction will be."""

    folder: ClassVar[str] = "dunning_action_required"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(warning_of(("soft", "restrict_features", 3)))
