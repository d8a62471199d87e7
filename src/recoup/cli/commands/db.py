from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Engine

from recoup.cli.output import as_json_option, emit
from recoup.config import Config
from recoup.store import database, embedded


@click.group()
def db() -> None:
    """
    Manage the schema and the embedded server.

    Example: recoup db upgrade
    """


@db.command()
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """
    Bring the schema to this version, or to REVISION. Safe to run again, and by several at once.

    Example: recoup db upgrade
    """
    with _engine() as engine:
        before = database.current(engine)
        database.upgrade(engine, revision)
        after = database.current(engine)
    if before == after:
        click.echo(f"The schema is at {after} already.")
    else:
        click.echo(f"The schema went from {before or 'nothing'} to {after}.")


@db.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask.")
def downgrade(revision: str, yes: bool) -> None:
    """
    Take the schema back to REVISION; "base" removes every table and all that is in them.

    Example: recoup db downgrade base --yes
    """
    with _engine() as engine:
        before = database.current(engine)
        if before is None:
            click.echo("There is no schema to take back.")
            return
        if not yes:
            click.confirm(f"Take the schema from {before} to {revision}? Data is lost", abort=True)
        database.downgrade(engine, revision)
        after = database.current(engine)
    click.echo(f"The schema went from {before} to {after or 'nothing'}.")


@db.command()
@as_json_option
@click.pass_context
def current(ctx: click.Context, as_json: bool) -> None:
    """
    Show which version the schema is at; exit 1 when it is not this code's.

    Example: recoup db current
    """
    with _engine() as engine:
        found, wanted = database.current(engine), database.newest()
    if as_json:
        emit({"current": found, "newest": wanted, "is_current": found == wanted})
    elif found == wanted:
        click.echo(f"The schema is at {found}, the newest.")
    else:
        click.echo(f"The schema is at {found or 'nothing'}, this version needs {wanted}.")
        click.echo("Run `recoup db upgrade`.")
    ctx.exit(0 if found == wanted else 1)


@db.command()
def stop() -> None:
    """
    Stop the embedded server. The next command starts it again.

    Example: recoup db stop
    """
    config = Config.load()
    if config.database_url is not None:
        click.echo("RECOUP_DATABASE_URL names a server; only the embedded one is stopped here.")
    elif embedded.stop(config.home):
        click.echo(f"The embedded server under {config.home} is stopped.")
    else:
        click.echo(f"No embedded server runs under {config.home}.")


@contextmanager
def _engine() -> Iterator[Engine]:
    config = Config.load()
    engine = database.connect(database.database_url(config), schema=config.schema_name)
    try:
        yield engine
    finally:
        engine.dispose()
