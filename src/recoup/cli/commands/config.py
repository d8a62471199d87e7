from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from recoup import plan_file, policy_file
from recoup.cli.app import WRONGLY
from recoup.cli.output import as_json_option, console, emit, printable, table
from recoup.config import Config, variable
from recoup.errors import ConfigError
from recoup.mail.emails import NOTICES


@click.command()
@as_json_option
@click.pass_context
def config(ctx: click.Context, as_json: bool) -> None:
    """
    Show every setting: its variable, its value with secrets masked, and what it is for.

    The files of policies and plans are read; exit code 2 when something is wrong with one.

    Example: RECOUP_SCHEMA=test recoup config
    """
    found = Config.load()
    shown, problems = found.shown(), list(_problems(found))
    if as_json:
        names = ("name", "value", "meaning")
        rows = [(name, *rest) for name, rest in shown.items()]
        settings = [dict(zip(names, row, strict=True)) for row in rows]
        emit({"settings": settings, "problems": problems})
    else:
        lines = [(name, value, meaning) for name, (value, meaning) in shown.items()]
        console().print(table(("variable", "value", "meaning"), lines))
    for one in problems:
        click.echo(f"{one['name']}: {printable(one['problem'])}", err=True)
    ctx.exit(WRONGLY if problems else 0)


def _problems(found: Config) -> Iterator[dict[str, str]]:
    """Yield what is wrong with a file that a setting names."""
    readers: tuple[tuple[str, Path | None, Callable[[Path], object]], ...] = (
        ("policy", found.policy, lambda file: policy_file.load(file, mails=NOTICES)),
        ("plans", found.plans, plan_file.load),
    )
    for name, file, read in readers:
        try:
            if file is not None:
                read(file)
        except ConfigError as error:
            yield {"name": variable(name), "problem": str(error)}
