"""Our rows against the processor's own books, where we can read them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from recoup.store import batch
from recoup.store.invariants.base import WORDS, Finding, Violation
from recoup.store.snapshot import steady


@dataclass(frozen=True, slots=True)
class Books:
    """
    What the processor says happened. Amounts are minor units, currencies upper-case.

    `money` is invoice -> (captured, refunded, currency), all its invoices or those with money
    moved; `charges` are the ids of those that succeeded; `keys` the idempotency keys with which
    it was asked for money.
    """

    processor: str
    money: Mapping[str, tuple[int, int, str]]
    charges: Collection[str] = ()
    keys: Collection[str] = field(default=())


def against_books(connection: Connection, books: Books) -> tuple[Violation, ...]:
    """Return where our rows and the processor's books disagree. Run it when all is calm."""
    steady(connection)
    found: list[Violation] = []
    for name, check in (
        ("books_agree", _sums),
        ("no_double_charge_in_books", _doubled),
        ("no_lost_charge", _lost),
        ("no_invented_charge", _invented),
        ("no_charge_without_intent", _unintended),
    ):
        found.extend(Violation(name, *finding) for finding in check(connection, books))
    return tuple(found)


def _fetch(connection: Connection, sql: str, **given: Any) -> list[Any]:
    with batch.driver(connection).cursor(binary=True) as cursor:
        return cursor.execute(sql.encode(), {**WORDS, **given}).fetchall()


def _sums(connection: Connection, books: Books) -> Iterator[Finding]:
    """What was taken and given back for each invoice is the same on both sides."""
    sql = """
        SELECT i.processor_id, i.currency, sum(a.amount)::bigint,
               sum(coalesce(r.back, 0))::bigint
        FROM attempts a JOIN invoices i ON i.id = a.invoice_id
        LEFT JOIN (SELECT attempt_id, sum(amount) AS back FROM refunds
                   WHERE status <> ALL(%(no_refund)s) GROUP BY 1) r ON r.attempt_id = a.id
        WHERE i.processor = %(processor)s AND a.state = ANY(%(succeeded)s)
        GROUP BY 1, 2
    """
    rows = _fetch(connection, sql, processor=books.processor)
    ours = {invoice: (taken, back, currency) for invoice, currency, taken, back in rows}
    theirs = {invoice: sums for invoice, sums in books.money.items() if sums[0] or sums[1]}
    for invoice in sorted(ours.keys() | theirs.keys()):
        here, there = ours.get(invoice), theirs.get(invoice)
        if here != there:
            yield f"invoice {invoice}", f"{_words(here)} here, {_words(there)} in the books"


def _words(sums: tuple[int, int, str] | None) -> str:
    if sums is None:
        return "nothing taken"
    return f"{sums[0]} taken and {sums[1]} given back in {sums[2]}"


def _doubled(connection: Connection, books: Books) -> Iterator[Finding]:
    """The processor has not taken more for an invoice than was billed, but for late money."""
    sql = """
        SELECT i.processor_id, i.amount_due + coalesce((
            SELECT sum(a.amount) FROM attempts a JOIN late_payments l ON l.attempt_id = a.id
            WHERE a.invoice_id = i.id AND l.ended_at IS NULL), 0)::bigint
        FROM invoices i WHERE i.processor = %(processor)s"""
    billed = dict(_fetch(connection, sql, processor=books.processor))
    for invoice, (captured, refunded, currency) in books.money.items():
        if invoice in billed and captured - refunded > max(billed[invoice], 0):
            yield (
                f"invoice {invoice}",
                f"{captured - refunded} of {billed[invoice]} {currency} taken",
            )


def _lost(connection: Connection, books: Books) -> Iterator[Finding]:
    """Every charge that succeeded is an attempt that succeeded."""
    sql = """
        SELECT b.id, a.state FROM unnest(%(charges)s::text[]) b (id)
        LEFT JOIN attempts a ON a.processor = %(processor)s AND a.processor_id = b.id
        WHERE a.state IS NULL OR a.state <> ALL(%(succeeded)s) ORDER BY 1
    """
    given = {"charges": list(books.charges), "processor": books.processor}
    for charge, state in _fetch(connection, sql, **given):
        yield f"charge {charge}", f"succeeded, and its attempt is {state or 'missing'}"


def _invented(connection: Connection, books: Books) -> Iterator[Finding]:
    """Every attempt that succeeded is a charge that succeeded."""
    sql = """
        SELECT id, processor_id FROM attempts
        WHERE processor = %(processor)s AND state = ANY(%(succeeded)s) ORDER BY id
    """
    known = frozenset(books.charges)
    for id, charge in _fetch(connection, sql, processor=books.processor):
        if charge not in known:
            yield f"attempt {id}", f"succeeded here, and the books have no charge {charge}"


def _unintended(connection: Connection, books: Books) -> Iterator[Finding]:
    """Whenever money was asked for in our name, the attempt had been written down."""
    sql = """
        SELECT k.key FROM unnest(%(keys)s::text[]) k (key)
        WHERE NOT EXISTS (SELECT FROM attempts a WHERE a.idempotency_key = k.key) ORDER BY 1
    """
    for (key,) in _fetch(connection, sql, keys=list(books.keys)):
        yield f"key {key}", "the processor was asked with it, and no attempt has it"
