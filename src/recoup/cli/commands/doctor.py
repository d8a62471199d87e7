from __future__ import annotations

import click

from recoup.cli.findings import examined
from recoup.cli.output import as_json_option, console, emit, printable
from recoup.config import Config

_SIGNS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "wrong": ("✗", "red")}


@click.command()
@as_json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """
    Look for what is wrong with the settings, the database and the work, and say what helps.

    Each finding is ok, warn or wrong. Exit code 1 when something is wrong.

    Example: recoup doctor
    """
    found = examined(Config.load())
    wrong = sum(one.level == "wrong" for one in found)
    if as_json:
        emit({"findings": found, "wrong": wrong})
    else:
        from rich.text import Text  # noqa: PLC0415  it is slow

        screen = console()
        for one in found:
            sign, colour = _SIGNS[one.level]
            screen.print(Text.assemble((sign, colour), f" {one.name}: {printable(one.what)}"))
            if one.help:
                screen.print(Text(f"    {printable(one.help)}", style="dim"))
        screen.print(f"\n{wrong} wrong." if wrong else "\nNothing is wrong.")
    ctx.exit(1 if wrong else 0)
