"""Take away what any one place in the code writes to the ledger, and the ledger no longer fits."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from everything import POLICIES, Story, outbox

import recoup
from recoup.core.ledger import fold
from recoup.errors import StoreError
from recoup.store import batch
from recoup.store.ledgered import LEDGERED
from recoup.store.writer import Writer
from recoup.testing.scene import Scene

PACKAGE = Path(recoup.__file__).parent
#: They write what the ledger never tells: the version of a row, what is personal, and requests.
UNTOLD = {
    "commands.changing._updated",
    "commands.changing.keep.prepare",
    "commands.changing.update.prepare",
    "commands.scheduling._unmark",
    "store.records.customers.claim",
    "store.records.customers.link",
}
_decode = msgspec.json.Decoder(dict).decode


def places() -> Iterator[str]:
    """Every function that hands a ledgered row to a writer, "store.apply._opened"."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if module.startswith(("testing.", "store.writer")):
            continue
        yield from _within(ast.parse(path.read_text()), module)


def _within(node: ast.AST, name: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        named = isinstance(child, ast.FunctionDef | ast.ClassDef)
        if isinstance(child, ast.Call) and _writes(child):
            yield name
        yield from _within(child, f"{name}.{child.name}" if named else name)


def _writes(call: ast.Call) -> bool:
    """Whether it is `….writer.insert(table, …)` or update, of a table the ledger tells of."""
    if not (isinstance(call.func, ast.Attribute) and call.func.attr in {"insert", "update"}):
        return False
    if "writer" not in ast.unparse(call.func.value) or not call.args:
        return False
    table = ast.unparse(call.args[0])
    return not table.startswith("tables.") or table.removeprefix("tables.") in LEDGERED


@pytest.fixture
def passed():
    """Every place that handed a ledgered row to a writer while everything happened."""
    return set()


@pytest.fixture
def lived(database_url, tmp_path, monkeypatch, passed):
    """A scene in which everything has happened, its entries marked with who wrote them."""
    record = Writer._record

    def marked(self, kind, key, row, before, after, type, occurred_at):
        frame = sys._getframe(2)
        module = frame.f_globals["__name__"].removeprefix("recoup.")
        place = f"{module}.{frame.f_code.co_qualname}".replace(".<locals>", "")
        passed.add(place)
        record(self, kind, key, row, before, after, place, occurred_at)

    monkeypatch.setattr(Writer, "_record", marked)
    with Scene.open(database_url, tmp_path, outbox=outbox(), policies=POLICIES) as scene:
        Story(scene).tell()
        yield scene


def fits(connection, without: str | None = None) -> bool:
    """Whether the entries, those of one place left out, fold into the rows."""
    told = defaultdict(list)
    sql = "SELECT customer_id, type, subject, version, body FROM ledger_entries ORDER BY 1, seq"
    for customer_id, type, subject, version, body in batch.fetch(connection, sql):
        if type != without:
            told[customer_id].append((subject, version, _decode(body)))
    try:
        states = {key: fold(entries) for key, entries in told.items()}
    except StoreError:
        return False
    for of in LEDGERED.values():
        owner = "id" if of.kind == "customer" else "customer_id"
        sql = f"SELECT {owner}, {of.key}, {', '.join(of.columns)} FROM {of.table.name}"
        for customer_id, key, *row in batch.fetch(connection, sql):
            fields = states.get(customer_id, {}).get(f"{of.kind}:{key}")
            if customer_id is None:
                continue
            if fields is None or [fields.get(name) for name in of.columns] != (
                msgspec.to_builtins(row)
            ):
                return False
    return True


class TestEveryPlaceThatWrites:
    def test_is_reached_and_missed_when_it_writes_no_entry(self, lived, passed):
        with lived.recoup.database.connect() as connection:
            sql = "SELECT DISTINCT type FROM ledger_entries"
            told = {type for (type,) in batch.fetch(connection, sql)}
            assert fits(connection)

            unmissed = {place for place in told if fits(connection, without=place)}

        assert unmissed == set()
        assert set(places()) - passed == set()  # else it is dead, or the story lacks something
        assert passed - set(places()) == set()
        assert passed - told == UNTOLD
