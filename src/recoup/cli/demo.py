"""`recoup demo`: the whole loop, end to end, in front of one's eyes."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from recoup.config import Config

if TYPE_CHECKING:
    from rich.console import Console

    from recoup.demo.report import Report
    from recoup.demo.run import Turn


@click.command(
    epilog="Example: recoup demo --customers 2000 --days 90 --seed 7",
    short_help="Run dunning end to end with pretended customers.",
)
@click.option("--customers", default=1000, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 730))
@click.option("--seed", default=1, show_default=True, help="The same seed, the same numbers.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def demo(customers: int, days: int, seed: int, as_json: bool) -> None:
    """
    Sign up pretended customers, renew them, let payments fail, and recover what can be.

    The engine, the jobs and the database are the real ones; the payment company, the payers and
    the clock are pretended. An earlier demonstration in the same database is removed; a database
    that holds customers of a business is never touched.
    """
    from rich.console import Console  # noqa: PLC0415  slow to import

    console = Console()
    found = _played(console, customers=customers, days=days, seed=seed, quiet=as_json)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
    else:
        from recoup.cli.demo_page import page  # noqa: PLC0415  slow to import

        console.print(page(found))
    if found.invariant_violations or not found.books_match:
        raise SystemExit(1)


def _played(console: Console, *, customers: int, days: int, seed: int, quiet: bool) -> Report:
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415  slow to import

    from recoup.demo.report import report  # noqa: PLC0415  the engine
    from recoup.demo.run import play  # noqa: PLC0415  the engine
    from recoup.demo.stage import START, stage  # noqa: PLC0415  the engine
    from recoup.work import collect_seldom  # noqa: PLC0415  the engine

    collect_seldom()
    started = time.monotonic()
    columns: list[Any] = [
        BarColumn(),
        TextColumn("{task.fields[date]}  {task.fields[words]}"),
    ]
    show = not quiet and console.is_terminal
    with (
        stage(Config.load(), seed=seed) as prepared,
        Progress(*columns, console=console, disable=not show, transient=True) as progress,
    ):
        task = progress.add_task("", total=days, date=START.date(), words="")

        def turned(turn: Turn) -> None:
            progress.update(
                task,
                completed=(turn.now - START).total_seconds() / 86_400,
                date=turn.now.date(),
                words=f"{turn.signed_up:,} customers, {turn.open_cases} in default, "
                f"{turn.recovered} recovered, {turn.lost} lost",
            )

        play(prepared, customers=customers, days=days, seed=seed, show=turned)
        progress.update(task, words="checking every invariant")
        return report(
            prepared,
            customers=customers,
            days=days,
            seed=seed,
            seconds=time.monotonic() - started,
        )
