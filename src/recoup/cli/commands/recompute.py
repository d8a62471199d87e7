from __future__ import annotations

from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import actor_option, refusals
from recoup.cli.opening import opened
from recoup.cli.output import as_json_option, emit, printable
from recoup.core.changes import Change
from recoup.recompute import proposed
from recoup.store.queries import customers


@click.command()
@click.argument("references", nargs=-1, required=True, metavar="CUSTOMER...")
@click.option("--dry-run", is_flag=True, help="Say what would change; write nothing.")
@click.option("--reason", default="asked for by hand", show_default=True, help="Why; it is kept.")
@click.option("--key", help="The same call with the same key decides once. For one CUSTOMER.")
@actor_option
@as_json_option
@click.pass_context
def recompute(
    ctx: click.Context,
    references: tuple[str, ...],
    dry_run: bool,
    reason: str,
    key: str | None,
    actor: str,
    as_json: bool,
) -> None:
    """
    Decide on customers again, now, and say what changed.

    CUSTOMER is our id, the processor's id, or owner_type:owner_id. Running it twice changes
    nothing the second time. Exit code 1 when a customer could not be decided on.

    Example: recoup recompute --dry-run cus_123
    """
    if key is not None and len(references) > 1:
        raise click.UsageError("--key is for one CUSTOMER: each of many has one of its own")
    with refusals(as_json=as_json), opened() as recoup:
        with recoup.database.connect() as connection:
            ids = {customers.find(connection, given): given for given in references}
        found = (
            _proposed(recoup, ids) if dry_run else _done(recoup.acting_as(actor), ids, reason, key)
        )
    if as_json:
        emit({"dry_run": dry_run, "customers": found})
    else:
        for one in found:
            _say(one, dry_run=dry_run)
    ctx.exit(1 if any(one["failed"] for one in found) else 0)


def _done(
    recoup: Recoup, ids: dict[int, str], reason: str, key: str | None
) -> list[dict[str, Any]]:
    found = []
    for id, given in ids.items():
        made = recoup.dunning.recompute_now(id, reason=reason, key=key)
        told = {"id": id, "customer": given, "changes": list(made.changes)}
        found.append(told | {"failed": made.failed})
    return found


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
