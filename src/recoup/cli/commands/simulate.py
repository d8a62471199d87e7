"""`recoup simulate`: policies against the same simulated payers."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from recoup import policy_file, reference, wiring
from recoup.cli.output import as_json_option, console, emit, table
from recoup.cli.progress import Bar
from recoup.core.policy import Policies
from recoup.errors import ConfigError
from recoup.mail.emails import NOTICES
from recoup.simulation import FIRST, Result, contenders, engine, games, names, simulate, world
from recoup.simulation.contenders import AS_IS, DEFAULT_NAME, NOTHING, SCHEDULES, Contender
from recoup.simulation.figures import Figures
from recoup.simulation.plot import checked, plot

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT: Final = click.Path(dir_okay=False, writable=True, path_type=Path)

#: Columns of the CSV besides world and seed: plain figures of every policy.
_PLAIN: Final = (
    "name recovered by_retry by_customer share amount_share of_ceiling tries "
    "attempts_per_recovery fees_usd fees_per_recovery_usd median_days forbidden against_advice "
    "mails"
).split()


@click.command(name="simulate")
@click.option("--world", "worlds", multiple=True, type=click.Choice(names()),
              help=f"Whose payers; may be given several times.  [default: {FIRST}]")  # fmt: skip
@click.option("--payers", default=5_000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0),
              help="The same seed, the same payers.")  # fmt: skip
@click.option("--policy", "files", multiple=True, type=_FILE, help="Policies to compare besides.")
@click.option("--csv", "csv_file", type=_OUT, help="Write the figures as CSV.")
@click.option("--plot", "plot_file", type=_OUT, help="Draw recovery over days: .svg or .png.")
@as_json_option
def simulate_(
    worlds: Sequence[str],
    payers: int,
    seed: int,
    files: Sequence[Path],
    csv_file: Path | None,
    plot_file: Path | None,
    as_json: bool,
) -> None:
    """
    Let policies collect from the same simulated payers, and compare what they recover.

    Compared are the default policy, those of each --policy, fixed schedules with forbidden tries
    refused and as they are, perfect knowledge, and no tries at all. No database is needed.

    Example: recoup simulate --payers 2000 --policy policies.toml --plot recovery.svg
    """
    if plot_file is not None:
        checked(plot_file)
    for path in filter(None, (csv_file, plot_file)):
        if not path.parent.is_dir():
            raise ConfigError(f"there is no folder {path.parent}")
    compared = _compared(files)
    results = _played(tuple(dict.fromkeys(worlds)) or (FIRST,), compared, payers, seed)
    if csv_file is not None:
        _write(results, csv_file)
    if plot_file is not None:
        plot(results, plot_file)
    if as_json:
        emit({"worlds": results})
        return
    for result in results:
        _say(result)
    for path in filter(None, (csv_file, plot_file)):
        click.echo(f"Written: {path}")


def _compared(files: Sequence[Path]) -> tuple[Contender, ...]:
    rules = reference.load_rules()
    others = [engine(f.stem, _read(f), rules) for f in files]
    compared = contenders(engine(DEFAULT_NAME, Policies(), rules), others)
    called = [one.name for one in compared]
    twice = sorted({name for name in called if called.count(name) > 1})
    if twice:
        raise ConfigError(f"{', '.join(twice)} would be compared twice: rename the file")
    return compared


def _read(file: Path) -> Policies:
    policies = policy_file.load(file, mails=NOTICES)
    return replace(policies, timers=wiring.timers(policies))


def _played(
    worlds: Sequence[str], compared: Sequence[Contender], payers: int, seed: int
) -> tuple[Result, ...]:
    total = len(worlds) * games(compared) * payers
    with Bar("simulating", total) as bar:
        done = 0

        def show(played: int) -> None:
            nonlocal done
            done += played
            bar.to(done)

        return tuple(
            simulate(world(name), compared, payers=payers, seed=seed, show=show) for name in worlds
        )


def _write(results: Sequence[Result], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["world", "seed", "payers", *_PLAIN])
        for result in results:
            for one in (*result.policies, *result.cut_offs):
                row = [getattr(one, column) for column in _PLAIN]
                writer.writerow([result.world, result.seed, result.payers, *row])


def _say(result: Result) -> None:
    screen = console()
    owed = f"{result.amount_minor / 100:,.0f} USD"
    who = "1 payer who owes" if result.payers == 1 else f"{result.payers:,} payers who owe"
    screen.print(f"{result.world}: {result.words}. {who} {owed}, seed {result.seed}.")
    columns = (
        "policy", "recovered", "of best", "amount", "tries each", "fees each", "days",
        "forbidden", "mails", "by customers", "to default",
    )  # fmt: skip
    screen.print(table(columns, [_row(one) for one in result.policies]))
    classes = result.policies[0].by_class
    shown = _shown(result)
    screen.print(table(("first decline", "payers", *shown), _classes(result, classes, shown)))
    prices = [
        (one.schedule, f"{one.attempts_per_recovery:.2f}", f"{one.schedule_share:.1%}",
         f"{one.default_share:.1%}")
        for one in result.equal_price
    ]  # fmt: skip
    if prices:
        screen.print(table(("at equal tries each", "tries each", "it", "default"), prices))


def _shown(result: Result) -> list[str]:
    """Return the policies and perfect knowledge: what fixed schedules recover is above."""
    fixed = {NOTHING, *SCHEDULES, *(name + AS_IS for name in SCHEDULES)}
    return [one.name for one in result.policies if one.name not in fixed]


def _classes(
    result: Result, classes: Iterable[str], shown: Iterable[str]
) -> Iterator[tuple[str, ...]]:
    told = [result.of(name) for name in shown]
    for name in classes:
        groups = [one.by_class[name] for one in told]
        shares = (f"{one.recovered / one.failed:.1%}" for one in groups)
        yield name, f"{groups[0].failed:,}", *shares


def _row(one: Figures) -> tuple[str, ...]:
    low, high = one.to_default.low, one.to_default.high
    same = one.to_default.mean == low == high == 0
    return (
        one.name,
        f"{one.share:.1%}",
        f"{one.of_ceiling:.1%}",
        f"{one.amount_share:.1%}",
        _or_dash(one.attempts_per_recovery, ".2f"),
        _or_dash(one.fees_per_recovery_usd, ".3f"),
        _or_dash(one.median_days, ".1f"),
        f"{one.forbidden:,}",
        f"{one.mails:,}",
        f"{one.by_customer:,}",
        "–" if same else f"{100 * low:+.1f} to {100 * high:+.1f}",
    )


def _or_dash(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
