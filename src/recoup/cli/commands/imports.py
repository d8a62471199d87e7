from __future__ import annotations

from datetime import datetime

import click

from recoup import work
from recoup.billing import Recoup
from recoup.cli.opening import opened, refuse_a_demonstration
from recoup.cli.output import as_json_option, emit, iso_instant, printable
from recoup.cli.progress import Bar
from recoup.errors import InvalidValue
from recoup.webhooks.importing import Imported
from recoup.webhooks.owning import Owned, OwnersFrom
from recoup.work import Rehearsal


@click.command("import")
@click.argument("processor")
@click.option("--since", type=iso_instant, help="Invoices closed since then too, not only open.")
@click.option(
    "--owner-from", metavar="KEY", help="Link customers to the owner whose id their metadata has."
)
@click.option("--owner-type", default="user", show_default=True, help="Of those owners.")
@click.option("--go", is_flag=True, help="Let happen what the import said would happen.")
@as_json_option
@click.pass_context
def import_(
    ctx: click.Context,
    processor: str,
    since: datetime | None,
    owner_from: str | None,
    owner_type: str,
    go: bool,
    as_json: bool,
) -> None:
    """
    Take over an account that exists: customers, methods, coupons, subscriptions, open invoices
    and their payments.

    Nothing is decided, charged or sent. It ends by saying what would be; --go then lets it
    happen. Until then nothing is decided about anybody it made known. Killed, the next run goes
    on where it stopped. Exit code 1 when somebody could not be decided on.

    Example: recoup import stripe --since 2026-01-01 --owner-from user_id
    """
    if go and owner_from is not None:
        raise click.UsageError("--owner-from links while importing: run that first, then --go")
    owners = None if owner_from is None else OwnersFrom(owner_from, owner_type)
    with opened() as recoup:
        refuse_a_demonstration(recoup)
        if processor != recoup.processor.name:
            raise InvalidValue(
                f"{processor}: this installation works with {recoup.processor.name}; "
                "RECOUP_PROCESSOR says with whom"
            )
        if go:
            _go(recoup, as_json)
            return
        with Bar("importing", None) as bar:
            found = recoup.imports.run(
                since=since, owners=owners, progress=lambda _, looked: bar.to(looked)
            )
        would = work.rehearsed(
            recoup.database,
            recoup.imports.everybody(),
            engine=recoup.engine,
            now=recoup.clock.now(),
        )
    if as_json:
        emit({"imported": found, "would": would})
    else:
        _say(found, would)
    ctx.exit(1 if would.failed else 0)


def _go(recoup: Recoup, as_json: bool) -> None:
    with Bar("deciding", None) as bar:
        count = recoup.imports.go(progress=lambda _, decided: bar.to(decided))
    if as_json:
        emit({"decided": count})
    else:
        click.echo(f"Decided on {count} customers. A worker does what follows: recoup worker")


def _say(found: Imported, would: Rehearsal) -> None:
    news = "New or otherwise than known:" if found.objects else "None told anything new."
    click.echo(f"Looked at {found.looked_at} objects. {news}")
    for kind, count in sorted(found.objects.items()):
        click.echo(f"  {count} × {kind.replace('_', ' ')}")
    if found.owners is not None:
        _say_owners(found.owners)
    click.echo(
        f"Nothing was decided. Of {would.customers} customers something would change about "
        f"{would.changed}{':' if would.changes else '.'}"
    )
    for name, count in sorted(would.changes.items()):
        click.echo(f"  {count} × {name}")
        for words in would.examples[name]:
            click.echo(f"      {printable(words)}")
    if would.failed:
        click.echo(f"{would.failed} could not be decided on: recoup recompute --dry-run ID")
    if would.customers:
        click.echo("To let it happen, run the same with --go.")
    else:
        click.echo("Nobody is held, so there is nothing left to let happen.")


def _say_owners(found: Owned) -> None:
    click.echo(f"Linked {found.linked} customers to their owners.")
    if found.conflicts:
        click.echo(f"{len(found.conflicts)} could not be linked, and stay as they are:")
    for one in found.conflicts:
        click.echo(f"  customer {one.customer}: {printable(one.reason)}")
