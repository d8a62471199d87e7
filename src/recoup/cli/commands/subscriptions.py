from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks, named, reads, secret_option
from recoup.cli.commands.changes import change, items, preview, quantity
from recoup.cli.commands.discounts import discount
from recoup.cli.commands.gates import (
    call_off,
    collected,
    gated,
    new_subscription,
    remove_gate,
    schedule,
    scheduled,
    withdraw_offer,
)
from recoup.cli.opening import stored
from recoup.cli.output import as_json_option, emit, listed, page_options, parts
from recoup.cli.reading import INSTANT, metadata_option
from recoup.commands.changes import When
from recoup.commands.subscriptions import Feedback, Reason
from recoup.core.billing.requests import PauseBehavior
from recoup.core.billing.views import Started, Subscription
from recoup.core.states import SubscriptionStatus
from recoup.store.queries import customers
from recoup.store.queries import subscriptions as queries

STATUSES = [status.value for status in SubscriptionStatus]


@click.group()
def subscriptions() -> None:
    """
    Look at subscriptions, start, change and end them. SUBSCRIPTION is our id or the processor's.

    Example: recoup subscriptions list --status past_due
    """


@subscriptions.command("list")
@click.option("--customer", help="Only this customer's.")
@click.option("--status", type=click.Choice(STATUSES), help="Only in this status.")
@page_options
@as_json_option
def list_(customer: str | None, status: str | None, after: int, limit: int, as_json: bool) -> None:
    """
    List subscriptions.

    Example: recoup subscriptions list --customer cus_123
    """
    with stored() as engine, engine.connect() as connection:
        owner = None if customer is None else customers.find(connection, customer)
        page = queries.listing(
            connection, customer_id=owner, status=status, after=after, limit=limit
        )
    if as_json:
        emit({"subscriptions": page.rows, "next": page.next})
        return
    listed(
        ("id", "subscription", "customer", "status", "plan", "paid until", "ended"),
        [
            (one.id, one.processor_id, one.customer_id, one.status, one.plan, one.period_end,
             one.ended_at)
            for one in page.rows
        ],
        empty=f"There are no {'such ' if customer or status or after else ''}subscriptions.",
        more=None if page.next is None else f"More: --after {page.next}",
    )  # fmt: skip


@subscriptions.command()
@click.argument("subscription")
@reads
def show(recoup: Recoup, subscription: str) -> dict[str, Any]:
    """
    Show one subscription, by our id or the processor's.

    Example: recoup subscriptions show sub_123
    """
    with recoup.database.connect() as connection:
        row = queries.show(connection, subscription)
    view = recoup.subscriptions.get(row.id)
    return {**parts(row), **parts(view), "plan": view.plan or row.plan}


@subscriptions.command()
@click.argument("customer")
@new_subscription
@click.option("--backdate", type=INSTANT, help="It runs since this instant; billed at once.")
@metadata_option
@secret_option
@asks
@gated
def start(recoup: Recoup, customer: str, days_until_due: int | None, **told: Any) -> Started:
    """
    Start a subscription. Exit code 1 when the first payment was declined.

    Example: recoup subscriptions start user:42 --price price_team:5 --trial-days 14
    """
    how = collected(days_until_due)
    return recoup.subscriptions.start(named(recoup, customer), **how, **told)


@subscriptions.command()
@click.argument("subscription")
@click.option("--now", is_flag=True, help="At once. Or:")
@click.option("--at-period-end", is_flag=True, help="With the period that is paid. Or:")
@click.option("--at", type=INSTANT, help="At this instant.")
@click.option(
    "--reason",
    type=click.Choice(get_args(Reason)),
    default="requested",
    show_default=True,
    help="Why, in our words.",
)
@click.option("--feedback", type=click.Choice(get_args(Feedback)), help="What the customer says.")
@click.option("--comment", help="In the customer's words.")
@asks
def cancel(
    recoup: Recoup,
    subscription: str,
    now: bool,
    at_period_end: bool,
    at: datetime | None,
    **told: Any,
) -> Subscription:
    """
    End a subscription: now, with its period, or at an instant.

    Example: recoup subscriptions cancel sub_123 --at-period-end --feedback too_expensive
    """
    if now + at_period_end + (at is not None) != 1:
        raise click.UsageError("expected exactly one of --now, --at-period-end and --at")
    when: When | datetime = at or ("period_end" if at_period_end else "now")
    return recoup.subscriptions.cancel(subscription, when=when, **told)


@subscriptions.command()
@click.argument("subscription")
@asks
def resume(recoup: Recoup, subscription: str, key: str | None) -> Subscription:
    """
    Undo an end, or a change, that is scheduled.

    Example: recoup subscriptions resume sub_123
    """
    return recoup.subscriptions.resume(subscription, key=key)


@subscriptions.command()
@click.argument("subscription")
@click.option(
    "--behavior",
    type=click.Choice(get_args(PauseBehavior)),
    default="void",
    show_default=True,
    help="What becomes of its invoices.",
)
@click.option("--until", type=INSTANT, help="Until when; by default until it is unpaused.")
@asks
def pause(recoup: Recoup, subscription: str, **told: Any) -> Subscription:
    """
    Stop collecting.

    Example: recoup subscriptions pause sub_123 --until 2026-06-01T00:00:00Z
    """
    return recoup.subscriptions.pause(subscription, **told)


@subscriptions.command()
@click.argument("subscription")
@asks
def unpause(recoup: Recoup, subscription: str, key: str | None) -> Subscription:
    """
    Collect again.

    Example: recoup subscriptions unpause sub_123
    """
    return recoup.subscriptions.unpause(subscription, key=key)


@subscriptions.command()
@click.argument("subscription")
@click.argument("until", type=INSTANT, metavar="ISO")
@asks
def extend_trial(
    recoup: Recoup, subscription: str, until: datetime, key: str | None
) -> Subscription:
    """
    Let the trial end at this instant, later than it would.

    Example: recoup subscriptions extend-trial sub_123 2026-06-01T00:00:00Z
    """
    return recoup.subscriptions.extend_trial(subscription, until, key=key)


@subscriptions.command()
@click.argument("subscription")
@click.option("--method", "default_method", help="Pay with this one from now on.")
@metadata_option
@asks
def update(recoup: Recoup, subscription: str, **told: Any) -> Subscription:
    """
    Merge metadata, or pay with another method.

    Example: recoup subscriptions update sub_123 --method pm_123 --metadata team=red
    """
    return recoup.subscriptions.update(subscription, **told)


for _command in (
    preview,
    change,
    quantity,
    items,
    discount,
    schedule,
    scheduled,
    call_off,
    remove_gate,
    withdraw_offer,
):
    subscriptions.add_command(_command)
