from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from recoup.mail.letter import Letter


@dataclass(frozen=True, slots=True)
class DunningReminder(Letter):
    """The first notice: a payment did not go through. Takes nothing away and threatens nothing."""

    folder: ClassVar[str] = "dunning_reminder"
