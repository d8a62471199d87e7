"""
How many events a second are stored and absorbed, and how much memory that takes.

    python benchmarks/ingest.py postgresql://…

Works in a schema of its own, which it drops. Events are as large as Stripe's own, in whole lives:
a customer, a method, a subscription, and invoices that fail and are paid in the end.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.engine import make_url

from recoup.processors.stripe.reader import read
from recoup.store import database
from recoup.testing import events
from recoup.webhooks.receive import ingest

SCHEMA: Final = "recoup_benchmark"
FLOORS: Final = {"events_per_s": 2500.0}
CEILINGS: Final = {"memory_growth_mb": 50.0}
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DAY: Final = 86400
#: Growth is counted from here on: by then every cache and buffer has its size.
_WARM: Final = 10_000


def run(url: str, *, count: int = 100_000) -> dict[str, Any]:
    """Measure; return the figures, the limits, and whether all are kept (`ok`)."""
    engine = database.connect(
        make_url(url).set(drivername="postgresql+psycopg"), schema=SCHEMA, pool_size=2
    )
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
    database.upgrade(engine)
    memory: list[float] = []

    def progress(lines: int) -> None:
        if lines >= _WARM:
            memory.append(_resident_mb())

    source = Path(f"/tmp/recoup-ingest-{count}.jsonl")
    try:
        source.write_bytes(b"\n".join(lines(count)))
        with source.open("rb") as stream:
            begun = time.perf_counter()
            summary = ingest(
                engine,
                "stripe",
                stream,
                read=read,
                now=NOW,
                on_absorbed=lambda *_: None,
                progress=progress,
            )
            seconds = time.perf_counter() - begun
    finally:
        source.unlink(missing_ok=True)
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
        engine.dispose()
    measured = {
        "events": summary.lines,
        "applied": summary.applied,
        "events_per_s": round(summary.lines / seconds, 1),
        "memory_growth_mb": round(max(memory) - memory[0], 1) if memory else 0.0,
    }
    kept = (
        summary.applied == count
        and measured["events_per_s"] >= FLOORS["events_per_s"]
        and measured["memory_growth_mb"] <= CEILINGS["memory_growth_mb"]
    )
    return measured | {"floors": FLOORS, "ceilings": CEILINGS, "ok": kept}


def lines(count: int) -> Iterator[bytes]:
    """Yield `count` different events of about 3 KB."""
    made = 0
    for number in range(count):
        for told in _life(number):
            if made == count:
                return
            made += 1
            yield events.line(told)


def _life(n: int) -> Iterator[dict[str, Any]]:
    """Yield one customer's events: two months, one failure, and the payment that ends it."""
    customer, subscription, start = f"cus_{n:07}", f"sub_{n:07}", events.NEW_YEAR + n % 3600
    told = iter(range(100))

    def event(type: str, object: dict[str, Any], at: int) -> dict[str, Any]:
        whole = _sample(object["object"]) | object
        return events.event(type, whole, id=f"evt_{n:07}_{next(told):02}", at=at)

    yield event("customer.created", events.customer(customer), start)
    method = events.payment_method(f"pm_{customer}", customer)
    yield event("payment_method.attached", method, start + 1)
    for month in range(2):
        at = start + month * 30 * _DAY
        kind = "created" if month == 0 else "updated"
        shown = events.subscription(subscription, customer, start=at, end=at + 30 * _DAY)
        yield event(f"customer.subscription.{kind}", shown, at)
        invoice, intent = f"in_{n:07}_{month}", f"pi_{n:07}_{month}"
        named = {"subscription": subscription, "payment_intent": intent}
        yield event("invoice.finalized", events.invoice(invoice, customer, **named), at)
        if month:
            refused = events.charge(
                f"ch_{n:07}_f", customer, payment_intent=intent, status="failed", at=at + 3600
            )
            yield event("charge.failed", refused, at + 3600)
            owed = events.invoice(invoice, customer, attempt_count=1, **named)
            yield event("invoice.payment_failed", owed, at + 3600)
            due = events.subscription(subscription, customer, status="past_due", start=at)
            yield event("customer.subscription.updated", due, at + 3601)
            at += 3 * _DAY
        paid = events.charge(f"ch_{n:07}_{month}", customer, payment_intent=intent, at=at)
        yield event("charge.succeeded", paid, at)
        yield event(
            "invoice.paid",
            events.invoice(invoice, customer, status="paid", at=at, **named),
            at,
        )


@cache
def _sample(kind: str) -> dict[str, Any]:
    """Return Stripe's own sample of an object, without what newer versions lack."""
    whole = json.loads((files("recoup.data") / "stripe_fixtures.json").read_text())
    sample: dict[str, Any] = whole["resources"][kind]
    return {name: value for name, value in sample.items() if name != "subscription"}


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


if __name__ == "__main__":
    result = run(sys.argv[1])
    print(json.dumps(result, indent=2))
    sys.exit(0 if result["ok"] else 1)
