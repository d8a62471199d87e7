"""
The documents that mails bring.

They are looked up before the mails' own transaction is open. A mail whose document is still being
made waits for it a little, and goes without when that takes too long: then its button leads to
where the document is.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.core.documents import Kind
from recoup.effects import document
from recoup.effects._papers import Papers
from recoup.effects.base import World
from recoup.errors import DocumentsUnreachable, NotFound
from recoup.jobs import queue
from recoup.jobs.base import Desk, NewEffect
from recoup.store import documents
from recoup.store.documents import Paper, Wanted

log: Final = logging.getLogger(__name__)

#: Type of mail -> the document that it brings.
BRINGS: Final[Mapping[str, str]] = {
    "invoice_finalized": Kind.INVOICE.value,
    "invoice_paid": Kind.RECEIPT.value,
    "receipt": Kind.RECEIPT.value,
    "refund_issued": Kind.CREDIT_NOTE.value,
}
TYPE: Final = "application/pdf"
#: After so long a mail looks again whether its document is there.
AGAIN: Final = timedelta(seconds=5)
#: After so many that could not be had, no more are asked for in a batch: where a store is down,
#: its silence would otherwise add up, and hold up the mails that bring nothing.
ENOUGH: Final = 3


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that comes with a mail."""

    name: str
    type: str
    content: bytes

    @property
    def parts(self) -> tuple[str, str, bytes]:
        return self.name, self.type, self.content


@dataclass(frozen=True, slots=True)
class Wait:
    """Its document is being made: look again at `until` (UTC)."""

    until: datetime
    reason: str = "its document is being made"


def attached(
    world: World, desk: Desk, mail_ids: Collection[int]
) -> Mapping[int, Attachment | Wait]:
    """
    Return, by mail, what it brings or that it is to wait; one that is not there brings nothing.

    What is missing is asked for. A document is waited for as long as `Papers.patience` says, from
    when the mail was queued. No transaction may be open. Whatever goes wrong here, mails go out.
    """
    papers = world.papers
    if papers is None or not papers.on or not mail_ids:
        return {}
    try:
        return _looked_up(papers, desk, mail_ids)
    except Exception:
        log.exception("the documents of %d mails could not be looked up", len(mail_ids))
        return {}


def _looked_up(
    papers: Papers, desk: Desk, mail_ids: Collection[int]
) -> Mapping[int, Attachment | Wait]:
    now = desk.now()
    ready: dict[int, Paper] = {}
    missing: list[NewEffect] = []
    found: dict[int, Attachment | Wait] = {}
    with desk.engine.begin() as connection:
        brings = documents.mails(connection, mail_ids, BRINGS)
        for one in brings:
            paper = _issued(connection, one.wanted)
            if paper is None:
                missing.append(document.wanted(one.wanted, now))
            else:
                ready[one.mail_id] = paper
        queue.enqueue(connection, missing, now=now)
    lacking = 0
    for one in brings:
        paper = ready.get(one.mail_id) if lacking < ENOUGH else None
        file = None if paper is None else _file(papers, paper)
        lacking += paper is not None and file is None
        if file is not None:
            found[one.mail_id] = file
        elif now < one.queued_at + papers.patience:
            found[one.mail_id] = Wait(now + AGAIN)
    return found


def _issued(connection: Connection, wanted: Wanted) -> Paper | None:
    of = None if wanted.refund_id is None else f"refund:{wanted.refund_id}"
    return documents.newest(connection, wanted.invoice_id, wanted.kind, subject=of)


def _file(papers: Papers, paper: Paper) -> Attachment | None:
    """Return a document as a file; None: it can not be had just now."""
    try:
        return Attachment(paper.filename, TYPE, papers.content(paper))
    except (NotFound, DocumentsUnreachable) as error:
        log.warning("document %d can not be attached: %s", paper.id, error)
        return None
