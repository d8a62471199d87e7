"""
Handing campaigns over to their engines, in the transaction of the decision.

Who opened the case is elected by that very write, since only one case of a scope may be open; a
loser's transaction gives up before it gets here. The rows and the host's events are written by
then. An engine that fails changes nothing of the decision: what is due is decided from the rows.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.campaigns import Campaign, Engines
from recoup.campaigns.base import planned
from recoup.core import changes as ch
from recoup.core.account import Account, Case
from recoup.core.policy import Policies
from recoup.store.apply import Applied
from recoup.telemetry import span

log: Final = logging.getLogger(__name__)

_ByEngine = defaultdict[str | None, list[Campaign]]


@dataclass(slots=True)
class Handover:
    """What a batch of decisions has to tell the engines: campaigns begun, and called off."""

    policies: Policies
    now: datetime
    begun: _ByEngine = field(default_factory=lambda: defaultdict(list))
    over: _ByEngine = field(default_factory=lambda: defaultdict(list))

    def take(self, account: Account, applied: Iterable[Applied]) -> None:
        """Take what was decided about one account, which is as it should be."""
        for one in applied:
            for case, begins in _campaigns(one.change):
                made = planned(case, account, policies=self.policies, now=self.now)
                (self.begun if begins else self.over)[case.engine].append(made)

    def tell(self, connection: Connection, engines: Engines) -> None:
        """Tell the engines: first what is over, for a moved anchor is both."""
        if not (self.begun or self.over):
            return
        begun = sum(map(len, self.begun.values()))
        over = sum(map(len, self.over.values()))
        log.debug("%d campaigns begin, %d are over", begun, over)
        with span("campaigns", begun=begun, over=over):
            engines.cancel(connection, self.over)
            engines.start(connection, self.begun)


def _campaigns(change: ch.Change) -> Iterator[tuple[Case, bool]]:
    """Yield the campaigns that a change ends and begins: the case, and whether it begins."""
    match change:
        case ch.CaseOpened(case=case) if case.open:
            yield case, True
        case ch.CaseEnded(before=before):
            yield before, False
        case ch.CaseMoved(before=before, after=after):
            if (before.anchor, before.policy) != (after.anchor, after.policy):
                yield before, False
                yield after, True
