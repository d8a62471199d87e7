from __future__ import annotations

from pathlib import Path

import click

from recoup import plan_file
from recoup.cli.output import as_json_option, console, emit, table
from recoup.config import Config
from recoup.core.billing.catalogue import NOTHING_SOLD, Catalogue
from recoup.errors import InvalidPlans


@click.group()
def plans() -> None:
    """
    Check a file of plans before it is used, and show what is sold.

    Example: recoup plans check plans.toml
    """


@plans.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json_option
@click.pass_context
def check(ctx: click.Context, file: Path, as_json: bool) -> None:
    """
    Read a TOML file of plans and show what it says. Exit code 1 when it contradicts itself.

    Example: recoup plans check plans.toml
    """
    problem: str | None = None
    sold = NOTHING_SOLD
    try:
        sold = plan_file.load(file)
    except InvalidPlans as error:
        problem = str(error)
    if as_json:
        emit({**plan_file.table(sold), "problem": problem})
    elif problem is not None:
        click.echo(problem, err=True)
    else:
        _say(sold)
    ctx.exit(1 if problem else 0)


@plans.command()
@as_json_option
def show(as_json: bool) -> None:
    """
    Show the plans in use: those of RECOUP_PLANS.

    Example: recoup plans show --json
    """
    file = Config.load().plans
    sold = NOTHING_SOLD if file is None else plan_file.load(file)
    if as_json:
        emit(plan_file.table(sold))
    elif file is None:
        click.echo("Nothing is sold: RECOUP_PLANS is unset.")
    else:
        _say(sold)


def _say(sold: Catalogue) -> None:
    shown = plan_file.table(sold)["plans"]
    rows = [
        (
            name,
            sorted(sold.plans[name].prices),
            [_told(sold, feature) for feature in plan["features"]],
            [f"{limit} {bound}" for limit, bound in plan["limits"].items()],
        )
        for name, plan in shown.items()
    ]
    console().print(table(("plan", "prices", "features", "limits"), rows))


def _told(sold: Catalogue, feature: str) -> str:
    kind = sold.kinds.get(feature)
    return feature if kind is None else f"{feature} ({kind})"
