"""What is bought, changed: commands of the group `subscriptions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks, reads
from recoup.cli.commands.gates import gated
from recoup.cli.reading import ADDED, CHANGED, PRICE
from recoup.core.billing.requests import ItemChange, Proration
from recoup.core.billing.views import Preview, Subscription

_Command = Callable[..., None]
_WHEN: dict[str, Literal["now", "period_end"]] = {"now": "now", "period-end": "period_end"}


def _when(_ctx: click.Context, _param: click.Parameter, given: str) -> str:
    return _WHEN[given]


def _timed(command: _Command) -> _Command:
    """Give a change when it happens, and what becomes of the rest of the period."""
    proration = click.option(
        "--proration",
        type=click.Choice(get_args(Proration)),
        default="invoice_now",
        show_default=True,
        help="The rest of the period: lines on the next invoice, an invoice now, or nothing.",
    )
    when = click.option(
        "--when",
        type=click.Choice(list(_WHEN)),
        default="now",
        show_default=True,
        callback=_when,
        help="When it changes.",
    )
    return when(proration(command))


def _by_item(command: _Command) -> _Command:
    """Give a change its items, as the argument `items`."""
    for name, form, words in (
        ("--remove", None, "Take this item away; may be repeated, as the others."),
        ("--set", CHANGED, "Let an item have another price or quantity."),
        ("--add", ADDED, "Add an item."),
    ):
        option = click.option(
            name, name[2:] + "_items", type=form, multiple=True, help=words,
            metavar="ITEM" if form is None else None,
        )  # fmt: skip
        command = option(command)
    return command


def _items(told: dict[str, Any]) -> tuple[ItemChange, ...] | None:
    """Take the items out of what was said; None: there are none."""
    gone = tuple(ItemChange(item, removed=True) for item in told.pop("remove_items"))
    return (*told.pop("set_items"), *gone, *told.pop("add_items")) or None


def _prices(command: _Command) -> _Command:
    option = click.option(
        "--price",
        "prices",
        type=PRICE,
        multiple=True,
        help="All that is to be bought; may be repeated.",
    )
    return option(command)


@click.command()
@click.argument("subscription")
@_prices
@_by_item
@_timed
@reads
def preview(recoup: Recoup, subscription: str, prices: Any, **told: Any) -> Preview:
    """
    Show what a change would bill; `change --preview ID` bills exactly that.

    Example: recoup subscriptions preview sub_123 --price price_team:5
    """
    listed = _items(told)
    return recoup.subscriptions.preview_change(
        subscription, prices=prices or None, items=listed, **told
    )


@click.command()
@click.argument("subscription")
@click.option("--preview", metavar="ID", help="What was shown. Or:")
@_prices
@_by_item
@_timed
@click.option("--allow-duplicate", is_flag=True, help="Although the customer has this plan.")
@asks
@gated
def change(recoup: Recoup, subscription: str, prices: Any, **told: Any) -> Subscription:
    """
    Change what is bought, as a preview showed it or as said here.

    Example: recoup subscriptions change sub_123 --price price_team:5 --when period-end
    """
    listed = _items(told)
    return recoup.subscriptions.change_plan(
        subscription, prices=prices or None, items=listed, **told
    )


@click.command()
@click.argument("subscription")
@click.argument("quantity", type=int)
@click.option("--item", help="Of this item; needed where there are several.")
@_timed
@asks
def quantity(recoup: Recoup, subscription: str, quantity: int, **told: Any) -> Subscription:
    """
    Change how many are bought.

    Example: recoup subscriptions quantity sub_123 8
    """
    return recoup.subscriptions.set_quantity(subscription, quantity, **told)


@click.command()
@click.argument("subscription")
@_by_item
@_timed
@click.option("--allow-duplicate", is_flag=True, help="Although the customer has this plan.")
@asks
def items(recoup: Recoup, subscription: str, **told: Any) -> Subscription:
    """
    Add items, change them, take them away. What is not named stays.

    Example: recoup subscriptions items sub_123 --add price_extra:2 --set si_1=:3 --remove si_2
    """
    listed = _items(told)
    if listed is None:
        raise click.UsageError("expected --add, --set or --remove")
    return recoup.subscriptions.set_items(subscription, listed, **told)
