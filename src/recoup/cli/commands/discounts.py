"""What lowers a subscription's price: a part of the group `subscriptions`."""

from __future__ import annotations

from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks
from recoup.core.billing.views import Subscription


@click.group()
def discount() -> None:
    """
    Lower a subscription's invoices, from the next one on.

    Example: recoup subscriptions discount apply sub_123 --coupon SPRING
    """


@discount.command()
@click.argument("subscription")
@click.option("--coupon", help="This coupon. Or:")
@click.option("--promotion-code", help="What the customer typed.")
@asks
def apply(recoup: Recoup, subscription: str, **told: Any) -> Subscription:
    """
    Apply a coupon or a promotion code; it replaces any other discount.

    Example: recoup subscriptions discount apply sub_123 --promotion-code HELLO10
    """
    return recoup.subscriptions.apply_discount(subscription, **told)


@discount.command()
@click.argument("subscription")
@asks
def remove(recoup: Recoup, subscription: str, key: str | None) -> Subscription:
    """
    Take the discount away.

    Example: recoup subscriptions discount remove sub_123
    """
    return recoup.subscriptions.remove_discount(subscription, key=key)
