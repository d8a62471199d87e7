"""Running one effect in the caller's own process, for callers who wait for what comes of it."""

from __future__ import annotations

import logging
from typing import Final

from recoup.errors import LostClaim
from recoup.jobs import claims
from recoup.jobs.base import Fail, perform
from recoup.jobs.loop import OurDesk
from recoup.jobs.words import described

log: Final = logging.getLogger(__name__)


def carry_out(desk: OurDesk, kind: str, key: str) -> bool:
    """
    Run the effect `key` here and now, if nobody else is running it; return whether it was run.

    It is claimed like any other, so a worker that comes at the same instant finds it taken, and
    when this process dies in it the lease runs out and a worker goes on. What its handler raises
    gives it back with the reason, and is raised.
    """
    with desk.engine.begin() as connection:
        claim = claims.take(connection, kind, key, desk.handlers)
    if claim is None:
        return False
    try:
        perform(desk.handlers[kind], [claim], desk)
    except LostClaim as lost:
        log.warning("effect %d (%s): %s", claim.id, key, lost)
    except Exception as raised:
        with desk.engine.begin() as connection:
            if claims.still_held(connection, [claim]):
                desk.settle(connection, {claim: Fail(described(raised))})
        raise
    return True
