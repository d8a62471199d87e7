from __future__ import annotations

import click

from recoup.cli.opening import stored
from recoup.cli.output import as_json_option, emit, fields, listed, page_options
from recoup.core.states import SubscriptionStatus
from recoup.store.queries import customers
from recoup.store.queries import subscriptions as queries

STATUSES = [status.value for status in SubscriptionStatus]


@click.group()
def subscriptions() -> None:
    """
    Look at subscriptions, as the processor tells of them.

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
        empty="There are no such subscriptions.",
        more=None if page.next is None else f"More: --after {page.next}",
    )  # fmt: skip


@subscriptions.command()
@click.argument("subscription")
@as_json_option
def show(subscription: str, as_json: bool) -> None:
    """
    Show one subscription, by our id or the processor's.

    Example: recoup subscriptions show sub_123
    """
    with stored() as engine, engine.connect() as connection:
        one = queries.show(connection, subscription)
    if as_json:
        emit(one)
        return
    fields(
        [
            ("subscription", one.id),
            (one.processor, one.processor_id),
            ("customer", one.customer_id),
            ("status", one.status),
            ("plan", one.plan),
            ("prices", one.prices),
            ("quantity", one.quantity),
            ("currency", one.currency),
            ("period", f"{one.period_start} to {one.period_end}" if one.period_end else None),
            ("trial until", one.trial_end),
            ("ends at", one.cancel_at),
            ("ended", one.ended_at),
            ("why it ended", one.end_reason),
            ("end asked for", one.end_requested_at),
            ("collected", one.collection_method),
        ]
    )
