"""
The fake's own double entry: what really happened to the money, to check our books against.

Debits are positive. Accounts: `receivable` (what customers owe), `cash`, `revenue`, `refunds`,
`written_off`, `elsewhere` (paid out of band), `credit` (what customers have to their good, and
lowers their next invoices), `disputed` (what banks took back, and have not returned). Every entry
balances to 0 in its currency, so all accounts together always do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from recoup.core import states
from recoup.core.money import Money
from recoup.processors.fake.model import PREFIXES, Charge, Intent, Invoice
from recoup.processors.fake.world import Session

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Books:
    """Totals of a world. Amounts are ISO minor units; currencies are upper-case."""

    balances: Mapping[tuple[str, str], int]  #: (account, currency) -> debit minus credit
    captured: Mapping[str, Money]  #: invoice -> taken from the customer
    refunded: Mapping[str, Money]  #: invoice -> given back
    charges: frozenset[str]  #: every charge that succeeded
    keys: frozenset[str]  #: every idempotency key under which a bank was asked

    def captured_in(self, currency: str) -> int:
        """Return everything captured in `currency`."""
        return sum(m.minor for m in self.captured.values() if m.currency == currency)

    def refunded_in(self, currency: str) -> int:
        """Return everything given back in `currency`."""
        return sum(m.minor for m in self.refunded.values() if m.currency == currency)

    def imbalance(self) -> Mapping[str, int]:
        """Return currency -> sum over all accounts, where it is not 0. Empty when all is well."""
        sums: dict[str, int] = {}
        for (_, currency), minor in self.balances.items():
            sums[currency] = sums.get(currency, 0) + minor
        return {currency: minor for currency, minor in sums.items() if minor}


def billed(s: Session, invoice: Invoice) -> None:
    """Book that the customer owes the invoice, less what it has to its good."""
    lines = {
        "receivable": invoice.amount,
        "credit": invoice.credit_used,
        "revenue": -invoice.total,
    }
    _post_lines(s, "billed", invoice, lines)


def captured(s: Session, invoice: Invoice, charge: Charge) -> None:
    """Book money taken from the customer."""
    _post(s, "captured", invoice, charge.amount, to="cash", of="receivable")


def refunded(s: Session, invoice: Invoice, minor: int) -> None:
    """Book money given back."""
    _post(s, "refunded", invoice, minor, to="refunds", of="cash")


def disputed(s: Session, invoice: Invoice, minor: int) -> None:
    """Book money that a bank took back."""
    _post(s, "disputed", invoice, minor, to="disputed", of="cash")


def reinstated(s: Session, invoice: Invoice, minor: int) -> None:
    """Book that a bank returned what it had taken back."""
    _post(s, "reinstated", invoice, minor, to="cash", of="disputed")


def voided(s: Session, invoice: Invoice) -> None:
    """Book that the invoice was a mistake; credit that it used is the customer's again."""
    used = max(invoice.credit_used, 0)
    lines = {
        "revenue": invoice.remaining + used,
        "receivable": -invoice.remaining,
        "credit": -used,
    }
    _post_lines(s, "voided", invoice, lines)


def written_off(s: Session, invoice: Invoice) -> None:
    """Book that the money is given up."""
    _post(s, "written_off", invoice, invoice.remaining, to="written_off", of="receivable")


def revived(s: Session, invoice: Invoice) -> None:
    """Book that money given up is coming after all."""
    _post(s, "revived", invoice, invoice.remaining, to="receivable", of="written_off")


def paid_elsewhere(s: Session, invoice: Invoice) -> None:
    """Book that the customer paid, but not here."""
    _post(s, "paid_elsewhere", invoice, invoice.remaining, to="elsewhere", of="receivable")


def read(connection: sqlite3.Connection) -> Books:
    """Return the totals as they are now."""
    balances = connection.execute(
        "SELECT account, currency, sum(minor) FROM lines GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    moved = connection.execute(
        "SELECT what, invoice, currency, abs(sum(minor)) FROM lines WHERE account = 'cash'"
        " GROUP BY 1, 2, 3 ORDER BY 2"
    ).fetchall()
    return Books(
        balances={(account, currency): minor for account, currency, minor in balances},
        captured={i: Money(m, c) for what, i, c, m in moved if what == "captured"},
        refunded={i: Money(m, c) for what, i, c, m in moved if what == "refunded"},
        charges=frozenset(c.id for c in all_of(connection, Charge) if states.succeeded(c.state)),
        keys=frozenset(
            done.key for intent in all_of(connection, Intent) for done in intent.tries if done.key
        ),
    )


def all_of(connection: sqlite3.Connection, kind: type[_T]) -> Iterator[_T]:
    """Yield everything of one kind that there is."""
    prefix = f"{PREFIXES[kind]}_"
    rows = connection.execute(
        "SELECT doc FROM objects WHERE id BETWEEN ? AND ?", (prefix, prefix + "\x7f")
    )
    return (msgspec.json.decode(doc, type=kind) for (doc,) in rows)


def _post(s: Session, what: str, invoice: Invoice, minor: int, *, to: str, of: str) -> None:
    if minor:
        s.post(what, invoice.id, invoice.currency, {to: minor, of: -minor})


def _post_lines(s: Session, what: str, invoice: Invoice, lines: dict[str, int]) -> None:
    moved = {account: minor for account, minor in lines.items() if minor}
    if moved:
        s.post(what, invoice.id, invoice.currency, moved)
