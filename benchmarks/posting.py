"""
How fast one worker posts mails that were queued all at once, and whether each arrives once.

    python -m benchmarks --only posting

10,000 customers in dunning are due a notice on the same day. Each mail is checked against fresh
rows, rendered, handed to an SMTP server in another process, noted, recorded in the ledger, and its
customer decided on again.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from benchmarks._population import NOON, populate
from benchmarks._sink import Sink, sink
from recoup.billing import Recoup
from recoup.config import Config
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import FakeProcessor
from recoup.work import collect_seldom

MAILS: Final = 10_000
#: When everybody's next notice is due, at an hour when people may be written to.
DUE: Final = NOON + timedelta(days=4)
FLOORS: Final = {"mails_per_s": 150.0}
CEILINGS: Final = {"lost": 0.0, "doubled": 0.0}


def run(url: str, *, mails: int = MAILS) -> dict[str, Any]:
    """Measure; every mail's way from its row to the server's yes and back onto record."""
    collect_seldom()
    populate(url, count=mails, every=1)
    with sink() as server, tempfile.TemporaryDirectory(prefix="recoup-posting-") as folder:
        home = Path(folder)
        config = Config.load(
            database_url=url, home=home, smtp_url=f"smtp://127.0.0.1:{server.port}"
        )
        with (
            FakeProcessor(home / "books.sqlite3") as fake,
            Recoup(config, processor=fake, clock=TestClock(DUE)) as recoup,
        ):
            recoup.sweep()
            queued = _count(recoup, "SELECT count(*) FROM mails WHERE state = 'queued'")
            if queued < mails:
                raise RuntimeError(f"{queued} mails were queued, not {mails}")
            began = time.perf_counter()
            recoup.worker(["mail"]).drain()
            spent = time.perf_counter() - began
            return {"mails": queued, "mails_per_s": queued / spent, **_checked(recoup, server)}


def _checked(recoup: Recoup, server: Sink) -> dict[str, int]:
    """Return what the rows say was sent and did not arrive, and what arrived oftener than once."""
    arrived = Counter(server.taken())
    with recoup.database.connect() as connection:
        sent = set(connection.scalars(text("SELECT message_id FROM mails WHERE state = 'sent'")))
        left = connection.scalar(text("SELECT count(*) FROM mails WHERE state = 'queued'")) or 0
    return {
        "lost": len(sent - set(arrived)) + int(left),
        "doubled": sum(arrived.values()) - len(arrived),
    }


def _count(recoup: Recoup, sql: str) -> int:
    with recoup.database.connect() as connection:
        return int(connection.scalar(text(sql)) or 0)
