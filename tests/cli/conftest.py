"""A terminal on a fresh database, and a small shop whose customers' payments failed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from recoup.cli import main
from recoup.core.money import Money
from recoup.processors.fake import LOST, NO_FUNDS, Asks, Declines, FakeProcessor, Pays
from recoup.store import database
from recoup.store.records import settings

#: The shop's simulated now: two days after the payments failed.
NOW = datetime(2026, 2, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Terminal:
    """Runs commands as a person does, with an environment of its own."""

    env: dict[str, str]

    def __call__(self, *words: str, stdin: bytes | None = None, **more: str) -> Result:
        env = {**self.env, **{name.upper(): value for name, value in more.items()}}
        return CliRunner().invoke(main, words, input=stdin, env=env)

    def json(self, *words: str) -> Any:
        result = self(*words, "--json")
        assert result.stdout, result.output
        return json.loads(result.stdout)


def _environment(url: str, home: Path) -> dict[str, str]:
    return {"RECOUP_DATABASE_URL": url, "RECOUP_HOME": str(home), "COLUMNS": "160"}


@pytest.fixture
def environment(database_url: str, home: Path) -> dict[str, str]:
    return _environment(database_url, home)


@pytest.fixture
def cli(environment: dict[str, str]) -> Terminal:
    return Terminal(environment)


@dataclass(frozen=True)
class World:
    """A pretended company's file, and its events as it sent them."""

    file: Path
    events: bytes


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Customers 1 pays, 2 has no funds, 3 lost the card, 4 must confirm; renewed on 1 February."""
    file = tmp_path_factory.mktemp("world") / "fake.sqlite3"
    with FakeProcessor(file, seed=1) as fake:
        price = fake.create_price(Money(1000, "EUR"))
        for moods in (None, Declines(NO_FUNDS), Declines(LOST), Asks()):
            customer = fake.create_customer(email="someone@example.com", country="DE")
            method = fake.attach_method(customer, Pays())
            fake.subscribe(customer, price)
            if moods is not None:
                fake.update_method(method, payer=moods)
        fake.advance(NOW)
        lines = [body for _, body in fake.events(limit=10_000)]
    return World(file, b"".join(line + b"\n" for line in lines))


@pytest.fixture
def simulated(engine: Engine) -> Callable[[datetime], None]:
    """Make the database live by a simulated clock."""

    def at(now: datetime) -> None:
        with engine.begin() as connection:
            settings.write(connection, {"simulated_now": now.isoformat()})

    return at


@pytest.fixture(scope="session")
def open_shop(world: World) -> Callable[[str, Path], Terminal]:
    """Let a database take the world's events in on 3 February; return a terminal on it."""

    def at(url: str, home: Path) -> Terminal:
        home.mkdir(parents=True)
        shutil.copy(world.file, home / "fake.sqlite3")
        made = database.connect(make_url(url).set(drivername="postgresql+psycopg"))
        with made.begin() as connection:
            settings.write(connection, {"simulated_now": NOW.isoformat()})
        made.dispose()
        cli = Terminal(_environment(url, home))
        result = cli("ingest", "-", stdin=world.events)
        assert result.exit_code == 0, result.output
        return cli

    return at


@pytest.fixture
def shop(database_url: str, home: Path, open_shop: Callable[[str, Path], Terminal]) -> Terminal:
    """A terminal on the database that took the world's events in on 3 February."""
    return open_shop(database_url, home)
