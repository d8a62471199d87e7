from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks, named, only, reads, secret_option
from recoup.cli.output import Listing
from recoup.cli.reading import INSTANT
from recoup.core.billing.views import PaymentMethod, Setup

_COLUMNS = (
    "id", "processor_id", "kind", "brand", "last4", "exp_month", "exp_year", "default", "backup"
)  # fmt: skip


@click.group()
def methods() -> None:
    """
    Ways to pay: put them on file, take them off, say which are used.

    Example: recoup methods list user:42
    """


@methods.command("list")
@click.argument("customer")
@click.option("--detached", is_flag=True, help="Those that were taken off, too.")
@reads
def list_(recoup: Recoup, customer: str, detached: bool) -> Listing:
    """
    List a customer's methods: the default, the backups in their order, the others.

    Example: recoup methods list user:42
    """
    found = recoup.methods.list(named(recoup, customer), detached=detached)
    return only("methods", found, _COLUMNS)


@methods.command()
@click.argument("method")
@reads
def show(recoup: Recoup, method: str) -> PaymentMethod:
    """
    Show one method, by our id or the processor's.

    Example: recoup methods show pm_123
    """
    return recoup.methods.get(method)


@methods.command()
@click.argument("customer")
@click.argument("method")
@click.option("--default", is_flag=True, help="Pay invoices with it from now on.")
@asks
def attach(recoup: Recoup, customer: str, method: str, **told: Any) -> PaymentMethod:
    """
    Put METHOD, the processor's id that a browser was given, on file.

    Shown is the method that is on file: another one when the instrument was there already.

    Example: recoup methods attach user:42 pm_123 --default
    """
    return recoup.methods.attach(named(recoup, customer), method, **told)


@methods.command()
@click.argument("method")
@asks
def detach(recoup: Recoup, method: str, key: str | None) -> PaymentMethod:
    """
    Take a method off file.

    Example: recoup methods detach pm_123
    """
    return recoup.methods.detach(method, key=key)


@methods.command()
@click.argument("customer")
@click.argument("method")
@asks
def default(recoup: Recoup, customer: str, method: str, key: str | None) -> PaymentMethod:
    """
    Have a customer's invoices paid with this method from now on.

    Example: recoup methods default user:42 pm_123
    """
    return recoup.methods.set_default(named(recoup, customer), method, key=key)


@methods.command()
@click.argument("customer")
@click.argument("methods", nargs=-1, required=True, metavar="METHOD...")
@click.option("--consented-at", type=INSTANT, required=True, help="When the customer agreed.")
@click.option("--consented-by", required=True, help="Who says so: a form, a name of staff.")
@asks
def backups(
    recoup: Recoup,
    customer: str,
    methods: tuple[str, ...],
    consented_at: datetime,
    consented_by: str,
    key: str | None,
) -> Listing:
    """
    Say which methods may be used when the default fails, in their order.

    Example: recoup methods backups 7 pm_2 --consented-at 2026-03-01T12:00Z --consented-by form
    """
    made = recoup.methods.set_backups(
        named(recoup, customer),
        methods,
        consented_at=consented_at,
        consented_by=consented_by,
        key=key,
    )
    return only("methods", made, _COLUMNS)


@methods.command()
@click.argument("customer")
@asks
def clear_backups(recoup: Recoup, customer: str, key: str | None) -> Listing:
    """
    Have no method used but the default; the consents are forgotten.

    Example: recoup methods clear-backups user:42
    """
    left = recoup.methods.clear_backups(named(recoup, customer), key=key)
    return only("methods", left, _COLUMNS)


@methods.command()
@click.argument("customer")
@click.option("--method", help="Confirm with this one at once; by default a browser brings one.")
@secret_option
@asks
def setup(recoup: Recoup, customer: str, **told: Any) -> Setup:
    """
    Prepare to keep a method for later.

    Example: recoup methods setup user:42 --method pm_123
    """
    return recoup.methods.setup(named(recoup, customer), **told)
