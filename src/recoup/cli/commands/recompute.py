from __future__ import annotations

from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.opening import opened
from recoup.cli.output import as_json_option, emit, printable
from recoup.core.changes import Change
from recoup.recompute import proposed
from recoup.store.queries import customers


@click.command()
@click.argument("references", nargs=-1, required=True, metavar="CUSTOMER...")
@click.option("--dry-run", is_flag=True, help="Say what would change; write nothing.")
@as_json_option
@click.pass_context
def recompute(
    ctx: click.Context, references: tuple[str, ...], dry_run: bool, as_json: bool
) -> None:
    """
    Decide on customers again, now, and say what changed.

    CUSTOMER is our id, the processor's id, or owner_type:owner_id. Running it twice changes
    nothing the second time. Exit code 1 when a customer could not be decided on.

    Example: recoup recompute --dry-run cus_123
    """
    with opened() as recoup:
        with recoup.database.connect() as connection:
            ids = {customers.find(connection, given): given for given in references}
        found = _proposed(recoup, ids) if dry_run else _done(recoup, ids)
    if as_json:
        emit({"dry_run": dry_run, "customers": found})
    else:
        for one in found:
            _say(one, dry_run=dry_run)
    ctx.exit(1 if any(one["failed"] for one in found) else 0)


def _done(recoup: Recoup, ids: dict[int, str]) -> list[dict[str, Any]]:
    run = recoup.recompute(ids, trigger="operator")
    return [
        _told(id, given, run.changes.get(id, ()), run.failed.get(id)) for id, given in ids.items()
    ]


def _proposed(recoup: Recoup, ids: dict[int, str]) -> list[dict[str, Any]]:
    found = []
    for id, given in ids.items():
        with recoup.database.connect() as connection:
            try:
                made = proposed(connection, id, engine=recoup.engine, now=recoup.clock.now())
            except Exception as problem:  # noqa: BLE001  whatever it is, it is this customer's
                found.append(_told(id, given, (), f"{type(problem).__name__}: {problem}"))
            else:
                changes, reasons = (made.changes, made.decision.reasons) if made else ((), ())
                found.append(_told(id, given, changes, None) | {"reasons": list(reasons)})
    return found


def _told(id: int, given: str, changes: tuple[Change, ...], failed: str | None) -> dict[str, Any]:
    words = [change.words for change in changes]
    return {"id": id, "customer": given, "changes": words, "failed": failed}


def _say(one: dict[str, Any], *, dry_run: bool) -> None:
    name = printable(one["customer"])
    if one["failed"]:
        click.echo(f"{name}: could not be decided on: {printable(one['failed'])}", err=True)
        return
    if not one["changes"]:
        click.echo(f"{name}: nothing {'would change' if dry_run else 'changed'}.")
        return
    click.echo(f"{name}: {'this would change' if dry_run else 'this changed'}:")
    for words in one["changes"]:
        click.echo(f"  • {printable(words)}")
    for words in one.get("reasons", ()):
        click.echo(f"    {printable(words)}")
