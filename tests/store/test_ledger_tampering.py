"""What an owner of the database can do to the ledger, and what finds it."""

# ruff: noqa: E501  a statement is on one line

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from recoup.core.ledger import GENESIS, digest, stamp
from recoup.store import batch, ledger
from recoup.store.chain import (
    MOST_PROBLEMS,
    Problem,
    against,
    checkpoint,
    digest_of,
    heads,
    verify,
)
from recoup.store.ledger import NewEntry

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ENTRIES = 6
NAMES = "customer_id, seq, type, version, subject, body, actor, cause, occurred_at, recorded_at"


@pytest.fixture
def owner(engine):
    """A connection of the owner's to ledgers of three customers, six entries each."""
    with engine.begin() as connection:
        fill(connection)
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def fill(connection: Connection) -> None:
    for id in (1, 2, 10):
        add = text("INSERT INTO customers (id, processor, created_at) VALUES (:id, 'fake', now())")
        connection.execute(add, {"id": id})
    for number in range(ENTRIES):
        at = NOW + timedelta(days=number)
        entries = [
            NewEntry(id, "case.changed", "case:1", {"rung": (number or None, number + 1)}, at)
            for id in (1, 2, 10)
        ]
        ledger.append(connection, entries, actor="René", cause=f"run:{number}", now=at)


def run(connection: Connection, *statements: str) -> None:
    """Do as an owner can: without the trigger."""
    raw = batch.driver(connection)
    raw.execute("ALTER TABLE ledger_entries DISABLE TRIGGER ledger_append_only")
    for statement in statements:
        raw.execute(statement.encode())


def rewrite(
    connection: Connection, customer: int, first: int, *, last: int = ENTRIES, head: bool = True
) -> None:
    """Change the bodies from `first` to `last`, with hashes that fit one another."""
    raw = batch.driver(connection)
    sql = f"SELECT {NAMES} FROM ledger_entries WHERE customer_id = %s ORDER BY seq"
    rows = raw.execute(sql.encode(), (customer,)).fetchall()
    link = "SELECT hash FROM ledger_entries WHERE customer_id = %s AND seq = %s"
    found = raw.execute(link, (customer, first - 1)).fetchone()
    previous = found[0] if found else GENESIS
    run(connection)
    for row in rows[first - 1 : last]:
        told: list[Any] = [*row[:8], stamp(row[8]), stamp(row[9])]
        told[5] = told[5].replace("rung", "hung")
        hash = digest(previous, *told)
        raw.execute(
            "UPDATE ledger_entries SET body = %s, previous = %s, hash = %s"
            " WHERE customer_id = %s AND seq = %s",
            (told[5], previous, hash, customer, row[1]),
        )
        previous = hash
    if head:
        raw.execute(
            "UPDATE ledger_heads SET hash = %s WHERE customer_id = %s", (previous, customer)
        )


def sql(*statements: str) -> Callable[[Connection], None]:
    return lambda connection: run(connection, *statements)


def plain(*statements: str) -> Callable[[Connection], None]:
    def do(connection: Connection) -> None:
        for statement in statements:
            batch.driver(connection).execute(statement.encode())

    return do


IT = "WHERE customer_id = 2 AND seq = 3"
CHANGED = "the entry was changed"
SWAP = "UPDATE ledger_entries e SET {0} = o.{0} FROM ledger_entries o WHERE e.customer_id = 2 AND o.customer_id = 2 AND e.seq + o.seq = 7 AND e.seq IN (3, 4)"
DUPLICATE = "INSERT INTO ledger_entries SELECT * FROM ledger_entries "
NO_KEY = "ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_pkey"

#: What is done -> how, and the first problem that is found: its entry and its beginning.
FOUND: dict[str, tuple[Callable[[Connection], None], int, str]] = {
    "a body is changed": (sql(f"UPDATE ledger_entries SET body = replace(body, '3', '7') {IT}"), 3, CHANGED),
    "the trigger is made ordinary, and the role replica": (plain("ALTER TABLE ledger_entries ENABLE TRIGGER ledger_append_only", "SET LOCAL session_replication_role = replica", f"UPDATE ledger_entries SET actor = 'ann' {IT}"), 3, CHANGED),
    "the trigger is dropped": (plain("DROP TRIGGER ledger_append_only ON ledger_entries", f"UPDATE ledger_entries SET cause = 'run:9' {IT}"), 3, CHANGED),
    "the trigger's function is replaced": (plain("CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'", f"UPDATE ledger_entries SET type = 'case.ended' {IT}"), 3, CHANGED),
    "it is dated back": (sql(f"UPDATE ledger_entries SET occurred_at = occurred_at - interval '1 us' {IT}"), 3, CHANGED),
    "it is recorded later": (sql(f"UPDATE ledger_entries SET recorded_at = recorded_at + interval '1 us' {IT}"), 3, CHANGED),
    "it is about something else": (sql(f"UPDATE ledger_entries SET subject = 'case:2' {IT}"), 3, CHANGED),
    "letters are composed otherwise": (sql(f"UPDATE ledger_entries SET actor = normalize(actor, NFD) {IT}"), 3, CHANGED),
    "a word moves across a border": (sql(f"UPDATE ledger_entries SET type = 'case', subject = '.changedcase:1' {IT}"), 3, CHANGED),
    "the version is another": (sql(f"UPDATE ledger_entries SET version = 2 {IT}"), 3, "version 2 is unknown"),
    "the hash is another": (sql(f"UPDATE ledger_entries SET hash = sha256('x') {IT}"), 3, CHANGED),
    "the link is another": (sql(f"UPDATE ledger_entries SET previous = sha256('x') {IT}"), 3, "the chain is broken"),
    "the newest is deleted": (sql("DELETE FROM ledger_entries WHERE customer_id = 2 AND seq = 6"), 6, "the tail is missing: the head is at 6"),
    "the tail is deleted": (sql("DELETE FROM ledger_entries WHERE customer_id = 2 AND seq > 2"), 3, "the tail is missing"),
    "the first is deleted": (sql("DELETE FROM ledger_entries WHERE customer_id = 2 AND seq = 1"), 2, "a gap: 1 missing"),
    "some in the middle are deleted": (sql("DELETE FROM ledger_entries WHERE customer_id = 2 AND seq IN (2, 3)"), 4, "a gap: 2 to 3 missing"),
    "one is deleted and the rest renumbered": (sql(f"DELETE FROM ledger_entries {IT}", NO_KEY, "UPDATE ledger_entries SET seq = seq - 1 WHERE customer_id = 2 AND seq > 3", "UPDATE ledger_heads SET seq = 5 WHERE customer_id = 2"), 3, "the chain is broken"),
    "all of a customer are deleted": (sql("DELETE FROM ledger_entries WHERE customer_id = 2"), 1, "all entries are missing, the head says 6"),
    "all of a customer and the head are deleted": (sql("DELETE FROM ledger_entries WHERE customer_id = 2", "DELETE FROM ledger_heads WHERE customer_id = 2"), 1, "no entry at all"),
    "everything is truncated": (sql("TRUNCATE ledger_entries"), 1, "all entries are missing"),
    "the table is replaced": (plain("ALTER TABLE ledger_entries RENAME TO kept", "CREATE TABLE ledger_entries AS SELECT * FROM kept WHERE NOT (customer_id = 2 AND seq = 3)"), 4, "a gap: 3 missing"),
    "two bodies are swapped": (sql(SWAP.format("body")), 3, CHANGED),
    "two entries swap places": (sql(NO_KEY, "UPDATE ledger_entries SET seq = 7 - seq WHERE customer_id = 2 AND seq IN (3, 4)"), 3, "the chain is broken"),
    "an entry is there twice": (sql(NO_KEY, f"{DUPLICATE} {IT}"), 3, "a fork: entry 3 is there twice"),
    "an entry moves to another customer": (sql(NO_KEY, f"UPDATE ledger_entries SET customer_id = 10 {IT}"), 4, "a gap: 3 missing"),
    "an entry is forged behind the last": (sql("INSERT INTO ledger_entries SELECT customer_id, 7, type, version, subject, body, actor, cause, occurred_at, recorded_at, hash, sha256('x') FROM ledger_entries WHERE customer_id = 2 AND seq = 6"), 7, CHANGED),
    "the head is set back": (sql("UPDATE ledger_heads SET seq = 3 WHERE customer_id = 2"), 4, "entries behind the head"),
    "the head's hash is another": (sql("UPDATE ledger_heads SET hash = sha256('x') WHERE customer_id = 2"), 6, "the head has another hash"),
    "the head is deleted": (sql("DELETE FROM ledger_heads WHERE customer_id = 2"), 6, "the ledger has no head"),
    "one is rewritten with its hash": (lambda c: rewrite(c, 2, 3, last=3, head=False), 4, "the chain is broken"),
    "the newest is rewritten with its hash": (lambda c: rewrite(c, 2, 6, head=False), 6, "the head has another hash"),
}  # fmt: skip

#: What leaves a ledger that is sound in itself -> how, and the first entry that is not what it was.
ANCHORED: dict[str, tuple[Callable[[Connection], None], int]] = {
    "a chain is rewritten from the first": (lambda c: rewrite(c, 2, 1), 6),
    "a chain is rewritten from the middle": (lambda c: rewrite(c, 2, 4), 6),
    "the tail is deleted and the head set back": (
        sql(
            "DELETE FROM ledger_entries WHERE customer_id = 2 AND seq > 4",
            "UPDATE ledger_heads h SET seq = 4, hash = e.hash FROM ledger_entries e"
            " WHERE h.customer_id = 2 AND e.customer_id = 2 AND e.seq = 4",
        ),
        6,
    ),
}


class TestVerify:
    def test_finds_nothing_in_a_ledger_nobody_touched(self, owner):
        report = verify(owner)

        assert (report.entries, report.customers, report.problems) == (18, 3, ())
        assert report.sound

    @pytest.mark.parametrize("what", FOUND)
    def test_finds_the_first_bad_entry_when(self, owner, what):
        do, seq, words = FOUND[what]

        do(owner)

        problems = [each for each in verify(owner).problems if each.customer_id == 2]
        assert problems[0].seq == seq
        assert problems[0].what.startswith(words)

    def test_finds_every_one_and_not_only_the_first(self, owner):
        run(owner, "UPDATE ledger_entries SET actor = 'x' WHERE seq IN (2, 5)")

        assert [(each.customer_id, each.seq) for each in verify(owner).problems] == [
            (customer, seq) for customer in (1, 2, 10) for seq in (2, 5)
        ]

    def test_of_a_large_ledger_tells_its_progress_and_lists_the_first_problems(self, owner):
        more = [NewEntry(10, "case.changed", "case:1", {}, NOW) for _ in range(10_000)]
        ledger.append(owner, more, actor="engine", cause="run:7", now=NOW)
        run(owner, "UPDATE ledger_entries SET actor = 'x'")
        told: list[int] = []

        report = verify(owner, progress=told.append)

        assert told == [10_000]
        assert len(report.problems) == MOST_PROBLEMS
        assert report.problems[0] == verify(owner).problems[0]


class TestACheckpoint:
    @pytest.mark.parametrize("what", ANCHORED)
    def test_finds_what_verify_can_not_when(self, owner, what):
        do, seq = ANCHORED[what]
        kept = list(heads(owner))

        do(owner)

        assert verify(owner).sound
        assert [(each.customer_id, each.seq) for each in against(owner, kept)] == [(2, seq)]
        assert checkpoint(owner) != digest_of(kept)

    def test_holds_while_the_ledger_grows(self, owner):
        kept = list(heads(owner))
        more = NewEntry(2, "case.changed", "case:1", {"rung": (6, 7)}, NOW)
        ledger.append(owner, [more], actor="engine", cause="run:7", now=NOW)

        assert against(owner, kept) == ()
        assert checkpoint(owner) != digest_of(kept)

    def test_is_the_digest_of_a_line_for_each_customer_by_number(self, owner):
        lines = list(heads(owner))

        assert [line.split()[:2] for line in lines] == [["1", "6"], ["2", "6"], ["10", "6"]]
        assert all(re.fullmatch(r"\d+ \d+ [0-9a-f]{64}\n", line) for line in lines)
        assert checkpoint(owner) == digest_of(lines)

    def test_of_an_empty_ledger_is_the_digest_of_nothing(self, engine):
        with engine.connect() as connection:
            assert checkpoint(connection) == digest_of([])
            assert against(connection, []) == ()

    def test_says_what_is_wrong(self, owner):
        kept = list(heads(owner))
        run(owner, "DELETE FROM ledger_entries WHERE customer_id = 2 AND seq = 6")

        missing = Problem(2, 6, "entry is missing since the checkpoint")
        assert against(owner, kept) == (missing,)


class TestTheProgramInTheDocs:
    @pytest.fixture
    def program(self, tmp_path):
        page = (ROOT / "docs/ledger.md").read_text()
        path = tmp_path / "independent.py"
        path.write_text(re.findall(r"```py\n(.*?)```", page, re.DOTALL)[0])
        return path

    def started(self, program: Path, url: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, program, url]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_is_short_and_uses_nothing_of_ours(self, program):
        assert len(program.read_text().splitlines()) <= 50
        assert "recoup" not in program.read_text().replace("search_path=recoup", "")

    def test_computes_the_same_checkpoint(self, owner, program, database_url):
        result = self.started(program, database_url)

        assert result.stdout.strip() == checkpoint(owner), result.stderr

    def test_stops_at_an_entry_that_was_changed(self, engine, owner, program, database_url):
        with engine.begin() as connection:
            run(connection, f"UPDATE ledger_entries SET actor = 'x' {IT}")

        result = self.started(program, database_url)

        assert result.returncode == 1
        assert "customer 2, entry 3" in result.stderr
