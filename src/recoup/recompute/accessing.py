"""What is opened or closed asks of systems of the host's own, where any follow."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from recoup.core import changes as ch
from recoup.core.account import BAD_DEBT, CustomerId
from recoup.core.account.access import told
from recoup.jobs import queue
from recoup.jobs.base import NewEffect
from recoup.store import access
from recoup.store.apply import Applied


def followed(
    connection: Connection, applied: Iterable[Applied], *, now: datetime
) -> list[NewEffect]:
    """
    Give the access that changed a new version; return the effects that tell the host.

    One effect a customer, however many changes. What gives something back comes before all that
    takes away: also where an effect that took away still waits, for that one then gives back.
    """
    back: dict[CustomerId, bool] = {}
    for one in applied:
        match one.change:
            case ch.Restricted():
                back.setdefault(one.customer_id, False)
            case ch.Lifted(undone=undone):
                back[one.customer_id] = back.get(one.customer_id, False) or not undone
            # Of several bad debts one may come or go, and the standing does not show it.
            case ch.CaseOpened(case=case) | ch.CaseEnded(after=case) if case.unsettled:
                back.setdefault(one.customer_id, False)
            case ch.CaseSettled():
                back[one.customer_id] = True
            case ch.StandingChanged(before=before, after=after) if told(before) != told(after):
                back[one.customer_id] = back.get(one.customer_id, False) or before == BAD_DEBT
    ids = access.changed(connection, back, now=now)
    restoring = [access.key(id) for id in ids if back[id]]
    if restoring:
        queue.prefer(connection, restoring, kind=access.RESTORE, now=now)
    kinds = {True: access.RESTORE, False: access.SYNC}
    return [
        NewEffect(kinds[back[id]], access.key(id), now, queue=access.QUEUE, customer_id=id)
        for id in ids
    ]
