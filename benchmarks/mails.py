"""
How many mails a second are rendered, HTML and text, against the bare template engine filling the
same layouts with words that were made before.

    python -m benchmarks --only mails

All types in turn, in one process, each for another customer: another name, sum, number of an
invoice and day, and of every language that mails are written in. Both see the same mails by turns,
so that both see the same machine; the first ones, for which files are read and templates compiled,
are not counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from recoup.core.money import Money
from recoup.mail import template
from recoup.mail.base import Email
from recoup.mail.emails import EMAILS
from recoup.mail.language.locales import SHIPPED
from recoup.mail.layout import engine
from recoup.work import collect_seldom

MAILS = 8_400
WARM = 400
FLOORS = {"mails_per_s": 400.0}
CEILINGS = {"ratio_to_bare_templates": 2.5}


def run(_: str) -> dict[str, Any]:
    """Measure both on the same mails."""
    collect_seldom()
    layout = engine.ours()
    ours = bare = 0.0
    largest = 0
    for number, mail in enumerate(_mails(MAILS + WARM)):
        started = time.perf_counter()
        rendered = template.render(mail)
        ours_took = time.perf_counter() - started
        words = template.words(mail)
        started = time.perf_counter()
        layout.fill(words)
        bare_took = time.perf_counter() - started
        if number >= WARM:
            ours += ours_took
            bare += bare_took
        largest = max(largest, len(rendered.html.encode()))
    return {
        "mails_per_s": MAILS / ours,
        "bare_templates_per_s": MAILS / bare,
        "ratio_to_bare_templates": ours / bare,
        "largest_html_bytes": largest,
    }


def _mails(count: int) -> Iterator[Email]:
    samples = [email.sample() for email in EMAILS.values()]
    for number in range(count):
        sample = samples[number % len(samples)]
        facts = sample.facts
        yield replace(
            sample,
            facts=replace(
                facts,
                name=f"Customer {number}",
                amount=facts.amount and Money(facts.amount.minor + number, "EUR"),
                owed=tuple(Money(sum.minor + number, "EUR") for sum in facts.owed),
                invoices=tuple(f"INV-{number}" for _ in facts.invoices),
                at=facts.at and facts.at + timedelta(hours=number),
                locale=SHIPPED[number // len(samples) % len(SHIPPED)],
            ),
        )
