from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click

from recoup import policy_file
from recoup.cli.output import as_json_option, console, emit, table
from recoup.core.policy import Choice, Policy
from recoup.errors import InvalidPolicy
from recoup.mail.emails import NOTICES


@click.group()
def policy() -> None:
    """
    Check a file of dunning policies before it is used.

    Example: recoup policy check policies.toml
    """


@policy.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json_option
@click.pass_context
def check(ctx: click.Context, file: Path, as_json: bool) -> None:
    """
    Read a TOML file of policies and show what it says. Exit code 1 when it contradicts itself.

    Example: recoup policy check policies.toml
    """
    problem: str | None = None
    choices: tuple[Choice, ...] = ()
    try:
        choices = policy_file.load(file, mails=NOTICES).choices
    except InvalidPolicy as error:
        problem = str(error)
    if as_json:
        emit({"policies": [_plain(choice) for choice in choices], "problem": problem})
    elif problem is not None:
        click.echo(problem, err=True)
    else:
        for choice in choices:
            _say(choice)
    ctx.exit(1 if problem else 0)


def _plain(choice: Choice) -> dict[str, object]:
    return policy_file.table(choice.policy) | {"applies_to": _wanted(choice)}


def _wanted(choice: Choice) -> dict[str, str]:
    names = ("plan", "segment", "currency", "country")
    return {name: getattr(choice, name) for name in names if getattr(choice, name)}


def _say(choice: Choice) -> None:
    made = choice.policy
    wanted = ", ".join(f"{name} {value}" for name, value in _wanted(choice).items())
    click.echo(f"{made.name}, for {wanted or 'everybody'}")
    rows = sorted(_rows(made), key=lambda row: row[0])
    console().print(
        table(("after", "what happens"), [(_days(after), what) for after, what in rows])
    )


def _rows(made: Policy) -> Iterator[tuple[timedelta, str]]:
    for step in made.steps:
        warns = f", warns of {step.announces}" if step.announces else ""
        yield step.after, f"notice {step.key} ({step.mail}){warns}"
    for rung in made.ladder:
        yield rung.after, f"rung {rung.name}: {', '.join(rung.consequences)}"


def _days(after: timedelta) -> str:
    hours = after % timedelta(days=1) // timedelta(hours=1)
    return f"{after.days} d {hours} h" if hours else f"{after.days} d"
