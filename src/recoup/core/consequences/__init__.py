"""Every consequence, by name."""

from collections.abc import Mapping
from typing import Final

from recoup.core.consequences.base import Consequence
from recoup.core.consequences.cancel import Cancel
from recoup.core.consequences.notify import Notify
from recoup.core.consequences.read_only import ReadOnly
from recoup.core.consequences.restrict_features import RestrictFeatures
from recoup.core.consequences.suspend import Suspend

CONSEQUENCES: Final[Mapping[str, Consequence]] = {
    consequence.name: consequence
    for consequence in (Notify(), RestrictFeatures(), ReadOnly(), Suspend(), Cancel())
}
