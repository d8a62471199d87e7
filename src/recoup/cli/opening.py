"""Opening what a command works on: the settings, the database, and the whole of Recoup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import click
from sqlalchemy import Engine

from recoup import work
from recoup.billing import Recoup
from recoup.config import Config
from recoup.demo.stage import DEMO
from recoup.errors import InvalidValue
from recoup.jobs.clocks import Clock, SystemClock, TestClock
from recoup.store import database, embedded
from recoup.store.delivery import audience
from recoup.store.records import settings
from recoup.telemetry import lines
from recoup.wiring import SIMULATED_NOW

#: Later instants leave no room for the waits that are counted from them.
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


@contextmanager
def opened(*, at: datetime | None = None, log: str | None = None) -> Iterator[Recoup]:
    """
    Give the whole of Recoup, at the settings of the environment.

    Args:
        at: An instant to work at instead of now. The database has a simulated clock from then
            on, and it stands there: what is written was never written at another time.
        log: The form of log lines, instead of the setting's.

    Raises:
        InvalidValue: `at` with a real processor, before the simulated now, or too late.
    """
    config = Config.load() if log is None else Config.load(log=log)
    lines.configure(config.log)
    with stored(config) as engine:
        clock = None if at is None else _moved(engine, config, at)
    embedded.settled(config.home)
    work.collect_seldom()
    with Recoup(config, clock=clock) as recoup:
        yield recoup


@contextmanager
def stored(config: Config | None = None) -> Iterator[Engine]:
    """
    Give an engine on a database whose schema is current.

    An embedded database that is empty gets its schema here; a server that somebody named is
    theirs, so they are told which command to run.

    Raises:
        SchemaOutdated: the schema is missing or older than this version.
    """
    config = config or Config.load()
    engine = database.connect(database.database_url(config), schema=config.schema_name)
    try:
        if config.database_url is None and database.current(engine) is None:
            database.upgrade(engine)
        database.ensure_current(engine)
        yield engine
    finally:
        engine.dispose()


def say(recoup: Recoup, words: str) -> None:
    """Tell whoever started a process how it goes: a sentence, or a log line where those are."""
    if recoup.config.log == "json":
        lines.log.info(words)
    else:
        click.echo(words, err=True)


def warn_of_address(recoup: Recoup) -> None:
    """Tell whoever starts a process that mails lack what the law of a customer's country wants."""
    if recoup.config.mail_address is not None:
        return
    with recoup.database.connect() as connection:
        country = audience.wants_an_address(connection)
    if country is not None:
        say(
            recoup,
            f"customers live in {country}, and below mails there is no postal address: set "
            "RECOUP_MAIL_ADDRESS",
        )


def refuse_a_demonstration(recoup: Recoup) -> None:
    """
    Keep a business's own events out of a database that the next demonstration empties.

    Raises:
        InvalidValue: it holds one.
    """
    with recoup.database.connect() as connection:
        if DEMO in settings.read(connection):
            raise InvalidValue(
                "this database holds a demonstration, and the next one removes everything in it: "
                "set RECOUP_HOME or RECOUP_DATABASE_URL to take in events of your own"
            )


def clock_of(engine: Engine) -> Clock:
    """Return the clock that this database lives by."""
    with engine.connect() as connection:
        simulated = settings.read(connection).get(SIMULATED_NOW)
    return SystemClock() if simulated is None else TestClock(datetime.fromisoformat(simulated))


def _moved(engine: Engine, config: Config, at: datetime) -> Clock:
    with engine.begin() as connection:
        simulated = settings.read(connection).get(SIMULATED_NOW)
        if simulated is None:
            if config.processor != "fake":
                raise InvalidValue(
                    "--now is for a simulated clock or the fake processor: this database lives "
                    f"in real time, with {config.processor}"
                )
        elif at < datetime.fromisoformat(simulated):
            raise InvalidValue(
                f"--now {at.isoformat()}: the simulated clock is at {simulated} "
                "and never goes back"
            )
        if at > LATEST:
            raise InvalidValue(f"--now {at.isoformat()}: the latest is {LATEST.isoformat()}")
        settings.write(connection, {SIMULATED_NOW: at.isoformat()})
    return TestClock(at)
