"""What waits for a payment or for its day: commands of the group `subscriptions`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, get_args

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks, maybe, named, page, reads
from recoup.cli.output import Listing, page_options
from recoup.cli.reading import INSTANT, PRICE, SPAN, metadata_option
from recoup.core.activation import PaymentGate, WhenLate
from recoup.core.billing.views import Scheduled, Subscription

_COLUMNS = ("id", "customer_id", "subscription_id", "at", "prices", "gate", "state")


def gated(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a start or a change its gate, as the argument `gate`."""

    @wraps(command)
    def run(
        *args: Any,
        gate: bool,
        gate_timeout: timedelta | None,
        gate_tries: int | None,
        gate_late: WhenLate | None,
        **told: Any,
    ) -> Any:
        said = {"timeout": gate_timeout, "tries": gate_tries, "late": gate_late}
        rules: dict[str, Any] = {name: one for name, one in said.items() if one is not None}
        if rules and not gate:
            raise click.UsageError(f"--gate-{min(rules)} belongs to --gate")
        return command(*args, gate=PaymentGate(**rules) if gate else None, **told)

    for option in (
        click.option("--gate-late", type=click.Choice(get_args(WhenLate)),
                     help="What becomes of money that comes after that.  [refund]"),
        click.option("--gate-tries", type=click.IntRange(1), metavar="N",
                     help="So many declined payments end it."),
        click.option("--gate-timeout", type=SPAN, help="How long that may take.  [23h]"),
        click.option("--gate", is_flag=True, help="Open nothing before the payment has come."),
    ):  # fmt: skip
        run = option(run)
    return run


def new_subscription(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a start, now or on a day to come, what both can be told."""
    for option in (
        click.option("--allow-duplicate", is_flag=True, help="Even if the customer has it."),
        click.option("--send-invoice", "days_until_due", type=click.IntRange(1), metavar="DAYS",
                     help="Send invoices, due in so many days, instead of charging."),
        click.option("--method", "default_method",
                     help="What to pay with; else the customer's default."),
        click.option("--promotion-code", help="What the customer typed."),
        click.option("--coupon", help="Lowers the price. Or:"),
        click.option("--anchor", type=INSTANT, help="When the second period begins."),
        click.option("--trial-end", type=INSTANT, help="Until when."),
        click.option("--trial-days", type=int, help="How long nothing is billed. Or:"),
        click.option("--price", "prices", type=PRICE, multiple=True, required=True,
                     help="May be repeated."),
    ):  # fmt: skip
        command = option(command)
    return command


def collected(days_until_due: int | None) -> dict[str, Any]:
    """Return how invoices are collected, as verbs are told it."""
    how = "charge_automatically" if days_until_due is None else "send_invoice"
    return {"collection": how, "days_until_due": days_until_due}


@click.command()
@click.argument("customer")
@click.argument("starts_at", type=INSTANT, metavar="ISO")
@new_subscription
@metadata_option
@asks
@gated
def schedule(
    recoup: Recoup, customer: str, starts_at: datetime, days_until_due: int | None, **told: Any
) -> Scheduled:
    """
    Start a subscription on a day to come.

    Example: recoup subscriptions schedule user:42 2026-06-01T00:00:00Z --price price_1 --gate
    """
    how = collected(days_until_due)
    return recoup.subscriptions.schedule(
        named(recoup, customer), told.pop("prices"), starts_at, **how, **told
    )


@click.command()
@click.option("--customer", help="Only this customer's.")
@page_options
@reads
def scheduled(recoup: Recoup, customer: str | None, after: int, limit: int) -> Listing:
    """
    List what is still to begin: starts, and changes that are offered with the period's end.

    Example: recoup subscriptions scheduled --customer user:42
    """
    found = recoup.subscriptions.scheduled(maybe(recoup, customer), after=after, limit=limit + 1)
    return page("scheduled", found, limit, _COLUMNS)


@click.command()
@click.argument("scheduled")
@asks
def call_off(recoup: Recoup, scheduled: str, key: str | None) -> Scheduled:
    """
    Let it not begin. SCHEDULED is its id or its key.

    Example: recoup subscriptions call-off 12
    """
    return recoup.subscriptions.call_off(scheduled, key=key)


@click.command()
@click.argument("scheduled")
@asks
def remove_gate(recoup: Recoup, scheduled: str, key: str | None) -> Scheduled:
    """
    Let it begin without waiting for its payment. SCHEDULED is its id or its key.

    Example: recoup subscriptions remove-gate 12
    """
    return recoup.subscriptions.remove_gate(scheduled, key=key)


@click.command()
@click.argument("subscription")
@asks
def withdraw_offer(recoup: Recoup, subscription: str, key: str | None) -> Subscription:
    """
    Take back a change of plan that awaits its payment, or is to come.

    Example: recoup subscriptions withdraw-offer sub_123
    """
    return recoup.subscriptions.withdraw_offer(subscription, key=key)
