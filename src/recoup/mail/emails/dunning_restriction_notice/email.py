from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from recoup.mail.letter import Warned, warning_of


@dataclass(frozen=True, slots=True)
class DunningRestrictionNotice(Warned):
    """The third notice: from when on the customer can no longer change anything."""

    folder: ClassVar[str] = "dunning_restriction_notice"

    @classmethod
    def sample(cls) -> Self:
        return cls.about(warning_of(("limited", "read_only", 3)))
