"""Our rows against the processor's books."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from recoup.store import batch
from recoup.store.invariants import Books, against_books

MONEY = """
    SELECT i.processor_id, sum(a.amount)::bigint, coalesce(sum(r.amount), 0)::bigint, i.currency
    FROM attempts a JOIN invoices i ON i.id = a.invoice_id
    LEFT JOIN refunds r ON r.attempt_id = a.id
    WHERE a.state = 'succeeded' GROUP BY 1, 4
"""
CHARGES = "SELECT processor_id FROM attempts WHERE state = 'succeeded' ORDER BY id"
KEYS = "SELECT idempotency_key FROM attempts WHERE requested_at IS NOT NULL AND ordinal > 0"


@pytest.fixture
def books(town) -> Books:
    """The books of a processor with which the town agrees."""
    money = {row[0]: tuple(row[1:]) for row in batch.fetch(town.connection, MONEY)}
    charges, keys = (
        [row[0] for row in batch.fetch(town.connection, sql)] for sql in (CHARGES, KEYS)
    )
    return Books("fake", money, charges, keys)


@pytest.fixture
def found(town):
    return lambda books: {
        (each.invariant, each.subject) for each in against_books(town.connection, books)
    }


class TestAgainstBooks:
    def test_finds_nothing_where_both_say_the_same(self, books, found):
        assert books.money
        assert books.keys
        assert found(books) == set()

    def test_does_not_mind_invoices_without_money(self, books, found):
        assert found(replace(books, money={**books.money, "in_0": (0, 0, "EUR")})) == set()

    @pytest.mark.parametrize(
        "sums",
        [
            pytest.param((999, 0, "EUR"), id="less taken"),
            pytest.param((1000, 500, "EUR"), id="something given back"),
            pytest.param((1000, 0, "USD"), id="another currency"),
        ],
    )
    def test_finds_sums_that_differ(self, books, found, sums):
        invoice = next(i for i, sums in books.money.items() if sums[1] == 0)

        differing = replace(books, money={**books.money, invoice: sums})

        assert found(differing) == {("books_agree", f"invoice {invoice}")}

    def test_finds_an_invoice_we_know_nothing_of(self, books, found):
        more = replace(books, money={**books.money, "in_new": (5, 0, "EUR")})

        assert found(more) == {("books_agree", "invoice in_new")}

    def test_finds_money_taken_twice(self, books, found):
        invoice = next(iter(books.money))

        doubled = replace(books, money={**books.money, invoice: (2000, 0, "EUR")})

        assert ("no_double_charge_in_books", f"invoice {invoice}") in found(doubled)

    def test_finds_a_charge_without_an_attempt(self, books, found):
        more = replace(books, charges=[*books.charges, "ch_lost"])

        assert found(more) == {("no_lost_charge", "charge ch_lost")}

    def test_finds_a_charge_whose_attempt_does_not_say_so(self, town, books, found):
        charge = books.charges[0]
        sql = "UPDATE attempts SET state = 'unknown' WHERE processor_id = :charge"
        town.connection.execute(text(sql), {"charge": charge})

        assert ("no_lost_charge", f"charge {charge}") in found(books)

    def test_finds_a_success_the_books_do_not_have(self, town, books, found):
        fewer = replace(books, charges=books.charges[1:])
        sql = "SELECT id FROM attempts WHERE processor_id = %s"
        ((attempt,),) = batch.fetch(town.connection, sql, (books.charges[0],))

        assert found(fewer) == {("no_invented_charge", f"attempt {attempt}")}

    def test_finds_a_request_that_was_never_written_down(self, books, found):
        more = replace(books, keys=[*books.keys, "k"])

        assert found(more) == {("no_charge_without_intent", "key k")}

    def test_leaves_out_what_another_processor_did(self, town, books, found):
        town.connection.execute(text("UPDATE attempts SET processor = 'other'"))
        town.connection.execute(text("UPDATE invoices SET processor = 'other'"))

        assert found(Books("fake", {})) == set()
