from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click

from recoup import policy_file, wiring
from recoup.billing import Recoup
from recoup.cli.opening import opened
from recoup.cli.output import as_json_option, console, emit, printable, table
from recoup.cli.progress import Bar
from recoup.core.dunning import differences
from recoup.core.dunning.conditions import ALWAYS, When
from recoup.core.dunning.rehearsal import Rehearsed
from recoup.core.policy import Choice, Policies, Policy
from recoup.errors import ConfigError, InvalidPolicy
from recoup.mail.emails import NOTICES
from recoup.recompute import rehearsing
from recoup.store.queries import cases

#: More are counted, and listed with --json.
SHOWN = 50

_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def policy() -> None:
    """
    Look at a file of dunning policies before it is used.

    Example: recoup policy check policies.toml
    """


@policy.command()
@_FILE
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
        loaded = policy_file.load(file, mails=NOTICES)
        wiring.timers(loaded)
        choices = loaded.choices
    except ConfigError as error:
        problem = str(error)
    if as_json:
        emit({"policies": [_plain(choice) for choice in choices], "problem": problem})
    elif problem is not None:
        click.echo(problem, err=True)
    else:
        for choice in choices:
            _say(choice)
    ctx.exit(1 if problem else 0)


@policy.command()
@_FILE
@as_json_option
@click.pass_context
def diff(ctx: click.Context, file: Path, as_json: bool) -> None:
    """
    Say what a file of policies changes against those in use, by name and field.

    Exit code 1 when it would be refused at the start: a version says something else than the one
    of the same name that is kept already.

    Example: recoup policy diff policies.toml
    """
    with opened() as recoup:
        others, used = _read(file, recoup), recoup.engine.policies
    found = differences.between(used.choices, others.choices)
    clashes = [
        one.policy.name
        for one in others.choices
        if (kept := _kept(used, one.policy.name)) is not None and kept != one.policy
    ]
    if as_json:
        emit({"differences": list(found), "raise_version": clashes})
    else:
        for words in found or ("Nothing changes.",):
            click.echo(words)
        for name in clashes:
            click.echo(f"{name} is kept with another text: raise its version.", err=True)
    ctx.exit(1 if clashes else 0)


@policy.command("dry-run")
@_FILE
@as_json_option
@click.pass_context
def dry_run(ctx: click.Context, file: Path, as_json: bool) -> None:
    """
    Say what a file of policies would make of running cases, now. Nothing is written.

    Running cases keep their version; this shows each as if it were moved to the one that the file
    chooses for it: where it would stand, which notices would go out, and what would be restricted
    or lifted. Exit code 1 when somebody would be restricted sooner, or can not be decided on.

    Example: recoup policy dry-run policies.toml
    """
    found: list[Rehearsed] = []
    failed: list[tuple[int, str]] = []
    with opened() as recoup:
        others = _read(file, recoup)
        with recoup.database.connect() as connection:
            total = cases.how_many_debtors(connection)
        with Bar("deciding", total) as bar:
            seen = 0
            for batch in rehearsing.under(
                recoup.database, others, engine=recoup.engine, now=recoup.clock.now()
            ):
                seen += batch.customers
                found += batch.cases
                failed += batch.failed
                bar.to(seen)
    sooner = [one for one in found if one.sooner or one.imposed]
    if as_json:
        listed = [asdict(one) for one in found if one.changed]
        lost = [{"customer_id": id, "why": why} for id, why in failed]
        emit({"cases": len(found), "sooner": len(sooner), "changed": listed, "failed": lost})
    else:
        _tell(found, failed)
    ctx.exit(1 if sooner or failed else 0)


def _read(file: Path, recoup: Recoup) -> Policies:
    """Return the file's policies as a start would have them: collectors named, timers loaded."""
    try:
        return wiring.policies(policy_file.load(file, mails=NOTICES), {}, recoup.processor)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


def _kept(used: Policies, name: str) -> Policy | None:
    try:
        return used.named(name)
    except InvalidPolicy:
        return None


def _tell(found: Iterable[Rehearsed], failed: Iterable[tuple[int, str]]) -> None:
    every = list(found)
    changed = [one for one in every if one.changed]
    if changed:
        rows = [
            (str(one.customer_id), one.scope, one.other, "; ".join(_words(one)))
            for one in changed[:SHOWN]
        ]
        console().print(table(("customer", "scope", "policy", "what would change"), rows))
    if len(changed) > SHOWN:
        click.echo(f"… and {len(changed) - SHOWN} more: --json lists all.")
    sooner = sum(1 for one in changed if one.sooner or one.imposed)
    click.echo(
        f"{len(every)} running cases; {len(changed)} would change, {sooner} restricted sooner."
    )
    for id, why in failed:
        click.echo(f"customer {id} can not be decided on: {printable(why)}", err=True)


def _words(one: Rehearsed) -> Iterator[str]:
    if one.rung != one.would_stand:
        yield f"{one.rung or 'no rung'} -> {one.would_stand or 'no rung'}"
    yield from (f"send {step}" for step in one.notices)
    yield from (f"restrict: {name}" for name in one.imposed)
    yield from (f"lift: {name}" for name in one.lifted)
    if one.sooner:
        yield f"sooner: {one.sooner}"


def _plain(choice: Choice) -> dict[str, object]:
    rollout = {} if choice.rollout is None else {"rollout": choice.rollout}
    return policy_file.table(choice.policy) | {"applies_to": _wanted(choice)} | rollout


def _wanted(choice: Choice) -> dict[str, str]:
    names = ("plan", "segment", "currency", "country")
    return {name: getattr(choice, name) for name in names if getattr(choice, name)}


def _say(choice: Choice) -> None:
    made = choice.policy
    wanted = ", ".join(f"{name} {value}" for name, value in _wanted(choice).items())
    members = "" if choice.rollout is None else f" in the rollout {choice.rollout}"
    click.echo(f"{made.name}, for {wanted or 'everybody'}{members}")
    who = {None: "the processor where it does so by itself, else Recoup", "recoup": "Recoup"}
    tries = who.get(made.collector, "the processor")
    click.echo(f"Who tries again: {tries}. Timer: {made.timer}.")
    rows = sorted(_rows(made), key=lambda row: row[0])
    console().print(
        table(("after", "what happens"), [(_days(after), what) for after, what in rows])
    )


def _rows(made: Policy) -> Iterator[tuple[timedelta, str]]:
    for step in made.steps:
        warns = f", warns of {step.announces}" if step.announces else ""
        by = "" if step.channels == ("mail",) else f", by {' and '.join(step.channels)}"
        yield step.after, f"notice {step.key} ({step.mail}){warns}{by}{_if(step.when)}"
    for rung in made.ladder:
        names = [f"{name}{_if(rung.when(name))}" for name in rung.consequences]
        yield rung.after, f"rung {rung.name}: {', '.join(names)}"


def _if(when: When) -> str:
    return "" if when == ALWAYS else f" if {differences.condition(when)}"


def _days(after: timedelta) -> str:
    hours = after % timedelta(days=1) // timedelta(hours=1)
    return f"{after.days} d {hours} h" if hours else f"{after.days} d"
