"""The demonstration's report, as a person enjoys reading it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recoup.core.money import Money
from recoup.demo.report import Report

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_CLASS_WORDS: Final = {
    "soft": "no funds, or no reason given",
    "hard": "the card is dead",
    "action_required": "the bank wants the holder",
    "fraud": "lost or stolen",
    "technical": "a bank was down",
    "consent_withdrawn": "the customer withdrew consent",
    "unknown": "a code nobody knows",
}


def page(report: Report) -> RenderableType:
    """Return the report for a terminal."""
    return Group(*_parts(report))


def _parts(report: Report) -> Iterator[RenderableType]:
    yield Text()
    yield Text.assemble(
        (f"{report.customers:,} customers over {report.days} days", "bold"),
        f", seed {report.seed}, in {report.seconds:.0f} s",
    )
    yield Text()
    if not report.failed_obligations:
        yield Text("No payment failed. Try more customers, or more days.")
    else:
        yield _outcome(report)
        yield Text()
        yield _classes(report)
        yield Text()
        yield _how(report)
        yield Text()
        yield from _curve(report)
    yield _checks(report)
    yield from (Text(f"  {violation}", style="red") for violation in report.violations)
    yield Text()
    if report.worth_a_look is not None:
        yield Text.assemble(
            "Ask why a customer is in its state:  ",
            (f"recoup explain {report.worth_a_look}", "bold cyan"),
        )


def _outcome(report: Report) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(min_width=34)
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_row(
        "payments failed", f"{report.failed_obligations:,}", _money(report, report.failed_amount)
    )
    share = report.recovered_amount / report.failed_amount if report.failed_amount else 0
    table.add_row(
        Text("recovered", style="bold green"),
        f"{report.recovered_obligations:,}",
        f"{_money(report, report.recovered_amount)}  ({share:.0%})",
    )
    table.add_row("still being collected", f"{report.open:,}")
    table.add_row("given up after 28 days", f"{report.exhausted:,}")
    table.add_row("the customer left, or it was voided", f"{report.left:,}")
    return table


def _classes(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("why the first try failed", min_width=34)
    for name in ("failed", "recovered", "share"):
        table.add_column(name, justify="right")
    rows = sorted(report.by_class.items(), key=lambda item: -item[1].failed)
    for name, row in rows:
        words = _CLASS_WORDS.get(name, name)
        share = f"{row.recovered / row.failed:.0%}"
        table.add_row(f"{words}", f"{row.failed:,}", f"{row.recovered:,}", share)
    return table


def _how(report: Report) -> Text:
    how = ", ".join(f"{count:,} by {name}" for name, count in report.by_how.items())
    mails = ", ".join(
        f"{count:,} {name.removeprefix('dunning_').replace('_', ' ')}"
        for name, count in report.mails.items()
    )
    return Text(
        f"how      {how or 'nothing yet'}\n"
        f"tries    {report.attempts:,} made by Recoup, "
        f"{report.attempts_per_recovery:.1f} for each one that succeeded\n"
        f"mails    {mails or 'none'}"
    )


def _curve(report: Report) -> Iterator[Text]:
    """Yield a small chart: what share of all that was recovered came in by which day."""
    total = max(report.recovered_by_day, default=0)
    if not total:
        return
    yield Text("recovered on each day after the failure", style="dim")
    daily = [report.recovered_by_day[0], *(b - a for a, b in pairwise(report.recovered_by_day))]
    yield from (Text(line, style="green") for line in _bars(daily, height=4))
    yield Text("".join(f"{day:<7}" for day in range(0, len(daily), 7)), style="dim")
    yield Text()


def _bars(values: Sequence[int], *, height: int) -> Iterator[str]:
    top = max(values)
    levels = [value * height * 8 // top for value in values]
    for row in range(height - 1, -1, -1):
        yield "".join(_EIGHTHS[min(max(level - row * 8, 0), 8)] for level in levels)


def _checks(report: Report) -> Text:
    good = not report.invariant_violations and report.books_match
    return Text.assemble(
        ("✓ " if good else "✗ ", "bold green" if good else "bold red"),
        f"{report.forbidden_attempts} forbidden tries, {report.false_restrictions} customers "
        f"restricted who owed nothing, {report.invariant_violations} violations of "
        f"{report.invariants_checked} invariants, books "
        f"{'match' if report.books_match else 'DO NOT match'} the processor's",
    )


def _money(report: Report, minor: int) -> str:
    amount, currency = str(Money(minor, report.currency)).split()
    whole, _, cents = amount.partition(".")
    return f"{int(whole):,}.{cents} {currency}"
