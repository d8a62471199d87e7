"""
Makes a document and keeps it, so that it is frozen soon after its cause and there for mails.

The clock `documents` finds what was issued, paid or given back lately; a mail that brings a
document asks for it as well. Either way the effect is the same one. What fails is tried again and
parked in the end: no mail and no payment waits for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from recoup.effects.base import World
from recoup.errors import ConfigError, InvalidValue, NotFound, RecoupError
from recoup.jobs import queue
from recoup.jobs.base import (
    Cancel,
    Claim,
    Desk,
    Done,
    Fail,
    Handler,
    NewEffect,
    Park,
    Scalar,
    Wish,
)
from recoup.jobs.words import described
from recoup.store import documents
from recoup.store.documents import Wanted

QUEUE: Final = "documents"
#: What happened longer ago is made when somebody asks for it: an import is no reason to set
#: documents for weeks.
LATELY: Final = timedelta(hours=72)
#: Documents that the clock asks for at once.
MOST: Final = 1000


def handler(world: World) -> Handler:
    """Return how effects of kind `document` are run."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        for claim in claims:
            wish = _made(world, claim)
            with desk.engine.begin() as connection:
                desk.settle(connection, {claim: wish})

    return Handler(run, batch=20, aside=True)


def wanted(one: Wanted, now: datetime) -> NewEffect:
    """Return the effect that makes a document."""
    args: dict[str, Scalar] = {
        "invoice_id": one.invoice_id,
        "kind": one.kind,
        "refund_id": one.refund_id,
    }
    return NewEffect("document", documents.key(one), now, QUEUE, one.customer_id, args)


def want_all(desk: Desk) -> int:
    """Have every document made that is still missing of what happened lately; return how many."""
    now = desk.now()
    with desk.engine.begin() as connection:
        found = documents.wanting(connection, since=now - LATELY, limit=MOST)
        return queue.enqueue(connection, [wanted(one, now) for one in found], now=now)


def _made(world: World, claim: Claim) -> Wish:
    if world.papers is None:
        return Cancel("nobody makes documents here")
    invoice, kind, refund = (claim.args.get(name) for name in ("invoice_id", "kind", "refund_id"))
    try:
        made = world.papers.pdf(
            int(invoice or 0), kind=str(kind), refund=None if refund is None else int(refund)
        )
    except NotFound as error:
        return Cancel(str(error))
    except (ConfigError, InvalidValue) as error:
        return Park(str(error))
    except RecoupError as error:
        return Fail(str(error))
    except Exception as error:  # noqa: BLE001  one document must not stop the others
        return Fail(described(error))
    return Done({"document_id": made.id})
