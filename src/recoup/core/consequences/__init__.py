"""Every consequence, by name; and how a rung names one."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

from recoup.core.account import access
from recoup.core.consequences.base import Consequence
from recoup.core.consequences.cancel import Cancel
from recoup.core.consequences.downgrade import Downgrade
from recoup.core.consequences.notify import Notify
from recoup.core.consequences.pause_collection import PauseCollection
from recoup.core.consequences.read_only import ReadOnly
from recoup.core.consequences.restrict_features import RestrictFeatures
from recoup.core.consequences.suspend import Suspend
from recoup.core.consequences.write_off import WriteOff
from recoup.errors import InvalidPolicy

CONSEQUENCES: Final[Mapping[str, Consequence]] = {
    consequence.name: consequence
    for consequence in (
        Notify(),
        RestrictFeatures(),
        ReadOnly(),
        Suspend(),
        PauseCollection(),
        Downgrade(),
        Cancel(),
        WriteOff(),
    )
}


@lru_cache(maxsize=256)
def consequence(named: str) -> Consequence:
    """
    Return the consequence that a rung or a restriction names: "suspend", "downgrade:PRICE".

    Raises:
        InvalidPolicy: there is none of that name, or what stands after the colon is missing or
            one too many.
    """
    name, _, to = named.partition(":")
    found = CONSEQUENCES.get(name)
    if found is None:
        raise InvalidPolicy(f"{named!r} is not a consequence; there are {', '.join(CONSEQUENCES)}")
    if isinstance(found, Downgrade):
        if not to.strip():
            raise InvalidPolicy(f"{named!r} does not say to which price: downgrade:PRICE")
        return replace(found, to=to)
    if named != name:
        raise InvalidPolicy(f"{named!r}: {name} takes nothing after a colon")
    return found


def as_mild(fresh: str, gone: str) -> bool:
    """Return whether a consequence takes no more away than another, as rungs name the two."""
    places = [list(CONSEQUENCES).index(named.partition(":")[0]) for named in (fresh, gone)]
    return access.closes(fresh) <= access.closes(gone) and places[0] <= places[1]
