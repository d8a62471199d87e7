from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime

import click

from recoup.cli.opening import opened
from recoup.cli.output import as_json_option, console, emit, iso_instant, table
from recoup.cli.progress import Bar
from recoup.core.money import Money
from recoup.metrics import NUMBERS, Table
from recoup.metrics.base import Cell
from recoup.metrics.desk import Metrics

#: A cell that begins so is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: How the name of a column of minor units ends.
_AMOUNTS = ("amount", "fees")


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--since", type=iso_instant, help="First instant that counts; by default ever.")
@click.option("--until", type=iso_instant, help="First that counts no more; by default now.")
@click.option("--list", "listing", is_flag=True, help="Only say which numbers there are.")
@click.option("--csv", "as_csv", is_flag=True, help="Print one number as CSV.")
@as_json_option
@click.pass_context
def metrics(
    ctx: click.Context,
    names: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    listing: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """
    Count what was recovered, what it took, and what waits. All numbers, or those that are named.

    Exit code 1 when a number that must be 0 is not. Formulas: docs/metrics.md.

    Example: recoup metrics recovery --since 2026-01-01
    """
    if listing:
        _list(as_json=as_json)
        return
    if as_csv and as_json:
        raise click.UsageError("--json or --csv, not both")
    if as_csv and len(names) != 1:
        raise click.UsageError("--csv prints one number: name it.")
    with opened() as recoup:
        found = list(_counted(recoup.metrics, names, since, until))
    if as_csv:
        rows = csv.writer(sys.stdout)
        rows.writerow(found[0].columns)
        rows.writerows([_harmless(cell) for cell in row] for row in found[0].rows)
    elif as_json:
        emit({"metrics": found})
    else:
        for one in found:
            _say(one)
    ctx.exit(1 if any(one.wrong for one in found) else 0)


def _counted(
    metrics: Metrics, names: tuple[str, ...], since: datetime | None, until: datetime | None
) -> Iterator[Table]:
    with Bar("counting", len(names) or len(NUMBERS)) as bar:
        for done, one in enumerate(metrics.each(names, since=since, until=until), 1):
            bar.to(done)
            yield one


def _list(*, as_json: bool) -> None:
    if as_json:
        emit({"metrics": [{"name": one.name, "title": one.title} for one in NUMBERS]})
        return
    console().print(table(("name", "what it counts"), [(one.name, one.title) for one in NUMBERS]))


def _say(one: Table) -> None:
    click.echo(f"{one.name}: {one.title}{' (must be 0)' if one.wrong else ''}")
    if one.rows:
        columns = [column.replace("_", " ") for column in one.columns]
        console().print(table(columns, [_people(one.columns, row) for row in one.rows]))
    else:
        click.echo("  Nothing to count.\n")


def _people(columns: Sequence[str], row: Sequence[Cell]) -> list[object]:
    """Return a row with its amounts as people write them, by the currency that it names."""
    told = dict(zip(columns, row, strict=True))
    currency = told.get("currency")
    return [
        str(Money(cell, str(currency)))
        if currency and isinstance(cell, int) and column.endswith(_AMOUNTS)
        else cell
        for column, cell in told.items()
    ]


def _harmless(cell: object) -> object:
    """Return the cell as no spreadsheet takes it for a formula; figures stay figures."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
