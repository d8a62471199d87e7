from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import named, reads
from recoup.cli.output import parts
from recoup.core.links import LASTS, Purpose
from recoup.links import Opened


@click.group()
def links() -> None:
    """
    Give a customer a signed link: to pay, to change the payment method, to see what is due.

    Example: recoup links make user:42 --purpose pay
    """


@links.command()
@click.argument("customer")
@click.option(
    "--purpose",
    type=click.Choice([str(one) for one in Purpose]),
    default=Purpose.PAY.value,
    show_default=True,
    help="The one thing it is for.",
)
@click.option("--scope", help="What the debt bought: subscription:7, invoice:3 [all that is due].")
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    help=f"How long it holds [RECOUP_LINK_DAYS, {LASTS.days}].",
)
@reads
def make(
    recoup: Recoup, customer: str, purpose: str, scope: str | None, days: int | None
) -> dict[str, Any]:
    """
    Make a link. Whoever has it may do what it is for: give it to the customer alone.

    Example: recoup links make user:42 --purpose pay --scope subscription:7
    """
    lasts = None if days is None else timedelta(days=days)
    made = recoup.links.make(named(recoup, customer), purpose, scope=scope, lasts=lasts)
    return {name: value for name, value in parts(made).items() if name != "token"}


@links.command()
@click.argument("token")
@reads
def read(recoup: Recoup, token: str) -> Opened:
    """
    Say what the link with this TOKEN, its last part, is for. It is not used by that.

    Example: recoup links read v1.cGF5fDF8MTc3Mj.d5e3b4a1e7ba
    """
    return recoup.links.read(token.rpartition("/")[2])
