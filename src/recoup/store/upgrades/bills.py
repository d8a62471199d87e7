"""
Changes of plan that were not paid: their bills withdrawn, and every one of them counted.

However it comes about (a change that is refused as a whole, an offer that dies, a bill that is
withdrawn) the subscription counts it once, and the ledger calls that `upgrade.withdrawn`.
"""

from __future__ import annotations

from typing import Final

from recoup.core.account import Upgrade
from recoup.core.billing.requests import VoidInvoice
from recoup.store import batch, tables
from recoup.store.records import commands
from recoup.store.writer import Writer

#: What the ledger calls it, and the event that hosts are told of.
WITHDRAWN: Final = "upgrade.withdrawn"
#: Among a command's kept values: the subscription that counts it when the bill is void.
COUNTED: Final = "upgrade_of"


def count(writer: Writer, subscription_id: int) -> None:
    """Count a change of plan that was not paid. The customer is locked; the caller flushes."""
    sql = "SELECT customer_id, upgrades_withdrawn FROM subscriptions WHERE id = %s"
    for customer, before in batch.fetch(writer.connection, sql, (subscription_id,)):
        row = {"id": subscription_id, "customer_id": customer, "upgrades_withdrawn": before}
        writer.update(
            tables.subscriptions, row, {"upgrades_withdrawn": (before or 0) + 1}, type=WITHDRAWN
        )


def withdraw(writer: Writer, customer_id: int, upgrade: Upgrade) -> None:
    """Write that a bill is to be void. The customer is locked; the caller flushes."""
    row = {"id": upgrade.invoice_id, "customer_id": customer_id, "withdrawn_at": None}
    values = {"withdrawn_at": upgrade.withdrawn_at}
    writer.update(tables.invoices, row, values, type="invoice.withdrawal_asked")


def record(writer: Writer, customer_id: int, upgrade: Upgrade) -> int | None:
    """Record the command that voids a bill; return its id. The caller enqueues its asking."""
    return commands.record(
        writer,
        kind="invoices.withdraw",
        key=f"upgrade:{upgrade.invoice_id}:withdraw",
        customer_id=customer_id,
        subject=f"invoice:{upgrade.invoice_id}",
        request=VoidInvoice(upgrade.invoice),
        args={
            "invoice_id": upgrade.invoice_id,
            "resolved_as": "superseded",
            COUNTED: upgrade.subscription_id,
        },
    )
