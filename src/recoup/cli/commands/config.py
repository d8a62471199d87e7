from __future__ import annotations

import click

from recoup.cli.output import as_json_option, console, emit, table
from recoup.config import Config


@click.command()
@as_json_option
def config(as_json: bool) -> None:
    """
    Show every setting: its variable, its value with secrets masked, and what it is for.

    Example: RECOUP_SCHEMA=test recoup config
    """
    shown = Config.load().shown()
    if as_json:
        names = ("name", "value", "meaning")
        rows = [(name, *rest) for name, rest in shown.items()]
        emit({"settings": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    rows = [(name, value, meaning) for name, (value, meaning) in shown.items()]
    console().print(table(("variable", "value", "meaning"), rows))
