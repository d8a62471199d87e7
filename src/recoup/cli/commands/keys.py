from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks_without_key, only, reads
from recoup.cli.output import Listing, parts
from recoup.cli.reading import INSTANT, SPAN
from recoup.store import keys as rows
from recoup.store.keys import GRACE, SCOPES, Key, Shown

_COLUMNS = ("id", "name", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at")
_DENIALS = ("hour", "key_id", "name", "endpoint", "reason", "times", "last_at", "last_request")


@click.group()
def keys() -> None:
    """
    Give keys of the API, roll and revoke them. KEY is an id or a name.

    Example: recoup keys list
    """


@keys.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, metavar="SCOPE",
    help=f"May be repeated: {', '.join(SCOPES)}.",
)  # fmt: skip
@click.option("--expires", "expires_at", type=INSTANT, help="When it ends; else never.")
@asks_without_key
def create(
    recoup: Recoup, name: str, scopes: tuple[str, ...], expires_at: datetime | None
) -> dict[str, Any]:
    """
    Make a key and show it, this once. The ledger calls who acts with it key:NAME.

    Example: recoup keys create shop --scope customers:read --scope subscriptions:write
    """
    with recoup.database.begin() as connection:
        return _shown(
            rows.create(
                connection,
                name,
                scopes,
                actor=recoup.office.actor,
                now=recoup.clock.now(),
                expires_at=expires_at,
            )
        )


@keys.command("list")
@click.option("--all", "over", is_flag=True, help="Those that are over too.")
@reads
def list_(recoup: Recoup, over: bool) -> Listing:
    """
    List the keys that open something, without their secrets.

    Example: recoup keys list --all
    """
    with recoup.database.connect() as connection:
        found = rows.listing(connection, over=over, now=recoup.clock.now())
    return only("keys", found, _COLUMNS)


@keys.command()
@click.argument("key")
@asks_without_key
def revoke(recoup: Recoup, key: str) -> Key:
    """
    Let a key open nothing any more, at once and everywhere.

    Example: recoup keys revoke shop
    """
    with recoup.database.begin() as connection:
        return rows.revoke(connection, key, actor=recoup.office.actor, now=recoup.clock.now())


@keys.command()
@click.argument("key")
@click.option("--grace", type=SPAN, help="How long the old one goes on.  [1d]")
@asks_without_key
def roll(recoup: Recoup, key: str, grace: timedelta | None) -> dict[str, Any]:
    """
    Make a key in the place of another one and show it, this once; the old one goes on a while.

    Example: recoup keys roll shop --grace 1h
    """
    with recoup.database.begin() as connection:
        return _shown(
            rows.roll(
                connection,
                key,
                actor=recoup.office.actor,
                now=recoup.clock.now(),
                grace=GRACE if grace is None else grace,
            )
        )


@keys.command()
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@reads
def denied(recoup: Recoup, limit: int) -> Listing:
    """
    List attempts at changing something that were refused, by the hour, newest first.

    Example: recoup keys denied
    """
    with recoup.database.connect() as connection:
        return only("denials", rows.denials(connection, limit=limit), _DENIALS)


def _shown(made: Shown) -> dict[str, Any]:
    return {"key": made.text, **parts(made.key)}
