"""
Where a demonstration runs: a database that holds nothing real, and a simulated clock.

The database is the one the settings name. It is used only when it is empty or holds an earlier
demonstration, which is then removed; a business's own rows are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from recoup.billing import Recoup
from recoup.config import Config
from recoup.errors import ConfigError
from recoup.jobs.clocks import TestClock
from recoup.mail.senders.file import FileSender
from recoup.processors.fake import FakeProcessor
from recoup.store import database
from recoup.store.records import settings
from recoup.wiring import FAKE_BOOKS, SIMULATED_NOW

#: Every demonstration begins here, so that the same seed gives the same numbers on any day.
START: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
#: The setting that marks a database as a demonstration's.
DEMO: Final = "demo"


@dataclass(frozen=True, slots=True)
class Stage:
    """A prepared demonstration."""

    recoup: Recoup
    fake: FakeProcessor
    clock: TestClock


@contextmanager
def stage(config: Config, *, seed: int) -> Iterator[Stage]:
    """
    Prepare an empty database and a fake world; keep where the clock stood at the end.

    Raises:
        ConfigError: the database holds something that is no demonstration.
    """
    folder = config.home / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    books = folder / "books.sqlite3"
    mails = folder / "mail"
    _clear(config)
    for path in (*folder.glob("books.sqlite3*"), *mails.glob("*.eml")):
        path.unlink()
    clock = TestClock(START)
    with FakeProcessor(books, seed=seed, start=START) as fake:
        made = {DEMO: str(seed), FAKE_BOOKS: str(books), SIMULATED_NOW: START.isoformat()}
        _mark(config, made)
        with Recoup(config, processor=fake, sender=FileSender(mails), clock=clock) as recoup:
            yield Stage(recoup, fake, clock)
            with recoup.database.begin() as connection:
                settings.write(connection, {SIMULATED_NOW: clock.now().isoformat()})


def _clear(config: Config) -> None:
    engine = database.connect(database.database_url(config), schema=config.schema_name)
    try:
        if database.current(engine) is not None:
            with engine.connect() as connection:
                demo = DEMO in settings.read(connection)
                if not demo and settings.holds_customers(connection):
                    raise ConfigError(
                        "RECOUP_DATABASE_URL: expected an empty database or one that holds a "
                        "demonstration, for everything in it is removed; this one holds "
                        "customers. Name another one, or set RECOUP_HOME. See docs/demo.md."
                    )
            database.downgrade(engine, "base")
        database.upgrade(engine)
    finally:
        engine.dispose()


def _mark(config: Config, values: dict[str, str]) -> None:
    engine = database.connect(database.database_url(config), schema=config.schema_name)
    try:
        with engine.begin() as connection:
            settings.write(connection, values)
    finally:
        engine.dispose()
