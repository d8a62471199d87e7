from __future__ import annotations

from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import named, reads
from recoup.cli.opening import opened
from recoup.cli.output import as_json_option, emit
from recoup.store.queries.access import Reference


@click.group()
def entitlements() -> None:
    """
    What customers may use. Whoever is unknown may use nothing.

    Example: recoup entitlements show user:42
    """


@entitlements.command()
@click.argument("customer")
@reads
def show(recoup: Recoup, customer: str) -> dict[str, Any]:
    """
    Show every feature that a customer may use now, and every limit; null has no bound.

    Example: recoup entitlements show user:42
    """
    who, told = named(recoup, customer), recoup.entitlements
    return {
        "customer": who,
        "features": sorted(told.features(who)),
        "limits": {name: told.limit(who, name) for name in sorted(recoup.plans.limits)},
    }


@entitlements.command()
@click.argument("customer")
@click.argument("feature")
@as_json_option
@click.pass_context
def check(ctx: click.Context, customer: str, feature: str, as_json: bool) -> None:
    """
    Tell whether a customer may use FEATURE now. Exit code 0 for yes, 1 for no.

    Example: recoup entitlements check user:42 export
    """
    with opened() as recoup:
        may = recoup.entitlements.entitled(_reference(customer), feature)
    _say(ctx, may, as_json=as_json, entitled=may)


@entitlements.command()
@click.argument("customer")
@click.argument("limit")
@click.argument("used", type=click.IntRange(0))
@as_json_option
@click.pass_context
def within(ctx: click.Context, customer: str, limit: str, used: int, as_json: bool) -> None:
    """
    Tell whether USED in all is within LIMIT. Exit code 0 for yes, 1 for no.

    Whether one more may be added is asked with one more.

    Example: recoup entitlements within user:42 seats 11
    """
    with opened() as recoup:
        who, told = _reference(customer), recoup.entitlements
        may, bound = told.within(who, limit, used), told.limit(who, limit)
    _say(ctx, may, as_json=as_json, within=may, limit=bound)


def _reference(customer: str) -> Reference:
    kind, colon, owner = customer.partition(":")
    return (kind, owner) if colon else customer


def _say(ctx: click.Context, may: bool, *, as_json: bool, **told: Any) -> None:
    if as_json:
        emit(told)
    else:
        click.echo("yes" if may else "no")
    ctx.exit(0 if may else 1)
