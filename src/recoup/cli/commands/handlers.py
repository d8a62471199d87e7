from __future__ import annotations

import click

from recoup.cli.opening import opened, stored
from recoup.cli.output import as_json_option, emit, listed
from recoup.errors import NotFound
from recoup.jobs import listing, queue
from recoup.store.events import outbox


@click.group()
def handlers() -> None:
    """
    Look at the functions of yours that are told of events, and forget those that are gone.

    Example: recoup handlers list
    """


@handlers.command("list")
@as_json_option
def list_(as_json: bool) -> None:
    """
    List what is told of which events, and how many deliveries wait or were given up.

    Example: recoup handlers list
    """
    with stored() as engine, engine.connect() as connection:
        found = outbox.handlers(connection)
        counts = listing.counts(connection)

    def number(name: str, state: str) -> int:
        return counts.get((state, outbox.KIND + name), 0)

    rows = [
        (name, types, number(name, "scheduled"), number(name, "parked"))
        for name, types in found.items()
    ]
    if as_json:
        names = ("name", "types", "waiting", "parked")
        emit({"handlers": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    listed(
        ("name", "is told of", "waiting", "parked"),
        [(name, ", ".join(types), waiting, parked) for name, types, waiting, parked in rows],
        empty="No function is told of anything.",
        more=None,
    )


@handlers.command()
@click.argument("name")
@as_json_option
def forget(name: str, as_json: bool) -> None:
    """
    Tell a function of nothing more, and give up what waits for it. For one that is not there
    any more: a process that still has it brings it back when it starts.

    Example: recoup handlers forget shop.grant_credits
    """
    with opened() as recoup, recoup.database.begin() as connection:
        if not outbox.unregister(connection, name):
            known = ", ".join(outbox.handlers(connection)) or "none"
            raise NotFound(f"no handler is called {name!r}; there are {known}")
        reason = "its handler was forgotten"
        now = recoup.clock.now()
        done = queue.cancel(connection, reason=reason, now=now, kind=outbox.KIND + name)
    if as_json:
        emit({"forgotten": name, "canceled": done})
    else:
        click.echo(f"Forgotten; {done} that waited were given up.")
