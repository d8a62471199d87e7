"""What a link shows: what is owed of what it is about, and the ways to pay on file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.account import Account, Invoice, scopes
from recoup.core.billing.views import Customer
from recoup.core.links import Claim
from recoup.links.views import Opened, Owed, OwedInvoice
from recoup.store import links, views
from recoup.store.records import money


def owed(connection: Connection, claim: Claim, who: Customer, *, now: datetime) -> Owed:
    """Return what is owed at `now` (UTC) of what a link is about, oldest first."""
    hidden = dict(links.open_invoices(connection, who.id))
    account = money.account(connection, who.id, now=now, also=tuple(hidden))
    owed = _owed(account, claim.scope, frozenset(id for id in hidden if hidden[id]))
    found = sorted(owed, key=lambda one: (one.created_at, one.id))
    return Owed(
        opened=Opened(claim.purpose, claim.customer, claim.scope, claim.expires),
        locale=who.locale,
        time_zone=who.time_zone,
        invoices=tuple(_shown(connection, account, one, now) for one in found),
        methods=views.list_methods(connection, who.id),
    )


def _owed(account: Account, scope: str, hidden: frozenset[int]) -> Iterator[Invoice]:
    """
    Yield what could be paid: what a bank disputes or has taken back can not.

    What a gate hides is no debt: it is among them only where the link is about it alone.
    """
    for invoice in account.invoices:
        alone = scope == scopes.of_invoice(invoice.id)
        about = alone or (scope in {"", invoice.scope} and invoice.id not in hidden)
        barred = invoice.disputed or invoice.charged_back or _came(account, invoice)
        if about and invoice.owed and not barred:
            yield invoice


def _came(account: Account, invoice: Invoice) -> bool:
    """Whether its money is in, though the processor's word that it is paid is on its way."""
    tries = account.tries(invoice.id)
    came = any(states.succeeded(a.state) and a.amount == invoice.remaining for a in tries)
    return came and not invoice.counts(tries)


def _shown(
    connection: Connection, account: Account, invoice: Invoice, now: datetime
) -> OwedInvoice:
    seen = views.read_invoice(connection, invoice.id, now=now)
    return OwedInvoice(
        id=invoice.id,
        number=seen.number,
        remaining=invoice.remaining,
        since=seen.finalized_at or seen.created_at,
        due_at=seen.due_at,
        bad_debt=any(debt.open and debt.invoice_id == invoice.id for debt in account.debts),
        moving=any(states.in_flight(one.state) for one in account.tries(invoice.id)),
    )
