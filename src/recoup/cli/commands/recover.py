from __future__ import annotations

from datetime import datetime

import click

from recoup.cli.opening import opened, refuse_a_demonstration
from recoup.cli.output import as_json_option, emit, iso_instant
from recoup.cli.progress import Bar
from recoup.errors import InvalidValue
from recoup.webhooks.recovering import Recovered


@click.command()
@click.option("--since", type=iso_instant, required=True, help="From this instant on.")
@as_json_option
def recover(since: datetime, as_json: bool) -> None:
    """
    Take in what happened at the processor and did not arrive, and decide on everybody concerned.

    First the events that it still lists (30 days), then its objects as they are now. Killed, the
    next run goes on where it stopped; run twice, the second changes nothing.

    Example: recoup recover --since 2026-03-01
    """
    with opened() as recoup:
        refuse_a_demonstration(recoup)
        if since > recoup.clock.now():
            raise InvalidValue(f"--since {since.isoformat()}: that is still to come")
        with Bar("recovering", None) as bar:
            found = recoup.recover(since, progress=lambda _, looked: bar.to(looked))
    if as_json:
        emit({"missed": found.missed, "recovered": found})
    else:
        _say(found)


def _say(found: Recovered) -> None:
    click.echo(
        f"{found.events} events had not arrived. Of {found.looked_at} objects looked at "
        f"{sum(found.objects.values())} were otherwise than we knew. "
        f"Decided on {found.customers} customers."
    )
    for kind, count in sorted(found.objects.items()):
        click.echo(f"  {count} × {kind.replace('_', ' ')}")
