from __future__ import annotations

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks_without_key, maybe, page, reads
from recoup.cli.opening import opened
from recoup.cli.output import Listing, as_json_option, emit, page_options
from recoup.cli.progress import Bar
from recoup.drift import Repaired, Scanned
from recoup.store.drift import CLASSES, Finding

_COLUMNS = (
    "id", "customer_id", "class_", "subject", "field", "stored", "expected", "cause", "times",
    "state", "first_seen",
)  # fmt: skip


@click.group()
def drift() -> None:
    """
    Look for differences that stay, and repair them.

    Example: recoup drift scan
    """


@drift.command()
@click.option("--processor", is_flag=True, help="Walk through what the processor shows, too.")
@click.option("--thorough", is_flag=True, help="Fold every ledger, also unchanged ones.")
@click.option("--repair", is_flag=True, help="Repair what is confirmed; the rest become tasks.")
@as_json_option
@click.pass_context
def scan(ctx: click.Context, processor: bool, thorough: bool, repair: bool, as_json: bool) -> None:
    """
    Walk all customers and keep what differs; a scan that was stopped goes on.

    Only repairs change anything, and only for members of the rollout drift_repair. Exit code 1
    when anything differs.

    Example: recoup drift scan --json
    """
    with opened() as recoup:
        with Bar("scanning", None) as bar:
            found = recoup.drift.scan(processor=processor, thorough=thorough, progress=bar.to)
        done = recoup.drift.repair() if repair else None
        left = recoup.drift.findings(limit=1)
    if as_json:
        emit({"scan": found, "repair": done})
    else:
        _say(found, done)
    ctx.exit(1 if left else 0)


@drift.command("list")
@click.option("--customer", help="Only this customer's.")
@click.option("--class", "class_", type=click.Choice([str(one) for one in CLASSES]), help="Only.")
@click.option("--all", "ended", is_flag=True, help="Those that are over too.")
@click.option("--confirmed", is_flag=True, help="Only what has lasted and was seen twice.")
@page_options
@reads
def list_(
    recoup: Recoup, customer: str | None, class_: str | None, ended: bool, confirmed: bool,
    after: int, limit: int,
) -> Listing:  # fmt: skip
    """
    List what differs: what is stored, what should be, and who was there last.

    Example: recoup drift list --confirmed
    """
    found = recoup.drift.findings(
        customer=maybe(recoup, customer), class_=class_, ended=ended, confirmed=confirmed,
        after=after, limit=limit + 1,
    )  # fmt: skip
    return page("findings", found, limit, _COLUMNS)


@drift.command()
@click.argument("finding", type=int)
@reads
def show(recoup: Recoup, finding: int) -> Finding:
    """
    Show one finding.

    Example: recoup drift show 7
    """
    return recoup.drift.get(finding)


@drift.command()
@asks_without_key
def repair(recoup: Recoup) -> Repaired:
    """
    Repair what is confirmed, for members of the rollout drift_repair; the rest become tasks.

    Example: recoup drift repair
    """
    return recoup.drift.repair()


def _say(found: Scanned, done: Repaired | None) -> None:
    looked = f" and {found.looked_at} objects of the processor" if found.looked_at else ""
    click.echo(
        f"Looked at {found.customers} customers{looked}. {found.open} things differ, "
        f"{found.confirmed} of them for a while."
    )
    if not found.finished:
        click.echo("It was stopped; the next scan goes on from there.")
    if done is not None:
        click.echo(
            f"Customers: {done.repaired} repaired, {done.task} given to a person, {done.waits} "
            f"wait, {done.shadow} in the shadow, {done.off} left because the rollout is off."
        )
    if found.open:
        click.echo("recoup drift list shows them.")
