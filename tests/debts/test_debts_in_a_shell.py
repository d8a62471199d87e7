"""`recoup debts pay`: rehearsed, in words and as JSON, and then done in an operator's name."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from click.testing import CliRunner
from sqlalchemy.engine import make_url

from recoup.cli import main
from recoup.processors.fake import FakeProcessor
from recoup.processors.fake.payers import NO_FUNDS, Asks, Declines, Pays
from recoup.store import database as databases
from recoup.store.records import settings


@pytest.fixture
def database(work):
    """The database, by the clock of the days that were lived."""
    url = make_url(work.database_url).set(drivername="postgresql+psycopg")
    engine = databases.connect(url)
    with engine.begin() as connection:
        settings.write(connection, {"simulated_now": work.now.isoformat()})
    yield engine
    engine.dispose()


@pytest.fixture
def pay(work, database, lived):
    """Runs `recoup debts pay` for the debtor, whose card has money by now."""
    with FakeProcessor(work.books) as fake:
        fake.update_method(lived[1].method, payer=Pays())
    shutil.copy(work.books, work.home / "fake.sqlite3")
    env = {"RECOUP_DATABASE_URL": work.database_url, "RECOUP_HOME": str(work.home)}
    named = (str(lived[2]), *map(str, lived[3]))

    def run(*words: str):
        done = ("debts", "pay", *named, *words)
        return CliRunner().invoke(main, done, env={**env, "COLUMNS": "200"})

    return run


def commands(engine):
    with engine.connect() as connection:
        sql = "SELECT actor, state, args->>'reason' FROM commands ORDER BY id"
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


class TestPayingBadDebtInAShell:
    def test_rehearsed_says_it_in_words(self, pay, database, lived):
        result = pay("--dry-run", "--reason", "they called")

        assert result.exit_code == 0, result.output
        for id in lived[3]:
            said = f"charge 49.00 EUR of invoice {id} with {lived[1].method} (visa)"
            assert said in result.output
        assert "nothing forbids it" in result.output
        assert "standing bad_debt -> current" in result.output
        assert commands(database) == []

    def test_rehearsed_is_a_document_for_programs(self, pay, database, lived):
        told = json.loads(pay("--dry-run", "--json").stdout)

        assert (told["dry_run"], told["method"]) == (True, lived[1].method)
        assert (told["amount"]["minor"], told["paid"]["minor"]) == (9800, 0)
        assert [one["payment"] for one in told["charges"]] == [None, None]
        assert told["changes"][-1] == "standing bad_debt -> current"
        assert commands(database) == []

    def test_rehearsed_exits_with_one_where_it_would_be_refused(self, pay, database):
        result = pay("--dry-run", "--expected", "1.00 EUR")

        assert result.exit_code == 1
        assert "98.00 EUR is owed now" in result.output
        assert commands(database) == []

    def test_is_done_in_the_operators_name(self, pay, database):
        result = pay("--reason", "they called", "--actor", "cli:ann")

        assert result.exit_code == 0, result.output
        assert commands(database) == [("cli:ann", "done", "they called")] * 2

    def test_says_what_came_of_each_invoice(self, pay, lived):
        first, second = lived[3]

        result = pay()

        assert f"invoice {first}: 49.00 EUR succeeded, payment " in result.output
        assert f"invoice {second}: 49.00 EUR succeeded, payment " in result.output
        assert "payment=" not in result.output

    @pytest.mark.parametrize(
        ("payer", "said"),
        [
            (Asks(), "requires_action, payment {id}: the customer has to confirm it"),
            (Declines(NO_FUNDS), "declined, payment {id}: insufficient_funds"),
        ],
    )
    def test_says_why_an_invoice_was_not_tried(self, pay, work, lived, payer, said):
        first, second = lived[3]
        with FakeProcessor(work.home / "fake.sqlite3") as fake:
            fake.update_method(lived[1].method, payer=payer)

        result = pay()

        id = re.search(r"payment (\d+)", result.output)[1]
        assert f"invoice {first}: 49.00 EUR {said.format(id=id)}" in result.output
        assert (
            f"invoice {second}: 49.00 EUR not tried: the one before brought no money yet"
            in result.output
        )

    def test_rehearsed_says_what_would_be_charged(self, pay, lived):
        result = pay("--dry-run")

        for id in lived[3]:
            assert f"invoice {id}: 49.00 EUR would be charged" in result.output
