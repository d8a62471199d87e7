from __future__ import annotations

from pathlib import Path

import click

from recoup.cli.opening import stored
from recoup.cli.output import as_json_option, emit, listed
from recoup.cli.progress import Bar
from recoup.store import chain


@click.group()
def ledger() -> None:
    """
    Verify the ledger, and anchor it outside.

    Example: recoup ledger verify
    """


@ledger.command()
@click.option(
    "--against",
    "kept",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Heads kept by an earlier checkpoint: the ledger must go on from there.",
)
@as_json_option
@click.pass_context
def verify(ctx: click.Context, kept: Path | None, as_json: bool) -> None:
    """
    Compute every hash anew and follow every chain. Exit code 1 when anything was changed.

    Example: recoup ledger verify --against heads.txt
    """
    with stored() as engine, engine.connect() as connection, Bar("verifying", None) as bar:
        report = chain.verify(connection, progress=bar.to)
        problems = report.problems
        if kept is not None:
            with kept.open(encoding="ascii") as lines:
                problems += chain.against(connection, lines)
    if as_json:
        emit({"entries": report.entries, "customers": report.customers, "problems": problems})
    else:
        listed(
            ("customer", "entry", "what"),
            [(one.customer_id, one.seq, one.what) for one in problems],
            empty=f"{report.entries} entries of {report.customers} customers are sound.",
            more=f"{len(problems)} problems in {report.entries} entries.",
        )
    ctx.exit(1 if problems else 0)


@ledger.command()
@click.option(
    "--heads",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every customer's newest entry here, for `verify --against`.",
)
@as_json_option
def checkpoint(heads: Path | None, as_json: bool) -> None:
    """
    Print one hash over the whole ledger. Keep it where whoever owns the database cannot write.

    Example: recoup ledger checkpoint --heads heads.txt
    """
    with stored() as engine, engine.connect() as connection:
        if heads is None:
            digest = chain.checkpoint(connection)
        else:
            lines = list(chain.heads(connection))
            heads.write_text("".join(lines), encoding="ascii")
            digest = chain.digest_of(lines)
    if as_json:
        emit({"sha256": digest, "heads": None if heads is None else str(heads)})
    else:
        click.echo(digest)
