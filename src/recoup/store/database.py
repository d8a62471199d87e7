"""
Connections and the schema.

Every connection of ours has the schema as its search path, UTC as its zone, and durable commits
even where the server's default is `synchronous_commit=off`: an intent that a crash could forget
is no intent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

import psycopg
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL, make_url

from recoup.config import Config
from recoup.errors import SchemaOutdated, StoreError
from recoup.store import embedded

OLDEST_SERVER: Final = 140000


def database_url(config: Config) -> URL:
    """Return where the database is, starting the embedded server when none is named."""
    given = config.database_url
    raw = embedded.start(config.home) if given is None else given.get_secret_value()
    url = make_url(raw)
    return url.set(drivername="postgresql+psycopg")


def connect(
    url: URL,
    *,
    schema: str = "recoup",
    pool_size: int = 5,
    patience: timedelta | None = None,
    ping: bool = True,
) -> Engine:
    """
    Return an engine on `url`.

    The pool does not overflow: under load a growing pool is slower than a waiting one.

    Args:
        patience: How long a connection, a statement or a lock is waited for, for those whom
            somebody else waits for; by default as long as the server's own settings say. Whole
            seconds, at least two.
        ping: Whether a connection is tried before it is used, which is a round trip; without it
            the user tries again when one `is_lost`.
    """
    options = f"-c search_path={schema} -c timezone=UTC -c synchronous_commit=on"
    more: dict[str, int] = {}
    if patience is not None:
        ms = patience // timedelta(milliseconds=1)
        options += f" -c statement_timeout={ms} -c lock_timeout={ms}"
        more = {"connect_timeout": ms // 1000, "tcp_user_timeout": ms}
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_use_lifo=True,  # the one that was used last has its statements prepared
        pool_timeout=30 if patience is None else patience.total_seconds(),
        pool_pre_ping=ping,
        hide_parameters=True,  # they may be somebody's: neither logs nor errors show them
        connect_args={"options": options, "application_name": "recoup", **more},
    )


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """
    Lend a connection that can only read, for what is read again and again.

    It ends with a commit: at a rollback the driver forgets every statement that it has prepared,
    and the server has to plan each of them anew.
    """
    with engine.connect().execution_options(postgresql_readonly=True) as one, one.begin():
        yield one


def is_lost(error: BaseException) -> bool:
    """Whether it was a connection that failed, and another one may do better."""
    raised = getattr(error, "orig", error)
    if not isinstance(raised, psycopg.OperationalError):
        return False
    return raised.sqlstate is None or raised.sqlstate.startswith(("08", "57P"))


def failed(error: BaseException) -> bool:
    """Whether it is the server that could not, and not what it was asked that can not be."""
    return isinstance(getattr(error, "orig", error), psycopg.OperationalError)


def schema_of(connection: Connection) -> str:
    """Return the schema this connection works in."""
    name = connection.scalar(text("SELECT current_setting('search_path')"))
    return str(name).strip('"')


def upgrade(engine: Engine, revision: str = "head") -> None:
    """
    Bring the schema to `revision`.

    Raises:
        StoreError: the server is older than PostgreSQL 14.
    """
    with engine.begin() as connection:
        version = connection.scalar(text("SELECT current_setting('server_version_num')::int"))
        if version is None or version < OLDEST_SERVER:
            raise StoreError(f"PostgreSQL 14 or newer is needed, this server is {version}")
        schema = schema_of(connection)
        # Two processes may start at once; the second waits here and then finds nothing to do.
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": schema})
        connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
        command.upgrade(_alembic(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to `revision`; "base" removes everything."""
    with engine.begin() as connection:
        command.downgrade(_alembic(connection), revision)


def current(engine: Engine) -> str | None:
    """Return the schema's revision, or None when there is none."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        return context.get_current_revision()


@cache
def newest() -> str:
    """Return the revision this version of the code works with."""
    return str(ScriptDirectory.from_config(_alembic(None)).get_current_head())


def ensure_current(engine: Engine) -> None:
    """
    Do nothing if the schema is the one this code works with.

    Raises:
        SchemaOutdated: it is not; the text says which command helps.
    """
    found = current(engine)
    if found != newest():
        raise SchemaOutdated(
            f"the schema is at {found or 'nothing'}, this version needs {newest()}: "
            "run `recoup db upgrade`"
        )


def _alembic(connection: Connection | None) -> AlembicConfig:
    config = AlembicConfig()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
