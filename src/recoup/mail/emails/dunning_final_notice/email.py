from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail.letter import Warned, warning_of


@dataclass(frozen=True, slots=True)
class DunningFinalNotice(Warned):
    """The last notice: names every rung that is left, the end included."""

    folder: ClassVar[str] = "dunning_final_notice"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(warning_of(("suspended", "suspend", 3), ("ended", "cancel", 7)))
