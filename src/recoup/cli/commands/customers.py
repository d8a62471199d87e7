from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks, asks_without_key, named, reads
from recoup.cli.opening import stored
from recoup.cli.output import as_json_option, emit, listed, money, page_options, parts
from recoup.cli.reading import OBJECT, OWNER, metadata_option
from recoup.core.billing.views import Customer
from recoup.store.queries import customers as queries

#: What of a customer is only shown to who asks for it.
_PERSONAL = ("email", "name", "metadata", "data")


@click.group()
def customers() -> None:
    """
    Look at customers, make and change them. CUSTOMER is our id, the processor's, or TYPE:ID.

    Example: recoup customers list --standing soft
    """


@customers.command("list")
@click.option("--standing", help="Only those who stand here: current, a rung's name, bad_debt.")
@click.option("--troubled", is_flag=True, help="Only those who could not be decided on.")
@page_options
@as_json_option
def list_(standing: str | None, troubled: bool, after: int, limit: int, as_json: bool) -> None:
    """
    List customers with their standing and what they owe.

    Example: recoup customers list --troubled
    """
    with stored() as engine, engine.connect() as connection:
        page = queries.listing(
            connection, standing=standing, troubled=troubled, after=after, limit=limit
        )
    if as_json:
        emit({"customers": page.rows, "next": page.next})
        return
    listed(
        ("id", "customer", "standing", "owed", "looked at again", "trouble"),
        [
            (one.id, one.name, one.standing, money(one.owed), one.next_wake_at,
             one.run_error or "")
            for one in page.rows
        ],
        empty="No customer is like that." if standing or troubled else "There are no customers.",
        more=None if page.next is None else f"More: --after {page.next}",
    )  # fmt: skip


@customers.command()
@click.argument("customer")
@click.option("--personal", is_flag=True, help="Also address, name, metadata and data.")
@reads
def show(recoup: Recoup, customer: str, personal: bool) -> dict[str, Any]:
    """
    Show one customer: by our id, the processor's id, or owner_type:owner_id.

    Example: recoup customers show user:42
    """
    with recoup.database.connect() as connection:
        row = queries.show(connection, queries.find(connection, customer))
    view = parts(recoup.customers.get(row.id))
    shown = {name: value for name, value in view.items() if personal or name not in _PERSONAL}
    return {**parts(row), **shown, "why": f"recoup explain {row.id}"}


@customers.command()
@click.option("--owner", type=OWNER, required=True, help="The host's own name, user:42.")
@click.option("--email", help="Where mails go.")
@click.option("--name", help="Who it is.")
@click.option("--locale", help="Of the mails, 'de' or 'pt-BR'.")
@click.option("--time-zone", help="Of the IANA database, Europe/Berlin.")
@click.option("--new", is_flag=True, help="Refuse when the owner has a customer already.")
@metadata_option
@asks_without_key
def create(recoup: Recoup, owner: tuple[str, str], new: bool, **told: Any) -> Customer:
    """
    Make the owner's customer, or show the one there is. The owner is the key.

    Example: recoup customers create --owner user:42 --email ann@example.com
    """
    make = recoup.customers.create if new else recoup.customers.get_or_create
    return make(*owner, **told)


@customers.command()
@click.argument("customer")
@click.option("--email", help="An empty text clears it, as for every option here.")
@click.option("--name", help="Who it is.")
@click.option("--locale", help="Of the mails, 'de' or 'pt-BR'.")
@click.option("--time-zone", help="Of the IANA database, Europe/Berlin.")
@click.option("--version", type=int, help="Only if the customer is still at this version.")
@metadata_option
@asks
def update(recoup: Recoup, customer: str, **told: Any) -> Customer:
    """
    Change what is said, at the processor too, and leave the rest.

    Example: recoup customers update user:42 --name "Ann Lee" --metadata tier=gold
    """
    return recoup.customers.update(named(recoup, customer), **told)


@customers.command()
@click.argument("customer")
@click.option("--owner", type=OWNER, required=True, help="The host's own name, user:42.")
@asks
def link(recoup: Recoup, customer: str, owner: tuple[str, str], key: str | None) -> Customer:
    """
    Say whose an imported customer is. Nobody is asked: owners stay with us.

    It is refused when the customer has another owner, or the owner another customer.

    Example: recoup customers link cus_123 --owner user:42
    """
    return recoup.customers.link(named(recoup, customer), *owner, key=key)


@customers.command()
@click.argument("customer")
@click.argument("address", type=OBJECT, metavar="JSON")
@click.option("--shipping", type=OBJECT, help="Where goods go.")
@click.option("--phone", help="Of the customer.")
@asks
def tax_location(
    recoup: Recoup, customer: str, address: Mapping[str, str], **told: Any
) -> Customer:
    """
    Tell the processor where the customer is, for taxes. Nothing of it is kept here.

    JSON has country (ISO 3166) and as known line1, line2, city, postal_code, state; - reads it
    from standard input.

    Example: recoup customers tax-location user:42 '{"country": "DE", "postal_code": "10115"}'
    """
    return recoup.customers.update_tax_location(named(recoup, customer), address, **told)


@customers.command()
@click.argument("customer")
@click.argument("data", type=OBJECT, metavar="JSON")
@click.option("--version", type=int, help="Only if the customer is still at this version.")
@asks
def put_data(recoup: Recoup, customer: str, data: Mapping[str, Any], **told: Any) -> Customer:
    """
    Replace the data kept with a customer. JSON is an object, or - for standard input.

    Example: recoup customers put-data user:42 - --version 3
    """
    return recoup.customers.put_data(named(recoup, customer), data, **told)


@customers.command()
@click.argument("customer")
@click.argument("data", type=OBJECT, metavar="JSON")
@click.option("--version", type=int, help="Only if the customer is still at this version.")
@asks
def patch_data(recoup: Recoup, customer: str, data: Mapping[str, Any], **told: Any) -> Customer:
    """
    Merge into the data kept with a customer, one level deep.

    Example: recoup customers patch-data user:42 '{"size": "large"}'
    """
    return recoup.customers.patch_data(named(recoup, customer), data, **told)


@customers.command()
@click.argument("customer")
@click.option("--reason", required=True, help="Why; kept with it, so nothing personal.")
@asks
def delete(recoup: Recoup, customer: str, reason: str, key: str | None) -> Customer:
    """
    Delete a customer at the processor, for good. Its subscriptions end at once.

    Example: recoup customers delete user:42 --reason "asked by mail"
    """
    return recoup.customers.delete(named(recoup, customer), reason=reason, key=key)


def _erasing(command: Callable[..., Customer]) -> Callable[..., None]:
    """Give the two commands that erase what both take."""
    made: Callable[..., None] = asks(command)
    for decorate in (
        click.option("--force", is_flag=True, help="Although something is owed, live or held."),
        click.option(
            "--keep-at-processor",
            is_flag=True,
            help="The processor's customer is not deleted, and shall not be.",
        ),
        click.option("--reason", required=True, help="Why; kept as proof, so nothing personal."),
        click.argument("customer"),
    ):
        made = decorate(made)
    return made


@customers.command("erase")
@_erasing
def erase_one(recoup: Recoup, customer: str, **told: Any) -> Customer:
    """
    Forget who a customer is; the same as `recoup erase`.

    Example: recoup customers erase user:42 --reason "asked by mail"
    """
    return recoup.customers.erase(named(recoup, customer), **told)


@click.command()
@_erasing
def erase(recoup: Recoup, customer: str, **told: Any) -> Customer:
    """
    Forget who a customer is: everything personal becomes a pseudonym, for good.

    Example: recoup erase user:42 --reason "asked by mail"
    """
    return recoup.customers.erase(named(recoup, customer), **told)
