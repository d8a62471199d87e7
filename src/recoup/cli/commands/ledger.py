from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import reads
from recoup.cli.opening import stored
from recoup.cli.output import Listing, as_json_option, emit, listed
from recoup.cli.progress import Bar
from recoup.cli.reading import INSTANT
from recoup.store import chain


@click.group()
def ledger() -> None:
    """
    Read what happened and what was true, verify the ledger, and anchor it outside.

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


@ledger.command()
@click.argument("customer")
@click.option("--subject", help='Only this one, "invoice:7".')
@click.option("--until", type=INSTANT, help="Only what was recorded up to this instant.")
@reads
def timeline(
    recoup: Recoup, customer: str, subject: str | None, until: datetime | None
) -> Listing:
    """
    Tell what was recorded about a customer, oldest first.

    Example: recoup ledger timeline user:42 --subject subscription:7
    """
    found = recoup.ledger.timeline(customer, subject=subject, until=until)
    return Listing("entries", found, ("seq", "recorded_at", "subject", "type", "actor", "cause"))


@ledger.command()
@click.argument("customer")
@click.argument("instant", type=INSTANT, metavar="ISO")
@reads
def as_of(recoup: Recoup, customer: str, instant: datetime) -> dict[str, dict[str, Any]]:
    """
    Show everything about a customer as it was held at an instant.

    Example: recoup ledger as-of user:42 2026-03-01T12:00:00Z
    """
    return recoup.ledger.state_as_of(customer, instant)
