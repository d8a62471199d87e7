"""The numbers a business asks for; docs/metrics.md has the formula of each."""

from typing import Final

from recoup.metrics.attempts import ATTEMPTS
from recoup.metrics.base import Number, Table
from recoup.metrics.flow import FLOW
from recoup.metrics.recovery import RECOVERY
from recoup.metrics.standing import STANDING

#: Every number there is, in the order in which they are shown.
NUMBERS: Final[tuple[Number, ...]] = (*RECOVERY, *ATTEMPTS, *STANDING, *FLOW)

__all__ = ["NUMBERS", "Number", "Table"]
