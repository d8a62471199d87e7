"""How many documents of one page are set in a second, and what the first one costs."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from recoup import pdf
from recoup.core.documents import BillLine, Document, Kind, Party, Tax
from recoup.pdf.freezing import frozen

FLOORS = {"per_second": 25}
CEILINGS = {"grown_mb": 200}

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
VAT = Tax(931, Decimal(19), "standard_rated")


def document(number: int, lines: int = 8) -> Document:
    line = BillLine(
        "Team plan", 4900, 7, taxes=(VAT,), begins=NOON, ends=NOON + timedelta(days=30)
    )
    return Document(
        kind=Kind.INVOICE,
        number=f"F-{number:06d}",
        invoice=f"F-{number:06d}",
        issued_at=NOON,
        currency="EUR",
        seller=Party("Beispiel GmbH", ("Invalidenstraße 1", "10115 Berlin"), "DE", None, "DE1"),
        buyer=Party(f"Customer {number}", ("Road 1", "London"), "GB", "ada@example.com"),
        lines=(line,) * lines,
        taxes=(replace(VAT, amount=931 * lines),),
        subtotal=4900 * lines,
        discount=0,
        total=5831 * lines,
        due_at=NOON + timedelta(days=14),
    )


def rate(count: int, make: Callable[[int], object]) -> float:
    began = time.perf_counter()
    for number in range(count):
        make(number)
    return count / (time.perf_counter() - began)


def run(_: Callable[[str], str]) -> dict[str, Any]:
    began = time.perf_counter()
    pdf.render(document(0))
    first = time.perf_counter() - began
    for number in range(50):
        pdf.render(document(number), locale=pdf.SHIPPED[number % len(pdf.SHIPPED)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    plain = rate(400, lambda n: pdf.render(document(n)))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tags = pdf.SHIPPED
    return {
        "first_seconds": first,
        "per_second": plain,
        "per_second_all_languages": rate(
            140, lambda n: pdf.render(document(n), locale=tags[n % len(tags)])
        ),
        "per_second_as_data": rate(100, lambda n: pdf.render(document(n), as_data=True)),
        "frozen_per_second": rate(2000, lambda n: frozen(document(n))),
        "seconds_of_1000_lines": 1 / rate(1, lambda n: pdf.render(document(n, 1000))),
        "grown_mb": (after - before) / 1024,
    }
